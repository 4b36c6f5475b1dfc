//! What sign-in keeps, in a backup: hashes of passwords and seeds of second factors as they are sealed, tokens and API keys by their
//! hashes, signing keys.
//!
//! The key they are sealed under (`sign_in.key`) is not in it: whoever finds a backup signs nothing and guesses no password.

use std::path::Path;

use daybook_sign_in::dump;
use daybook_sign_in::store::{connections, prepare};

use super::files;
use super::manifest::Part;
use crate::fault::Fault;
use crate::settings::Settings;

const FILE: &str = "sign-in.jsonl";

/// Writes the rows into the folder.
pub async fn keep(folder: &Path, settings: &Settings) -> Result<Part, Fault> {
    let pool = connections(&settings.postgres)?;
    prepare(&pool).await?;
    let mut content = Vec::new();
    for kept in dump::keep(&pool).await? {
        serde_json::to_writer(&mut content, &kept).expect("a row is JSON");
        content.push(b'\n');
    }
    Ok(Part::Kept(files::write(folder, FILE, &content)?))
}

/// Reads the rows of a backup, and checks that there is a place for them.
///
/// # Errors
/// A row is none, or Postgres does not answer.
pub async fn check(folder: &Path, part: &Part, settings: &Settings) -> Result<Vec<dump::Kept>, Fault> {
    let Part::Kept(kept) = part else { return Ok(Vec::new()) };
    let content = files::read(folder, kept)?;
    let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows: Vec<dump::Kept> = lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::asked(format!("{FILE} is damaged: {error}")))?;
    if let Some(row) = rows.iter().find(|row| !row.is_known()) {
        return Err(Fault::asked(format!("{FILE} is damaged: {row:?} is of no table of sign-in")));
    }
    prepare(&connections(&settings.postgres)?).await?;
    Ok(rows)
}

/// Puts them back.
///
/// # Errors
/// Postgres does not answer.
pub async fn put(rows: &[dump::Kept], settings: &Settings) -> Result<(), Fault> {
    Ok(dump::put(&connections(&settings.postgres)?, rows).await?)
}
