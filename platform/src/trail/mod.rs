//! The trail: every refusal of somebody who is not believed, not allowed or too many, as a record for those who watch over
//! security; and beside it, in files of its own, who was given what. No secret, no address and no text of a person stands in it: ids, routes and reasons of ours.
//!
//! The fields are named after the Elastic Common Schema (ECS 8), so that a collector takes the lines as they are. Records go
//! to a file of their own where one is set ([`Trail`](crate::sections::Trail)), else into the log.

mod file;
mod record;

use std::sync::OnceLock;

pub use file::TrailError;
pub use record::{AccessRecord, Record, SecurityEvent, Severity, What};

use crate::sections::{self, Permitted};
use file::File;

static FILES: OnceLock<Files> = OnceLock::new();

/// The files of this process.
struct Files {
    refused: File,
    permitted: Option<(Permitted, File)>,
}

/// Sends the records of this process to the file of the settings from here on; once for a process.
///
/// # Errors
/// The file cannot be written.
pub fn start(settings: &sections::Trail, service: &str) -> Result<(), TrailError> {
    if let Some(folder) = &settings.folder {
        let open = |name: &str| File::open(folder, name, settings.file_bytes, settings.files);
        let permitted = match settings.permitted {
            Permitted::None => None,
            which => Some((which, open(&format!("{service}.permitted"))?)),
        };
        // A second start in one process, as in tests, changes nothing.
        let _ = FILES.set(Files { refused: open(service)?, permitted });
    }
    Ok(())
}

/// Writes the records that wait. Call it as one of the last things of a process.
pub fn stop() {
    if let Some(files) = FILES.get() {
        files.refused.flush();
        files.permitted.iter().for_each(|(_, file)| file.flush());
    }
}

/// Whether something that was permitted leaves a record.
pub fn keeps_permitted(is_read: bool) -> bool {
    let which = FILES.get().and_then(|files| files.permitted.as_ref()).map(|(which, _)| *which);
    which.is_some_and(|which| is_read || which == Permitted::All)
}

/// Keeps a record. Never waits: what does not fit into the queue is counted and lost.
pub fn keep(record: &Record) {
    let line = record.line();
    match (FILES.get(), &record.what) {
        (Some(Files { permitted: Some((_, file)), .. }), What::Permitted(_)) => file.keep(line),
        (_, What::Permitted(_)) => {}
        (Some(files), _) => files.refused.keep(line),
        (None, _) => tracing::info!(target: "daybook_trail", record = line, "refused"),
    }
}
