//! The schema registry, where other systems look up what entries and events mean (Confluent's API, version 7).
//!
//! Only a start talks to it: an owner serves when all of its schemas are registered, and never asks again. The registry
//! may lay out a schema's text anew, so a fingerprint is that of the text in the schemas topic, not of what it answers.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use schema_registry_converter::{
    async_impl::schema_registry::{SrSettings, post_schema},
    error::SRCError,
    schema_registry_common::{SchemaType, SuppliedSchema},
};
use serde_json::{Value as Json, json};
use thiserror::Error;

use crate::{Catalogue, SchemaText, envelope, public::PublicEvent};

/// Old and new programs read each other, across all versions: no event may ever become unreadable.
pub const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// How many requests are under way at once.
const CONCURRENCY: usize = 16;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before asking again whether the registry is there.
const PAUSE: Duration = Duration::from_millis(500);

/// A registry that does not answer, or says no.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The address cannot be used.
    #[error("the schema registry's address {url} cannot be used: {source}")]
    Address {
        /// The address.
        url: String,
        /// Why.
        source: SRCError,
    },
    /// It did not answer in time.
    #[error("the schema registry at {url} has not answered for {} s: {source}", waited.as_secs())]
    Unavailable {
        /// Its address.
        url: String,
        /// For how long it was asked.
        waited: Duration,
        /// The last answer.
        source: reqwest::Error,
    },
    /// It refuses a schema, most likely because it is incompatible with one registered before.
    #[error("the schema registry refuses the schema of {subject}: {source}")]
    Refused {
        /// The subject.
        subject: String,
        /// Its answer.
        source: SRCError,
    },
    /// It did not take the compatibility level.
    #[error("the schema registry does not hold {subject} to {COMPATIBILITY}: {source}")]
    Level {
        /// The subject.
        subject: String,
        /// Its answer.
        source: reqwest::Error,
    },
}

/// A schema registry.
#[derive(Debug, Clone)]
pub struct Registry {
    url: String,
    settings: SrSettings,
    http: reqwest::Client,
}

impl Registry {
    /// The registry below that address, such as `http://127.0.0.1:18081/apis/ccompat/v7`.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        let url = url.trim_end_matches('/').to_owned();
        let settings = SrSettings::new_builder(url.clone())
            .set_timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|source| RegistryError::Address { url: url.clone(), source })?;
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|source| RegistryError::Unavailable { url: url.clone(), waited: Duration::ZERO, source })?;
        Ok(Self { url, settings, http })
    }

    /// Waits until the registry answers, and says so in the log every few seconds.
    ///
    /// # Errors
    /// When it has not answered after `patience`.
    pub async fn wait(&self, patience: Duration) -> Result<(), RegistryError> {
        let begin = Instant::now();
        let mut said = None::<Instant>;
        loop {
            let source = match self.level("/config").await {
                Ok(_) => return Ok(()),
                Err(source) => source,
            };
            let waited = begin.elapsed();
            if waited >= patience {
                return Err(RegistryError::Unavailable { url: self.url.clone(), waited, source });
            }
            if said.is_none_or(|said| said.elapsed() >= Duration::from_secs(5)) {
                tracing::warn!(
                    registry = self.url,
                    seconds = waited.as_secs(),
                    "waiting for the schema registry: {source}"
                );
                said = Some(Instant::now());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Registers every schema of ours and holds each subject to [`COMPATIBILITY`]; the envelope's schema id is returned.
    /// What is registered already stays as it is.
    ///
    /// # Errors
    /// When the registry does not answer or refuses a schema.
    pub async fn register_all(&self, catalogue: &Catalogue) -> Result<u32, RegistryError> {
        let level = self.level("/config").await.map_err(|source| RegistryError::Unavailable {
            url: self.url.clone(),
            waited: Duration::ZERO,
            source,
        })?;
        // A level of its own is needed only where the registry's is another: half of the requests.
        let own_level = level != COMPATIBILITY;
        let ids: Vec<(&str, u32)> = stream::iter(catalogue.texts())
            .map(|schema| async move { Ok((schema.subject, self.register(schema, own_level).await?)) })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let id = ids.into_iter().find(|(subject, _)| *subject == envelope::SUBJECT);
        Ok(id.expect("the envelope is the first of the catalogue's texts").1)
    }

    /// Registers the schemas of public events and returns their ids, in the same order.
    ///
    /// # Errors
    /// As [`Registry::register_all`].
    pub async fn register_public(&self, events: &[PublicEvent]) -> Result<Vec<u32>, RegistryError> {
        stream::iter(events)
            .map(|event| SchemaText { subject: &event.subject, fingerprint: event.fingerprint, text: &event.text })
            // Whatever level the registry has, these subjects have ours.
            .map(|schema| self.register(schema, true))
            .buffered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn register(&self, schema: SchemaText<'_>, own_level: bool) -> Result<u32, RegistryError> {
        let subject = schema.subject.to_owned();
        let supplied = SuppliedSchema::new(None, SchemaType::Avro, schema.text.to_owned());
        let registered = post_schema(&self.settings, subject.clone(), supplied)
            .await
            .map_err(|source| RegistryError::Refused { subject: subject.clone(), source })?;
        if own_level {
            self.hold(&subject).await.map_err(|source| RegistryError::Level { subject, source })?;
        }
        Ok(registered.id)
    }

    /// The compatibility level of the whole registry or of a subject.
    async fn level(&self, path: &str) -> Result<String, reqwest::Error> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?.error_for_status()?;
        let level: Json = answer.json().await?;
        Ok(level["compatibilityLevel"].as_str().unwrap_or_default().to_owned())
    }

    async fn hold(&self, subject: &str) -> Result<(), reqwest::Error> {
        let url = format!("{}/config/{subject}", self.url);
        self.http.put(url).json(&json!({ "compatibility": COMPATIBILITY })).send().await?.error_for_status()?;
        Ok(())
    }
}

/// Waits for the registry at that address, registers every schema of ours and returns the envelope's schema id.
///
/// # Errors
/// When it has not answered after `patience`, or refuses a schema.
pub async fn register_all(url: &str, catalogue: &Catalogue, patience: Duration) -> Result<u32, RegistryError> {
    let registry = Registry::new(url)?;
    registry.wait(patience).await?;
    registry.register_all(catalogue).await
}
