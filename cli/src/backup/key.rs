//! The sealing key: without it blind indexes find nothing again, and what was sealed before there was a vault does not open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use daybook_platform::settings::{Sources, load_from};
use serde::{Deserialize, Serialize};

use super::files;
use super::manifest::Part;
use crate::fault::Fault;

const FILE: &str = "sealing-key";

/// The variable that may hold the key itself, in the place of a file.
const VARIABLE: &str = "DAYBOOK_SEALING_KEY";

/// Where the key is, without asking that it is there: a machine that is restored may not have it yet.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Places {
    sealing: Sealing,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Sealing {
    key_file: Option<PathBuf>,
}

/// The file that holds the key, or why there is none.
fn place() -> Result<Result<PathBuf, String>, Fault> {
    let mut sources = Sources::of_this_process()?;
    let given = sources.environment.iter().any(|(name, value)| name == VARIABLE && !value.is_empty());
    sources.environment.retain(|(name, _)| name != VARIABLE);
    let places: Places = load_from(sources)?;
    Ok(match places.sealing.key_file {
        _ if given => Err(format!("it is given by {VARIABLE}: keep it where that comes from")),
        Some(path) => Ok(path),
        None => Err("no sealing.key_file is set: keep the key where it comes from".into()),
    })
}

/// Copies the key into the folder.
pub fn keep(folder: &Path) -> Result<Part, Fault> {
    Ok(match place()? {
        Ok(path) => Part::Kept(files::write(folder, FILE, &fs::read(&path).map_err(Fault::file(&path))?)?),
        Err(why) => Part::Absent(why),
    })
}

/// What becomes of the key in a restore.
#[derive(Debug)]
pub enum Restored {
    /// It is to be written here.
    To(PathBuf, Vec<u8>),
    /// It is there.
    Same,
    /// The operator has to see to it.
    ByHand(String),
}

/// Looks where the key goes.
///
/// # Errors
/// There is another one.
pub fn check(folder: &Path, part: &Part) -> Result<Restored, Fault> {
    let kept = match part {
        Part::Kept(kept) => files::read(folder, kept)?,
        Part::Absent(why) => return Ok(Restored::ByHand(format!("the backup has no sealing key ({why})"))),
    };
    let path = match place()? {
        Ok(path) => path,
        Err(why) => return Ok(Restored::ByHand(format!("the sealing key of the backup is not put anywhere: {why}"))),
    };
    match fs::read(&path) {
        Ok(found) if found.trim_ascii() == kept.trim_ascii() => Ok(Restored::Same),
        Ok(_) => Err(Fault::asked(format!(
            "{} is another sealing key than the backup's, and could not open what is restored: move it away first",
            path.display()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Restored::To(path, kept)),
        Err(error) => Err(Fault::file(path)(error)),
    }
}

/// Puts the key where it goes.
pub fn put(restored: &Restored) -> Result<(), Fault> {
    match restored {
        Restored::To(path, key) => {
            let mut file = files::create(path)?;
            io::Write::write_all(&mut file, key).and_then(|()| file.sync_all()).map_err(Fault::file(path))
        }
        Restored::Same | Restored::ByHand(_) => Ok(()),
    }
}
