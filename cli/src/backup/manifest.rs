//! The manifest: what a backup holds, and what it does not. Written last, so that a folder without one is no backup.

use std::fs;
use std::io;
use std::path::Path;

use daybook_journal::copy::Tip;
use daybook_journal::topics::{Kind, Topic};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::files::{self, Kept};
use crate::fault::Fault;

/// The form of the folder that this code writes. It reads the first as well, which holds neither data keys nor sign-in.
pub const FORMAT: u64 = 2;

/// Its name.
const NAME: &str = "manifest.json";

/// What stands in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the folder.
    pub format: u64,
    /// When the backup was begun.
    pub made: String,
    /// The version of the tool that made it.
    pub version: String,
    /// The journals, partition by partition.
    pub journals: Vec<Partition>,
    /// The topic `schemas`.
    pub schemas: Kept,
    /// The schema registry.
    pub registry: Registry,
    /// The installation's secret.
    pub sealing_key: Part,
    /// The data keys of personal data, wrapped.
    pub key_store: Part,
    /// What sign-in keeps: secrets sealed, tokens as hashes.
    #[serde(default = "Part::before")]
    pub sign_in: Part,
    /// Secrets of connections.
    pub vault: Part,
    /// Files and attachments.
    pub files: Part,
}

/// A partition of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// The journal topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Its records, of whatever kind.
    pub records: u64,
    /// Its claims.
    pub claims: u64,
    /// Its void records.
    pub voids: u64,
    /// The offset of the first record; none where there is none.
    pub first_offset: Option<i64>,
    /// The offset of the last record.
    pub last_offset: Option<i64>,
    /// The number of the last entry: the last position.
    pub number: u64,
    /// The term that stands.
    pub term: u64,
    /// The digest of the last entry: the end of the chain.
    pub digest: String,
    /// Its records.
    #[serde(flatten)]
    pub kept: Kept,
}

impl Partition {
    /// Whether records that amount to this are those of the manifest.
    pub fn fits(&self, tip: &Tip) -> bool {
        (tip.gate.number, tip.gate.term, tip.gate.digest.to_string()) == (self.number, self.term, self.digest.clone())
    }
}

/// The schema registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// Its subjects, versions, ids and levels, as its own interface tells them.
    pub subjects: Kept,
    /// Its own export, which keeps the ids.
    pub export: Part,
}

/// What may be there or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It is in this file.
    Kept(Kept),
    /// It is not in this backup, and why.
    Absent(String),
}

impl Part {
    /// What an older form of the folder says nothing of.
    fn before() -> Self {
        Self::Absent("this backup was made before it could hold this".into())
    }

    /// Its file, if it has one.
    pub fn kept(&self) -> Option<&Kept> {
        match self {
            Part::Kept(kept) => Some(kept),
            Part::Absent(_) => None,
        }
    }
}

impl Manifest {
    /// Every file of the backup.
    pub fn kept(&self) -> Vec<&Kept> {
        let parts =
            [&self.registry.export, &self.sealing_key, &self.key_store, &self.sign_in, &self.vault, &self.files];
        let named = [&self.schemas, &self.registry.subjects].into_iter();
        let journals = self.journals.iter().map(|partition| &partition.kept);
        journals.chain(named).chain(parts.into_iter().filter_map(Part::kept)).collect()
    }

    /// The topics of the journals.
    ///
    /// # Errors
    /// A partition is not there that others of its topic need.
    pub fn topics(&self) -> Result<Vec<Topic>, Fault> {
        let mut topics: Vec<Topic> = Vec::new();
        for Partition { topic: name, partition, .. } in &self.journals {
            let is_first = *partition == 0 && topics.iter().all(|topic| topic.name != *name);
            match topics.last_mut() {
                Some(topic) if topic.name == *name && topic.partitions == *partition => topic.partitions += 1,
                _ if is_first => topics.push(Topic { name: name.clone(), partitions: 1, kind: Kind::Journal }),
                _ => return Err(Fault::asked(format!("the manifest is damaged: {name}/{partition} is out of place"))),
            }
        }
        Ok(topics)
    }

    /// Writes it, as the last of the folder.
    pub fn write(&self, folder: &Path) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(self).expect("the manifest is texts and numbers") + "\n";
        let unfinished = format!("{NAME}.unfinished");
        files::write(folder, &unfinished, text.as_bytes())?;
        let path = folder.join(NAME);
        fs::rename(folder.join(unfinished), &path).map_err(Fault::file(&path))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Fault::file(folder))
    }

    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// There is none, or one of another form.
    pub fn read(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let said = "it has no manifest.json, which is written last: the backup was not finished";
                return Err(Fault::asked(format!("{} cannot be restored: {said}", folder.display())));
            }
            Err(error) => return Err(Fault::file(path)(error)),
        };
        let damaged = |error: serde_json::Error| Fault::asked(format!("{} is damaged: {error}", path.display()));
        let said: Json = serde_json::from_str(&text).map_err(damaged)?;
        match said["format"].as_u64() {
            Some(1..=FORMAT) => serde_json::from_value(said).map_err(damaged),
            found => {
                let found = found.map_or("unknown".to_owned(), |format| format.to_string());
                let said = format!("the backup has the format {found}; this tool reads the formats 1 to {FORMAT}");
                Err(Fault::asked(format!("{}: {said}", path.display())))
            }
        }
    }
}
