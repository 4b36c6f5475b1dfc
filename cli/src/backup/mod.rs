//! Backup and restore: what cannot be derived again, into a folder, and from it into an empty cluster.
//!
//! The journals are kept record for record, claims and void records included, so that offsets, positions and checkpoints are
//! the same afterwards. The manifest is written last: a folder without one is no backup.

use std::path::PathBuf;

use clap::Args;
use daybook_journal::Settings as Journal;

use crate::fault::Fault;
use crate::settings::Settings;

mod files;
mod frames;
mod journals;
mod key;
mod keys;
mod make;
mod manifest;
mod registry;
mod restore;
mod schemas;
mod sign_in;

/// Where to back up to.
#[derive(Debug, Args)]
pub struct BackupRequest {
    /// The folder to write: made, or empty
    folder: PathBuf,
}

/// What to restore.
#[derive(Debug, Args)]
pub struct RestoreRequest {
    /// The folder that `daybook backup` has written
    folder: PathBuf,
    /// How many copies of each journal the cluster is to hold; 3, or 1 in development
    #[arg(long)]
    replicas: Option<i32>,
    /// Looks whether the backup is whole, and restores nothing
    #[arg(long)]
    check: bool,
}

/// Makes a backup.
pub async fn backup(request: &BackupRequest, settings: &Settings) -> Result<(), Fault> {
    make::run(&request.folder, &journal(settings), settings).await
}

/// Checks a backup, and restores it.
pub async fn restore(request: &RestoreRequest, settings: &Settings) -> Result<(), Fault> {
    let replicas = request.replicas.unwrap_or(if settings.kafka.development { 1 } else { 3 });
    let manifest = restore::check(&request.folder)?;
    if request.check {
        println!("the backup of {} is whole", manifest.made);
        return Ok(());
    }
    restore::run(&request.folder, &manifest, &journal(settings), settings, replicas).await
}

fn journal(settings: &Settings) -> Journal {
    let mut journal = Journal::new(settings.kafka.brokers.clone(), "daybook-cli");
    journal.development = settings.kafka.development;
    journal
}
