//! The trail: every refusal of somebody who is not believed, not allowed or too many, as a record for those who watch over
//! security. No secret, no address and no text of a person stands in it: ids, routes and reasons of ours.
//!
//! The fields are named after the Elastic Common Schema (ECS 8), so that a collector takes the lines as they are. Records go
//! to a file of their own where one is set ([`Trail`](crate::sections::Trail)), else into the log.

mod file;
mod record;

use std::sync::OnceLock;

pub use file::TrailError;
pub use record::{AccessRecord, Record, SecurityEvent, Severity, What};

use crate::sections;
use file::File;

static FILE: OnceLock<File> = OnceLock::new();

/// Sends the records of this process to the file of the settings from here on; once for a process.
///
/// # Errors
/// The file cannot be written.
pub fn start(settings: &sections::Trail, service: &str) -> Result<(), TrailError> {
    if let Some(folder) = &settings.folder {
        let file = File::open(folder, service, settings.file_bytes, settings.files)?;
        // A second start in one process, as in tests, changes nothing.
        let _ = FILE.set(file);
    }
    Ok(())
}

/// Writes the records that wait. Call it as one of the last things of a process.
pub fn stop() {
    if let Some(file) = FILE.get() {
        file.flush();
    }
}

/// Keeps a record. Never waits: what does not fit into the queue is counted and lost.
pub fn keep(record: &Record) {
    let line = record.line();
    match FILE.get() {
        Some(file) => file.keep(line),
        None => tracing::info!(target: "daybook_trail", record = line, "refused"),
    }
}
