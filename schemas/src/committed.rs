//! What is committed of the contracts, against what the declaration says today.
//!
//! ```text
//! avro/<subject>.avsc                the present schema of an event type, or of the envelope
//! avro/history/<subject>/<n>.avsc    the versions before it, the first is 1
//! fixtures/events/<subject>/<n>.json bytes of each version with their meaning, never changed
//! openapi/<service>.json             the API of each service
//! ```
//!
//! A schema that a journal may hold is never lost and never contradicted: every version must read every other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use daybook_kernel::json;
use serde_json::json;
use thiserror::Error;

use crate::{Catalogue, SchemaText, compatibility, envelope, fingerprint, hex::Hex, sample};

/// A file that differs from what the declaration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path below `schemas/`.
    pub path: PathBuf,
    /// What it should hold.
    pub text: String,
}

/// The contracts cannot be brought up to date.
#[derive(Debug, Error)]
pub enum CommittedError {
    /// Changes that would make something in a journal unreadable, one sentence each.
    #[error("{}", .0.join("\n"))]
    Incompatible(Vec<String>),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What must be written below `root` so that what is committed says what the declaration says; nothing, if it does.
///
/// # Errors
/// When a schema has become incompatible with an earlier version of it, when an event that was committed is declared no
/// longer, or when a file cannot be read.
pub fn changes(
    root: &Path,
    catalogue: &Catalogue,
    documents: &[(&str, serde_json::Value)],
) -> Result<Vec<Change>, CommittedError> {
    let mut changes = Vec::new();
    let mut refusals = gone(root, catalogue)?;
    for schema in catalogue.texts() {
        match of_schema(root, catalogue, &schema)? {
            Ok(found) => changes.extend(found),
            Err(found) => refusals.extend(found),
        }
    }
    for (name, document) in documents {
        changes.extend(differs(root, format!("openapi/{name}.json").into(), format!("{document:#}\n"))?);
    }
    if refusals.is_empty() { Ok(changes) } else { Err(CommittedError::Incompatible(refusals)) }
}

/// Writes the changes below `root`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path, changes: &[Change]) -> Result<(), CommittedError> {
    for change in changes {
        let path = root.join(&change.path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &change.text));
        written.map_err(|source| CommittedError::File { path, source })?;
    }
    Ok(())
}

/// Every version of a subject's schema that is committed, the present one last.
///
/// # Errors
/// When a file cannot be read.
pub fn versions(root: &Path, subject: &str) -> Result<Vec<String>, CommittedError> {
    let mut versions = Vec::new();
    while let Some(text) = read(&root.join(history(subject, versions.len() + 1)))? {
        versions.push(text);
    }
    versions.extend(read(&root.join(present(subject)))?);
    Ok(versions)
}

fn present(subject: &str) -> PathBuf {
    format!("avro/{subject}.avsc").into()
}

fn history(subject: &str, version: usize) -> PathBuf {
    format!("avro/history/{subject}/{version}.avsc").into()
}

fn fixture(subject: &str, version: usize) -> PathBuf {
    format!("fixtures/events/{subject}/{version}.json").into()
}

/// Events that were committed and are declared no longer.
fn gone(root: &Path, catalogue: &Catalogue) -> Result<Vec<String>, CommittedError> {
    let declared: BTreeSet<String> = catalogue.texts().map(|schema| schema.subject.to_owned()).collect();
    let folder = root.join("avro");
    let failed = |source| CommittedError::File { path: folder.clone(), source };
    let mut gone = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(subject) = name.to_str().and_then(|name| name.strip_suffix(".avsc"))
            && !declared.contains(subject)
        {
            gone.push(format!(
                "{subject}: declared no longer, but a journal may hold it: keep the event, its reader must stay"
            ));
        }
    }
    gone.sort();
    Ok(gone)
}

/// What to write for one schema, or why not.
fn of_schema(
    root: &Path,
    catalogue: &Catalogue,
    schema: &SchemaText<'_>,
) -> Result<Result<Vec<Change>, Vec<String>>, CommittedError> {
    let mut versions = versions(root, schema.subject)?;
    let mut changes = Vec::new();
    if versions.last().is_none_or(|last| last != schema.text) {
        let refusals: Vec<String> = versions
            .iter()
            .enumerate()
            .flat_map(|(place, earlier)| {
                let why = compatibility::conflicts(earlier, schema.text);
                why.into_iter().map(move |why| {
                    format!(
                        "{subject}: incompatible with its version {}: {why}; a breaking change is a new event type",
                        place + 1,
                        subject = schema.subject
                    )
                })
            })
            .collect();
        if !refusals.is_empty() {
            return Ok(Err(refusals));
        }
        if let Some(last) = versions.last() {
            changes.push(Change { path: history(schema.subject, versions.len()), text: last.clone() });
        }
        changes.push(Change { path: present(schema.subject), text: schema.text.to_owned() });
        versions.push(schema.text.to_owned());
    }
    if schema.subject != envelope::SUBJECT {
        let path = fixture(schema.subject, versions.len());
        if read(&root.join(&path))?.is_none() {
            changes.push(Change { path, text: fixture_text(catalogue, schema, versions.len()) });
        }
    }
    Ok(Ok(changes))
}

/// Sample bytes of an event's present schema, with what they mean.
fn fixture_text(catalogue: &Catalogue, schema: &SchemaText<'_>, version: usize) -> String {
    let (kind, event) = daybook_contents::event(schema.subject).expect("the catalogue holds declared events only");
    let shape = kind.events()[event].body;
    let body = sample::record(shape);
    let (fingerprint, bytes) = catalogue.encode(kind, event, &body).expect("a sample has its shape");
    let fixture = json!({
        "type": schema.subject,
        "version": version,
        "schema": Hex(&fingerprint).to_string(),
        "body": json::write_record(shape, &body),
        "bytes": Hex(&bytes).to_string(),
    });
    format!("{fixture:#}\n")
}

fn differs(root: &Path, path: PathBuf, text: String) -> Result<Option<Change>, CommittedError> {
    let same = read(&root.join(&path))?.is_some_and(|found| found == text);
    Ok((!same).then_some(Change { path, text }))
}

fn read(path: &Path) -> Result<Option<String>, CommittedError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CommittedError::File { path: path.to_owned(), source }),
    }
}

/// Every committed text of every subject by its fingerprint: what [`Catalogue::learn`] would get from the schemas topic.
///
/// # Errors
/// When a file cannot be read.
pub fn every_text(root: &Path, catalogue: &Catalogue) -> Result<BTreeMap<[u8; 32], String>, CommittedError> {
    let mut texts = BTreeMap::new();
    for schema in catalogue.texts() {
        texts.extend(versions(root, schema.subject)?.into_iter().map(|text| (fingerprint(&text), text)));
    }
    Ok(texts)
}
