//! The search sink: a document for each aggregate, written with the aggregate's version, so that a repetition changes
//! nothing; and after them, refreshed, the document that says how far all this goes.

mod build;
mod document;
mod forget;
pub mod mapping;
pub mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use daybook_journal::Checkpoint;
use daybook_kernel::{Kind, Tenant};
use daybook_schemas::sealing::{Ring, keys_of};
use daybook_vault::Vault;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    batch::{Batch, Entry, ParkedBook, Progress},
    fold::{Folded, Key, Recent, apply, gone_on_with},
    sink::{Partition, Sink, SinkError, Standing},
    view::Family,
};
use build::Builder;
use document::{document, id_of, state};
use store::{Seen, Store};

/// The name under which progress is kept, unless the settings say another.
pub const NAME: &str = "search";

/// The index that keeps how far each sink has come.
const CHECKPOINTS: &str = "daybook-checkpoints";

/// How the sink works.
#[derive(Clone)]
pub struct Options {
    /// The name under which progress is kept.
    pub sink: &'static str,
    /// What stands before the names of indexes.
    pub prefix: String,
    /// Copies of each index beside the first.
    pub replicas: u32,
    /// Opens what is to be found.
    pub vault: Vault,
    /// How the journals are reached when an index is built.
    pub journal: daybook_journal::Settings,
    /// Every partition of every journal.
    pub partitions: Vec<Partition>,
    /// How large a batch of a build may be.
    pub bounds: crate::follow::Bounds,
}

impl Options {
    /// The alias under which a family's live index is searched.
    fn alias(&self, family: &Family) -> String {
        format!("{}{}-{}", self.prefix, family.context, family.kind.meta().plural)
    }

    /// The index of the version this program declares.
    fn index(&self, family: &Family) -> String {
        format!("{}-{}", self.alias(family), &family.declaration[..8])
    }

    fn checkpoints(&self) -> String {
        format!("{}{CHECKPOINTS}", self.prefix)
    }
}

/// The lines by which a document is written with its aggregate's version, so that an older one never replaces it.
fn line(index: &str, ring: &Ring, kind: &dyn Kind, (_, tenant, id): Key, folded: &Folded) -> Result<String, String> {
    let document = document(ring, kind, tenant, id, folded)?;
    let action = json!({ "index": {
        "_index": index, "_id": id_of(tenant, id), "version": folded.version, "version_type": "external_gte",
    } });
    Ok(format!("{action}\n{document}\n"))
}

/// How far a sink has come, as a document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Progression {
    checkpoints: Vec<Reached>,
    parked: Vec<Parked>,
    /// Moves when another version of an index is live, so that who writes under the older one looks again.
    #[serde(default)]
    epoch: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reached {
    topic: String,
    partition: i32,
    number: u64,
    checkpoint: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parked {
    topic: String,
    partition: i32,
    tenant: uuid::Uuid,
    first_number: u64,
    reason: String,
    #[serde(default)]
    retry: bool,
}

/// The sink on OpenSearch.
pub struct SearchSink {
    store: Store,
    options: Options,
    /// The document that keeps its progress.
    progress: String,
    families: &'static [Family],
    /// The indexes to write, in the order of the families; none for a family that is not searched or waits for its build.
    indexes: Vec<Option<String>>,
    /// The one family that this sink builds the next index of, if it is not the main one.
    building: Option<Builder>,
    progression: Progression,
    seen: Option<Seen>,
    recent: Recent,
    /// Whose documents were replaced: once, or for good up to these marks.
    replaced: HashMap<(Tenant, uuid::Uuid), Option<forget::Marks>>,
    clerk: Option<build::Clerk>,
    shutdown: daybook_platform::Shutdown,
}

impl SearchSink {
    /// The sink that feeds the live indexes.
    pub fn new(store: Store, options: Options, shutdown: daybook_platform::Shutdown) -> Self {
        let families: &'static [Family] = Box::leak(Family::all().into_boxed_slice());
        let indexes = families.iter().map(|_| None).collect();
        let (progression, recent) = Default::default();
        let progress = options.sink.to_owned();
        Self {
            store,
            options,
            progress,
            families,
            indexes,
            building: None,
            progression,
            seen: None,
            recent,
            replaced: HashMap::new(),
            clerk: None,
            shutdown,
        }
    }

    /// Finds each family's live index; makes it where nothing was ever projected.
    async fn plan(&mut self) -> Result<HashSet<String>, SinkError> {
        let mut held = HashSet::new();
        for (place, family) in self.families.iter().enumerate() {
            self.indexes[place] = None;
            if !mapping::is_searched(family.kind) {
                continue;
            }
            let (alias, index) = (self.options.alias(family), self.options.index(family));
            let is_new = !self.progression.checkpoints.iter().any(|reached| family.follows(&reached.topic));
            match self.store.target(&alias).await? {
                Some(live) if live == index => self.indexes[place] = Some(index),
                None if is_new => {
                    self.store.ensure_index(&index, &mapping::index(family.kind, self.options.replicas)).await?;
                    let add = json!({ "actions": [{ "add": { "index": index, "alias": alias } }] });
                    self.store.must(Method::POST, "_aliases", Some(add)).await?;
                    self.indexes[place] = Some(index);
                }
                // Another release's index is live. Its next version is built beside it; until then the context waits.
                _ => held.extend(
                    self.options
                        .partitions
                        .iter()
                        .filter(|(topic, _)| family.follows(topic))
                        .map(|(topic, _)| topic.to_string()),
                ),
            }
        }
        Ok(held)
    }

    async fn load(&self, entries: &[Entry]) -> Result<HashMap<Key, Folded>, SinkError> {
        let mut wanted: BTreeMap<usize, BTreeMap<String, (Key, usize)>> = BTreeMap::new();
        for (key, at) in gone_on_with(entries, |kind| self.place(kind)) {
            if self.recent.get(&key).is_none() {
                wanted.entry(key.0).or_default().insert(id_of(key.1, key.2), (key, at));
            }
        }
        let mut loaded = HashMap::new();
        for (place, keys) in wanted {
            let Some(index) = &self.indexes[place] else { continue };
            let ids: Vec<String> = keys.keys().cloned().collect();
            for (id, source) in self.store.states(index, &ids).await? {
                let Some((key, at)) = keys.get(&id) else { continue };
                let folded = state(self.families[place].kind, &source)
                    .map_err(|reason| SinkError::Poison { entry: *at, reason })?;
                loaded.insert(*key, folded);
            }
        }
        Ok(loaded)
    }

    fn place(&self, kind: &dyn daybook_kernel::Kind) -> Option<usize> {
        let of = |family: &Family| family.kind.meta().type_name == kind.meta().type_name;
        self.families.iter().position(of).filter(|place| self.indexes[*place].is_some())
    }

    async fn store(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let loaded = self.load(&batch.entries).await?;
        let mut folded: HashMap<Key, (Folded, usize)> = HashMap::new();
        for (at, entry) in batch.entries.iter().enumerate() {
            for (place, (wire, event)) in entry.each().enumerate() {
                let Some(family) = self.place(event.kind) else { continue };
                let key = (family, entry.envelope.tenant, wire.aggregate_id);
                let before = folded
                    .get(&key)
                    .map(|(folded, _)| folded)
                    .or_else(|| self.recent.get(&key))
                    .or_else(|| loaded.get(&key));
                let after = apply(before, entry, place).map_err(|reason| SinkError::Poison { entry: at, reason })?;
                if let Some((after, _)) = after {
                    folded.insert(key, (after, at));
                }
            }
        }
        if !folded.is_empty() {
            let ring = self.ring(folded.iter().map(|(key, (folded, _))| (*key, folded))).await?;
            let mut lines = String::new();
            let mut touched = HashSet::new();
            for (key, (folded, at)) in &folded {
                let Some(index) = &self.indexes[key.0] else { continue };
                touched.insert(index.as_str());
                let poison = |reason| SinkError::Poison { entry: *at, reason };
                let line = line(index, &ring, self.families[key.0].kind, *key, folded).map_err(poison)?;
                lines.push_str(&line);
            }
            self.store.bulk(lines).await?;
            // Only what can be found counts as seen.
            let refresh = format!("{}/_refresh", touched.into_iter().collect::<Vec<_>>().join(","));
            self.store.must(Method::POST, &refresh, None).await?;
        }
        self.record(&batch.progress).await?;
        folded.into_iter().for_each(|(key, (folded, _))| self.recent.put(key, folded));
        Ok(())
    }

    /// The keys of what these states hold.
    async fn ring<'a>(&self, states: impl Iterator<Item = (Key, &'a Folded)>) -> Result<Ring, SinkError> {
        let mut wanted = BTreeSet::new();
        for ((family, tenant, _), folded) in states {
            let mut keys = BTreeSet::new();
            keys_of(&self.families[family].kind.to_datum(&folded.state), &mut keys);
            wanted.extend(keys.into_iter().map(|key| (tenant, key)));
        }
        self.options.vault.ring(wanted).await.map_err(|error| SinkError::Unavailable(error.to_string()))
    }

    async fn record(&mut self, progress: &Progress) -> Result<(), SinkError> {
        let mut next = self.progression.clone();
        match progress {
            Progress::Journal { advances, parked } => {
                for advance in advances {
                    let reached = Reached {
                        topic: advance.topic.to_string(),
                        partition: advance.partition,
                        number: advance.to.number,
                        checkpoint: advance.to.to_string(),
                    };
                    next.checkpoints.retain(|old| old.topic != reached.topic || old.partition != reached.partition);
                    next.checkpoints.push(reached);
                }
                parked.iter().for_each(|book| next.park(book, Some(book.first)));
            }
            Progress::Book { book, next: first } => next.park(book, *first),
        }
        let document = serde_json::to_value(&next).map_err(|error| SinkError::Stopped(error.to_string()))?;
        let seen = self.store.write(&self.options.checkpoints(), &self.progress, &document, self.seen).await?;
        self.seen = Some(seen);
        self.progression = next;
        Ok(())
    }

    /// Reads the document that keeps this sink's progress.
    async fn read(&mut self) -> Result<(), SinkError> {
        let found = self.store.read(&self.options.checkpoints(), &self.progress).await?;
        let (document, seen) = found.map_or((Json::Null, None), |(document, seen)| (document, Some(seen)));
        self.seen = seen;
        self.progression = match document {
            Json::Null => Progression::default(),
            document => serde_json::from_value(document).map_err(|error| {
                SinkError::Stopped(format!("{}/{}: {error}", self.options.checkpoints(), self.progress))
            })?,
        };
        Ok(())
    }
}

impl Progression {
    fn park(&mut self, book: &ParkedBook, first: Option<u64>) {
        self.parked.retain(|parked| *parked.topic != *book.topic || parked.tenant != book.tenant);
        if let Some(first_number) = first {
            let (topic, partition, tenant, reason) =
                (book.topic.to_string(), book.partition, book.tenant, book.reason.clone());
            self.parked.push(Parked { topic, partition, tenant, first_number, reason, retry: false });
        }
    }

    fn reached(&self) -> Result<HashMap<Partition, Checkpoint>, SinkError> {
        let read = |reached: &Reached| match reached.checkpoint.parse() {
            Ok(checkpoint) => Ok(((reached.topic.as_str().into(), reached.partition), checkpoint)),
            Err(error) => Err(SinkError::Stopped(format!("{CHECKPOINTS}: {error}"))),
        };
        self.checkpoints.iter().map(read).collect()
    }

    fn books(&self) -> Vec<ParkedBook> {
        let book = |parked: &Parked| ParkedBook {
            topic: parked.topic.as_str().into(),
            partition: parked.partition,
            tenant: parked.tenant,
            first: parked.first_number,
            reason: parked.reason.clone(),
        };
        self.parked.iter().map(book).collect()
    }
}

impl Sink for SearchSink {
    fn name(&self) -> &'static str {
        if self.building.is_some() { "rebuild" } else { self.options.sink }
    }

    fn is_traced(&self) -> bool {
        self.building.is_none()
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        self.recent.clear();
        let kept = json!({
            "settings": { "number_of_shards": 1, "number_of_replicas": self.options.replicas },
            "mappings": { "dynamic": false },
        });
        self.store.ensure_index(&self.options.checkpoints(), &kept).await?;
        self.read().await?;
        let held = match &self.building {
            Some(builder) => {
                let family = &self.families[builder.place];
                let index = self.options.index(family);
                self.store.ensure_index(&index, &mapping::index(family.kind, self.options.replicas)).await?;
                self.indexes[builder.place] = Some(index);
                HashSet::new()
            }
            None => self.plan().await?,
        };
        if self.clerk.is_none() && self.building.is_none() {
            self.clerk = Some(build::Clerk::start(
                self.store.clone(),
                self.options.clone(),
                self.families,
                self.shutdown.clone(),
            ));
        }
        Ok(Standing {
            checkpoints: self.progression.reached()?,
            parked: self.progression.books(),
            cut: HashMap::new(),
            held,
        })
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let stored = self.store(batch).await;
        match stored {
            Err(_) => self.recent.clear(),
            Ok(()) => self.switch_if_due().await,
        }
        stored
    }

    async fn look_again(&mut self) -> Result<bool, SinkError> {
        if self.building.is_some() {
            self.switch_if_due().await;
            return Ok(false);
        }
        if let Err(error) = self.forget().await {
            tracing::warn!(%error, "who was erased is not forgotten yet; it is tried again");
        }
        let found = self.store.read(&self.options.checkpoints(), &self.progress).await?;
        let changed = found.as_ref().is_some_and(|(_, seen)| Some(*seen) != self.seen);
        Ok(changed)
    }
}
