//! The start: topics checked, schemas kept and registered, journals opened. Nothing is served half.

use std::{sync::Arc, time::Duration};

use daybook_contents::CONTEXTS;
use daybook_journal::{JournalError, Settings as Journal, Shelf, topics, topics::Topic};
use daybook_platform::{Health, Shutdown};
use daybook_schemas::{Catalogue, registry};
use daybook_vault::Vault;
use tokio::task::spawn_blocking;

use crate::{
    engine::Engine,
    facts::FactTable,
    forward::{Forwarder, ForwarderError},
    machine::Shared,
    settings::Settings,
    standings::Standings,
    store::{Store, StoreError},
};

/// How long one look at Kafka may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait before a step that failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// The check in `/health/ready` that a start passes.
pub const CHECK: &str = "journals";

/// Why the start cannot go on. A component that is down is waited for; this is what waiting does not mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A topic would lose history, or a journal is not as it should be.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A schema that is kept in Kafka cannot be read.
    #[error(transparent)]
    Wire(#[from] daybook_schemas::WireError),
    /// There is no local store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other instances cannot be called as the settings say.
    #[error(transparent)]
    Forwarder(#[from] ForwarderError),
}

/// Opens the engine, which claims nothing yet. What is down is waited for, and `/health/ready` says what it is.
///
/// # Errors
/// What waiting does not mend; `None` when a shutdown was asked for meanwhile.
pub async fn start(
    settings: &Settings,
    vault: Vault,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<Option<Engine>, StartError> {
    let forwarder = Arc::new(Forwarder::new(&settings.command_api, &settings.services)?);
    let journal = settings.journal();
    let all: Vec<Topic> = topics(settings.command_api.partitions);
    let checked = wait_for("Kafka", health, shutdown, async || {
        topics::ensure(&journal, &all, settings.command_api.replicas).await?;
        match topics::check(&journal, &all).await {
            // Waiting does not mend a topic.
            Err(refused @ JournalError::Topics { .. }) => Ok(Err(refused)),
            checked => checked.map(Ok),
        }
    });
    match checked.await {
        Some(checked) => checked?,
        None => return Ok(None),
    }

    let mut catalogue = Catalogue::ours();
    let texts: Vec<_> =
        catalogue.texts().map(|ours| (ours.fingerprint.to_vec(), ours.text.as_bytes().to_vec())).collect();
    let Some(older) = wait_for("the topic of schemas", health, shutdown, async || keep(&journal, &texts).await).await
    else {
        return Ok(None);
    };
    for text in older {
        catalogue.learn(&text)?;
    }
    let registering = async || registry::register_all(&settings.registry.url, &catalogue, PATIENCE).await;
    let Some(envelope_id) = wait_for("the schema registry", health, shutdown, registering).await else {
        return Ok(None);
    };

    let (folder, cache) = (settings.store.folder.clone(), settings.store.cache_mb << 20);
    let store = spawn_blocking(move || Store::open(&folder, cache)).await.expect("opening the store does not panic")?;
    let facts = FactTable::over(&store);
    let cached = settings.store.aggregates;
    let standings = Standings::over(facts.clone());
    let shared = Shared { catalogue: Arc::new(catalogue), envelope_id, facts, standings, store, cached };
    let opening = async || Engine::open(&journal, &shared, vault.clone(), forwarder.clone()).await;
    Ok(wait_for("the journals", health, shutdown, opening).await)
}

/// The topics of every context.
fn topics(partitions: i32) -> Vec<Topic> {
    let of_context = |name| [Topic::journal(name, partitions), Topic::owners(name, partitions)];
    let public =
        CONTEXTS.iter().filter(|context| context.public).map(|context| Topic::public(context.name, partitions));
    CONTEXTS.iter().flat_map(|context| of_context(context.name)).chain(public).chain([Topic::schemas()]).collect()
}

/// Keeps our schemas in Kafka, by their fingerprints, and gives back the texts of all that were there.
async fn keep(journal: &Journal, ours: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<String>, JournalError> {
    let (journal, ours) = (journal.clone(), ours.to_vec());
    let keeping = spawn_blocking(move || {
        let mut shelf = Shelf::new(&journal, "schemas");
        let there = shelf.load(PATIENCE)?;
        let missing: Vec<_> = ours.into_iter().filter(|(key, _)| !there.iter().any(|(kept, _)| kept == key)).collect();
        shelf.put(&missing, PATIENCE)?;
        Ok(there.into_values().filter_map(|text| String::from_utf8(text).ok()).collect())
    });
    keeping.await.expect("keeping schemas does not panic")
}

/// Tries a step until it holds; says what it waits for, in the log and in `/health/ready`.
async fn wait_for<T, E: std::fmt::Display>(
    what: &str,
    health: &Health,
    shutdown: &Shutdown,
    mut step: impl AsyncFnMut() -> Result<T, E>,
) -> Option<T> {
    // Said before the first attempt: one that nobody answers may take its time to fail.
    health.set(CHECK, Err(format!("waiting for {what}")));
    loop {
        match shutdown.or(step()).await? {
            Ok(done) => return Some(done),
            Err(error) => {
                let waiting = format!("waiting for {what}: {error}");
                tracing::warn!("{waiting}");
                health.set(CHECK, Err(waiting));
                shutdown.or(tokio::time::sleep(AGAIN)).await?;
            }
        }
    }
}
