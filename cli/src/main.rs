//! `daybook`, the operator's tool: tokens of the development issuer, the demo tenant, imports, rebuilds, policies, journals, backups, persons, keys, measurements.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fault::Fault;
use settings::Settings;

mod access;
mod api;
mod backup;
mod bench;
mod fault;
mod import;
mod journal;
mod policies;
mod progress;
mod rebuild;
mod role;
mod seed;
mod settings;
mod sign_in;
mod spent;
mod subject;
mod tenant;
mod token;
mod vault;

/// The operator's tool of Daybook. Settings come from the file that DAYBOOK_CONFIG names, and from DAYBOOK_CLI_… variables.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The development issuer: signs tokens until identity is built
    #[command(subcommand)]
    Issuer(token::IssuerCommand),
    /// Prints a token of the development issuer
    Token(token::TokenRequest),
    /// Loads the demo tenant, and prints how to talk to it
    Seed,
    /// Brings in the history of another tool
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Builds the next version of a view beside the live one, and switches to it
    Rebuild(rebuild::Request),
    /// Rotates the keys that sign-in signs tokens with
    #[command(subcommand)]
    SignIn(sign_in::SignInCommand),
    /// Lists what policies could not get done, and has it tried once more
    #[command(subcommand)]
    Policies(policies::PoliciesCommand),
    /// Access policies as code: checks a file in Cedar, and puts it in force
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Looks into the journals: shows, follows, replays, verifies, counts
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Copies what cannot be derived again into a folder: journals, schemas, registry, key
    Backup(backup::BackupRequest),
    /// Checks a backup, and restores it into an empty cluster
    Restore(backup::RestoreRequest),
    /// Hands out what is known of a person, or has a person forgotten
    #[command(subcommand)]
    Subject(subject::SubjectCommand),
    /// The key-encryption keys of personal data
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// Measures the running system on this machine under load
    Bench(bench::Request),
    /// Writes a large incident journal of copies, for measuring; never on a system that matters
    #[command(hide = true)]
    Fill(bench::fill::Request),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("daybook: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Fault> {
    let settings: Settings = daybook_platform::settings::load()?;
    match command {
        Command::Issuer(command) => token::issuer(command),
        Command::Token(request) => token::print(request, &settings),
        Command::Seed => seed::run(&settings).await,
        Command::Import(command) => import::run(command, &settings).await,
        Command::Rebuild(request) => rebuild::run(request, &settings).await,
        Command::SignIn(command) => sign_in::run(command, &settings).await,
        Command::Access(command) => access::run(command, &settings).await,
        Command::Policies(command) => policies::run(command, &settings).await,
        Command::Journal(command) => journal::run(command, &settings).await,
        Command::Backup(request) => backup::backup(&request, &settings).await,
        Command::Restore(request) => backup::restore(&request, &settings).await,
        Command::Subject(command) => subject::run(command, &settings).await,
        Command::Vault(command) => vault::run(command, &settings).await,
        Command::Bench(request) => bench::run(request, &settings).await,
        Command::Fill(request) => bench::fill::run(request, &settings).await,
    }
}
