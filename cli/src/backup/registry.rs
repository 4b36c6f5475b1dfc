//! The schema registry: its ids have to be the same afterwards, because every entry names the one of its envelope.
//!
//! Confluent's interface tells everything but keeps no ids when it is told again; Apicurio's own export does. So both are kept:
//! the export to be restored, and the list to see that it came out the same.

use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::files::{self, Kept};
use super::manifest::{self, Part};
use crate::api::innermost;
use crate::fault::Fault;

const LIST: &str = "registry.json";
const EXPORT: &str = "registry.zip";

/// Where Confluent's interface begins in an Apicurio registry.
const CCOMPAT: &str = "/apis/ccompat/";

/// Requests under way at once.
const CONCURRENCY: usize = 16;

/// How often the list and the export are tried, while somebody registers.
const TRIES: usize = 5;

/// How often a request that only reads is made while its connection breaks: a server may close an idle one at the very moment
/// at which it is used again (RFC 9112, section 9.3.1), and a busy one may be late.
const ASKED: u32 = 5;

/// Waited before a request is made again the first time; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(250);

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

    async fn ask(&self, url: &str) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
        let answer = self.http.get(url).send().await?;
        Ok((answer.status(), answer.bytes().await?.to_vec()))
    }

    /// What is found there, with its status; asked again while no whole answer comes.
    async fn read(&self, url: &str) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
        let mut pause = PAUSE;
        for _ in 1..ASKED {
            if let Ok(answer) = self.ask(url).await {
                return Ok(answer);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.ask(url).await
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let url = format!("{}{path}", self.url);
        let (status, body) = self.read(&url).await.map_err(|error| unanswered(&url, &error))?;
        if !status.is_success() {
            return Err(Fault::asked(format!("the schema registry refuses {url}: {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| unanswered(&url, &error))
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
        match self.read(&format!("{own}/export")).await.map_err(|error| unanswered(&own, &error))? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, export) if status.is_success() => Ok(Some(export)),
            (status, _) => Err(Fault::asked(format!("the schema registry at {own} gives no export: {status}"))),
        }
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

fn unanswered(url: &str, error: &dyn std::error::Error) -> Fault {
    Fault::asked(format!("the schema registry at {url} does not answer as it should: {}", innermost(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::service;

    const LIST: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\n[\"a\"]";

    #[tokio::test]
    async fn what_only_reads_is_asked_again_when_the_connection_breaks() {
        let (url, requests) = service(&["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n[", LIST]).await;
        let subjects: Vec<String> = Registry::new(&url).unwrap().json("/subjects").await.unwrap();
        assert_eq!(subjects, ["a"]);
        assert_eq!(requests.await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_refusal_is_told_and_not_asked_for_twice() {
        let (url, requests) =
            service(&["HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"]).await;
        let fault = Registry::new(&url).unwrap().json::<Vec<String>>("/subjects").await.unwrap_err();
        assert!(fault.to_string().contains("/subjects: 403 Forbidden"), "{fault}");
        assert_eq!(requests.await.unwrap().len(), 1);
    }
}
