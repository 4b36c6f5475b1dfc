//! The topic `schemas`: the text of every schema under its fingerprint.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use daybook_journal::topics::{self, Topic};
use daybook_journal::{Settings, Shelf};

use super::files::{self, Kept, hex};
use crate::fault::Fault;

const FILE: &str = "schemas.json";

/// How long Kafka may take for the whole topic.
const PATIENCE: Duration = Duration::from_secs(30);

/// The texts by fingerprint, in hexadecimal.
type Texts = BTreeMap<String, String>;

/// Writes every schema into a file.
pub fn keep(settings: &Settings, folder: &Path) -> Result<Kept, Fault> {
    let text = serde_json::to_string_pretty(&held(settings)?).expect("texts by texts") + "\n";
    files::write(folder, FILE, text.as_bytes())
}

fn held(settings: &Settings) -> Result<Texts, Fault> {
    let items = Shelf::new(settings, &Topic::schemas().name).load(PATIENCE)?;
    let text = |(key, value): (Vec<u8>, Vec<u8>)| match String::from_utf8(value) {
        Ok(text) => Ok((hex(&key), text)),
        Err(_) => Err(Fault::asked(format!("the schema {} in the topic schemas is no text", hex(&key)))),
    };
    items.into_iter().map(text).collect()
}

/// The schemas of the backup.
pub fn read(folder: &Path, kept: &Kept) -> Result<Texts, Fault> {
    serde_json::from_slice(&files::read(folder, kept)?)
        .map_err(|error| Fault::asked(format!("{} is damaged: {error}", kept.file)))
}

/// Refuses a cluster that keeps another text under one of these fingerprints.
pub async fn check(settings: &Settings, texts: &Texts) -> Result<(), Fault> {
    // What is not there yet is made: a cluster that is to be restored may be quite empty.
    topics::ensure(settings, &[Topic::schemas()], if settings.development { 1 } else { 3 }).await?;
    let held = held(settings)?;
    match texts.iter().find(|(key, text)| held.get(*key).is_some_and(|held| held != *text)) {
        None => Ok(()),
        Some((key, _)) => Err(Fault::asked(format!(
            "the cluster's topic schemas keeps another text under {key} than the backup: it is not an empty cluster"
        ))),
    }
}

/// Puts the schemas back.
pub fn put(settings: &Settings, texts: &Texts) -> Result<(), Fault> {
    let items: Option<Vec<_>> =
        texts.iter().map(|(key, text)| Some((unhex(key)?, text.clone().into_bytes()))).collect();
    let items = items.ok_or_else(|| Fault::asked(format!("{FILE} is damaged: a fingerprint is not hexadecimal")))?;
    Ok(Shelf::new(settings, &Topic::schemas().name).put(&items, PATIENCE)?)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.is_ascii() && text.len().is_multiple_of(2);
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    if digits { (0..text.len()).step_by(2).map(byte).collect() } else { None }
}
