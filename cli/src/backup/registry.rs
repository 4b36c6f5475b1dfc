//! The schema registry: its ids have to be the same afterwards, because every entry names the one of its envelope.
//!
//! Confluent's interface tells everything but keeps no ids when it is told again; Apicurio's own export does. So both are kept:
//! the export to be restored, and the list to see that it came out the same.

use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::files::{self, Kept};
use super::manifest::{self, Part};
use crate::fault::Fault;

const LIST: &str = "registry.json";
const EXPORT: &str = "registry.zip";

/// Where Confluent's interface begins in an Apicurio registry.
const CCOMPAT: &str = "/apis/ccompat/";

/// Requests under way at once.
const CONCURRENCY: usize = 16;

/// How often the list and the export are tried, while somebody registers.
const TRIES: usize = 5;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Everything a registry holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The level of the whole.
    level: String,
    subjects: Vec<Subject>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Subject {
    subject: String,
    level: String,
    versions: Vec<Version>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    version: u32,
    id: u32,
    schema: String,
    #[serde(rename = "schemaType", default, skip_serializing_if = "Option::is_none")]
    schema_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    references: Option<Json>,
}

/// A registry.
pub struct Registry {
    url: String,
    http: Client,
}

impl Registry {
    /// The registry below that address.
    pub fn new(url: &str) -> Result<Self, Fault> {
        let url = url.trim_end_matches('/').to_owned();
        let http = Client::builder().timeout(TIMEOUT).no_proxy().build();
        Ok(Self { http: http.map_err(|error| unanswered(&url, &error))?, url })
    }

    /// Where Apicurio's own interface begins.
    fn own(&self) -> Option<String> {
        self.url.split_once(CCOMPAT).map(|(root, _)| format!("{root}/apis/registry/v3/admin"))
    }

    async fn get(&self, path: &str) -> Result<Response, Fault> {
        let url = format!("{}{path}", self.url);
        let answer = self.http.get(&url).send().await.and_then(Response::error_for_status);
        answer.map_err(|error| unanswered(&self.url, &error))
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.get(path).await?.json().await.map_err(|error| unanswered(&self.url, &error))
    }

    async fn level(&self, path: &str) -> Result<String, Fault> {
        let level: Json = self.json(path).await?;
        Ok(level["compatibilityLevel"].as_str().unwrap_or_default().to_owned())
    }

    async fn subject(&self, subject: String) -> Result<Subject, Fault> {
        let path = format!("/subjects/{subject}/versions");
        let mut versions = Vec::new();
        for version in self.json::<Vec<u32>>(&path).await? {
            versions.push(self.json(&format!("{path}/{version}")).await?);
        }
        let level = self.level(&format!("/config/{subject}")).await?;
        Ok(Subject { subject, level, versions })
    }

    /// Everything it holds.
    pub async fn list(&self) -> Result<Listed, Fault> {
        let mut names: Vec<String> = self.json("/subjects").await?;
        names.sort();
        let subjects = stream::iter(names).map(|name| self.subject(name)).buffered(CONCURRENCY).try_collect().await?;
        Ok(Listed { level: self.level("/config").await?, subjects })
    }

    /// Apicurio's export; `None` where the registry is none.
    async fn export(&self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(own) = self.own() else { return Ok(None) };
        let answer = self.http.get(format!("{own}/export")).send().await.map_err(|error| unanswered(&own, &error))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = answer.error_for_status().map_err(|error| unanswered(&own, &error))?;
        Ok(Some(answer.bytes().await.map_err(|error| unanswered(&own, &error))?.to_vec()))
    }

    /// Writes what it holds into the folder.
    ///
    /// # Errors
    /// It does not answer, or does not stand still.
    pub async fn keep(&self, folder: &Path) -> Result<manifest::Registry, Fault> {
        for _ in 0..TRIES {
            let (before, export, after) = (self.list().await?, self.export().await?, self.list().await?);
            if before != after {
                continue;
            }
            let text = serde_json::to_string_pretty(&after).expect("texts and numbers") + "\n";
            let export = match export {
                Some(export) => Part::Kept(files::write(folder, EXPORT, &export)?),
                None => Part::Absent("the registry is not Apicurio: restore it by its own means first".into()),
            };
            return Ok(manifest::Registry { subjects: files::write(folder, LIST, text.as_bytes())?, export });
        }
        Err(Fault::asked(format!("the schema registry at {} is being written: back up a little later", self.url)))
    }

    /// Whether it holds what the list says; an empty one does not.
    ///
    /// # Errors
    /// It holds something else: then it is neither empty nor the same.
    pub async fn holds(&self, listed: &Listed) -> Result<bool, Fault> {
        let found = self.list().await?;
        match found == *listed {
            true => Ok(true),
            false if found.subjects.is_empty() => Ok(false),
            false => Err(Fault::asked(format!("the schema registry at {}: {}", self.url, difference(&found, listed)))),
        }
    }

    /// Brings the export into an empty registry, and sees that every id is the same.
    ///
    /// # Errors
    /// It refuses, or came out otherwise.
    pub async fn put(&self, folder: &Path, export: &Part, listed: &Listed) -> Result<(), Fault> {
        let (Some(own), Some(kept)) = (self.own(), export.kept()) else {
            return Err(Fault::asked(format!(
                "the schema registry at {} is empty, and only an Apicurio registry can be restored from an Apicurio's \
                 backup: restore it by its own means so that every id is the same (see {LIST}), then restore again",
                self.url
            )));
        };
        let import = format!("{own}/import?requireEmptyRegistry=true");
        let sent = self.http.post(import).header("content-type", "application/zip").body(files::read(folder, kept)?);
        let answer = sent.send().await.map_err(|error| unanswered(&own, &error))?;
        if !answer.status().is_success() {
            let (status, said) = (answer.status(), answer.text().await.unwrap_or_default());
            return Err(Fault::asked(format!("the schema registry at {own} takes no import: {status} {said}")));
        }
        let found = self.list().await?;
        match found == *listed {
            true => Ok(()),
            false => Err(Fault::asked(format!(
                "the schema registry at {} has not come out the same: {}",
                self.url,
                difference(&found, listed)
            ))),
        }
    }
}

/// What the list of a backup says.
pub fn read(folder: &Path, kept: &Kept) -> Result<Listed, Fault> {
    serde_json::from_slice(&files::read(folder, kept)?)
        .map_err(|error| Fault::asked(format!("{} is damaged: {error}", kept.file)))
}

/// The first difference, in words.
fn difference(found: &Listed, listed: &Listed) -> String {
    if found.level != listed.level {
        return format!("its compatibility level is {}, that of the backup {}", found.level, listed.level);
    }
    let other = listed.subjects.iter().find(|subject| !found.subjects.contains(subject));
    let more = found.subjects.iter().find(|subject| !listed.subjects.contains(subject));
    match (other, more) {
        (Some(Subject { subject, .. }), _) => format!("its subject {subject} is not that of the backup"),
        (None, Some(Subject { subject, .. })) => format!("it has a subject {subject}, which the backup has not"),
        (None, None) => "its subjects stand in another order".into(),
    }
}

fn unanswered(url: &str, error: &reqwest::Error) -> Fault {
    Fault::asked(format!("the schema registry at {url} does not answer as it should: {error}"))
}
