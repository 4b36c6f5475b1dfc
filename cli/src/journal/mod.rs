//! Looking into the journals: what was accepted, by whom, in what order, and whether the log is whole.
//!
//! Everything is read through the admission rule, from Kafka alone: no service and no store is asked.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use daybook_journal::{Position, Settings as Journal};

use crate::fault::Fault;
use crate::settings::Settings;
use chosen::{Beginning, Chosen};

mod chosen;
pub mod printed;
mod replay;
mod show;
mod shown;
mod stats;
mod tail;
mod verify;
mod walk;

/// What to do with the journals.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Shows one entry in full
    Show {
        /// Its position, such as journal.incident/3#4711
        position: Position,
    },
    /// Shows the latest entries, and with --follow those to come
    Tail(TailRequest),
    /// Writes entries as JSON, one in a line
    Replay(ReplayRequest),
    /// Reads whole journals by the admission rule, and says whether they are whole
    Verify(Topics),
    /// Counts entries, events, tenants, claims and void records
    Stats(Topics),
}

/// Which journals.
#[derive(Debug, Args)]
pub struct Topics {
    /// Contexts, such as incident; all where none is said
    #[arg(value_name = "CONTEXT")]
    contexts: Vec<String>,
}

/// What of the latest to show.
#[derive(Debug, Args)]
pub struct TailRequest {
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    chosen: Chosen,
    /// How many entries to begin with
    #[arg(short = 'n', long, default_value_t = 10)]
    lines: usize,
    /// Goes on with what is to come
    #[arg(short, long)]
    follow: bool,
}

/// What to replay, and whereto.
#[derive(Debug, Args)]
pub struct ReplayRequest {
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    chosen: Chosen,
    /// A position (journal.incident/3#4711: that partition from there) or a time (2026-11-21T09:00:00Z: all from there)
    #[arg(long)]
    from: Option<Beginning>,
    /// The file to write; standard output where none is said
    #[arg(short, long)]
    out: Option<PathBuf>,
}

/// Runs a command on the journals.
pub async fn run(command: JournalCommand, settings: &Settings) -> Result<(), Fault> {
    let mut journal = Journal::new(settings.kafka.brokers.clone(), "daybook-cli");
    journal.development = settings.kafka.development;
    match command {
        JournalCommand::Show { position } => show::run(&journal, &position).await,
        JournalCommand::Tail(request) => tail::run(&journal, &request).await,
        JournalCommand::Replay(request) => replay::run(&journal, &request).await,
        JournalCommand::Verify(topics) => verify::run(&journal, &topics).await,
        JournalCommand::Stats(topics) => stats::run(&journal, &topics).await,
    }
}
