//! The publisher: admitted events for other systems, as CloudEvents on `public.<context>`, free of the journal's rule and of
//! everything personal.
//!
//! It has no store. Each record says in its headers how far the journal is published; the last record of a partition is
//! where it goes on. A reader tells a repetition by `ce_id`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use daybook_contents::BoundedContext;
use daybook_journal::{Checkpoint, Outlet, PublicRecord, Settings};
use daybook_schemas::{
    hex::Hex,
    public::PublicEvent,
    registry::{Registry, RegistryError},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    batch::{Batch, Entry, ParkedBook, Progress},
    decode::context_of,
    sink::{Partition, Sink, SinkError, Standing},
};

/// The name under which progress is shown.
pub const NAME: &str = "publisher";

/// The header that says how far the journal is published: the checkpoint of the last entry whose events all are.
const CHECKPOINT: &str = "daybook_checkpoint";

/// The header that names the books that are not published, where there are any.
const PARKED: &str = "daybook_parked";

/// How long Kafka may take to acknowledge, or to show a last record.
const PATIENCE: Duration = Duration::from_secs(30);

/// The public forms of events by their types on the wire, with the ids that the registry gave their schemas.
pub type Forms = HashMap<String, (PublicEvent, u32)>;

/// The public forms of all events of public contexts, registered.
///
/// # Errors
/// When the registry does not answer or refuses a schema.
pub async fn register(registry: &Registry) -> Result<Forms, RegistryError> {
    let kinds =
        daybook_contents::CONTEXTS.iter().filter(|context| is_public(context)).flat_map(|context| context.kinds.iter());
    let of_kinds = kinds.flat_map(|kind| {
        (0..kind.events().len()).map(move |event| (kind.wire_name(event), PublicEvent::new(*kind, event)))
    });
    let (names, events): (Vec<String>, Vec<PublicEvent>) = of_kinds.unzip();
    let ids = registry.register_public(&events).await?;
    Ok(names.into_iter().zip(events.into_iter().zip(ids)).collect())
}

/// Publishes events.
pub struct Publisher {
    settings: Settings,
    partitions: Vec<Partition>,
    forms: Forms,
    outlets: HashMap<Arc<str>, Outlet>,
    /// What is published of each partition.
    published: HashMap<Partition, Published>,
}

/// How far a partition is published.
#[derive(Debug, Clone, Default)]
struct Published {
    /// The last entry whose events all are.
    checkpoint: Option<Checkpoint>,
    /// The last event, which may be one of several of an entry after that.
    last: Option<(u64, usize)>,
    parked: Vec<Parked>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parked {
    tenant: Uuid,
    first: u64,
    reason: String,
}

impl Publisher {
    /// A publisher of these partitions of journals.
    pub fn new(settings: Settings, partitions: Vec<Partition>, forms: Forms) -> Self {
        let (outlets, published) = Default::default();
        Self { settings, partitions, forms, outlets, published }
    }

    async fn publish(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let mut after = self.published.clone();
        let mut records: HashMap<Arc<str>, Vec<PublicRecord>> = HashMap::new();
        match &batch.progress {
            Progress::Journal { advances, parked } => {
                for (at, entry) in batch.entries.iter().enumerate() {
                    let published = after.entry(partition_of(entry)).or_default();
                    for book in parked.iter().filter(|book| is_of(book, entry)) {
                        published.park(book, Some(book.first));
                    }
                    let made = self
                        .records(entry, published, true)
                        .map_err(|reason| SinkError::Poison { entry: at, reason })?;
                    records.entry(topic_of(entry)).or_default().extend(made);
                }
                for advance in advances {
                    let published = after.entry((advance.topic.clone(), advance.partition)).or_default();
                    published.checkpoint = Some(advance.to);
                }
                for book in parked {
                    after.entry((book.topic.clone(), book.partition)).or_default().park(book, Some(book.first));
                }
            }
            Progress::Book { book, next } => {
                let published = after.entry((book.topic.clone(), book.partition)).or_default();
                for (at, entry) in batch.entries.iter().enumerate() {
                    published.park(book, Some(entry.position.number));
                    let made = self
                        .records(entry, published, false)
                        .map_err(|reason| SinkError::Poison { entry: at, reason })?;
                    records.entry(topic_of(entry)).or_default().extend(made);
                }
                published.park(book, *next);
            }
        }
        for (topic, records) in records {
            let mut outlet = self.outlets.remove(&topic).unwrap_or_else(|| Outlet::new(&self.settings, &topic));
            let sent = tokio::task::spawn_blocking(move || outlet.send(&records, PATIENCE).map(|()| outlet)).await;
            match sent {
                Ok(Ok(outlet)) => self.outlets.insert(topic, outlet),
                // Some may have arrived: the last record of each partition tells.
                Ok(Err(error)) => return Err(SinkError::Overtaken(error.to_string())),
                Err(error) => return Err(SinkError::Unavailable(error.to_string())),
            };
        }
        self.published = after;
        Ok(())
    }

    /// The records of an entry's events, but for those published already.
    fn records(&self, entry: &Entry, published: &mut Published, advances: bool) -> Result<Vec<PublicRecord>, String> {
        let mut records = Vec::new();
        let count = entry.events.len();
        for (index, (wire, event)) in entry.each().enumerate() {
            let place = (entry.position.number, index);
            let is_last = index + 1 == count;
            // A book that is read again starts behind what is published of others.
            let is_published = published
                .last
                .is_some_and(|last| if advances { place <= last } else { place.0 == last.0 && place <= last });
            if is_last && advances {
                published.checkpoint = Some(entry.checkpoint);
            }
            if is_last && !advances {
                published.moved(entry);
            }
            if is_published {
                continue;
            }
            let Some((form, schema_id)) = self.forms.get(&wire.event_type) else { continue };
            let value = form
                .encode(&event.body, *schema_id)
                .map_err(|error| format!("{} has no public form: {error}", wire.event_type))?;
            let mut headers: Vec<(String, Vec<u8>)> = [
                ("ce_specversion", "1.0".to_owned()),
                ("ce_id", format!("{}#{index}", entry.position)),
                ("ce_source", format!("/daybook/{}", entry.context)),
                ("ce_type", wire.event_type.clone()),
                ("ce_subject", wire.aggregate_id.to_string()),
                ("ce_time", entry.when().to_string()),
                ("ce_dataschema", format!("urn:sha256:{}", Hex(&form.fingerprint))),
                ("content-type", "application/avro".to_owned()),
                ("ce_tenant", entry.envelope.tenant.to_string()),
                ("ce_aggregatetype", wire.aggregate_type.clone()),
                ("ce_aggregateversion", wire.version.to_string()),
            ]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.into_bytes()))
            .collect();
            if let Some(traceparent) = &entry.envelope.traceparent {
                headers.push(("ce_traceparent".to_owned(), traceparent.clone().into_bytes()));
            }
            if let Some(checkpoint) = published.checkpoint {
                headers.push((CHECKPOINT.to_owned(), checkpoint.to_string().into_bytes()));
            }
            if !published.parked.is_empty() {
                let parked = serde_json::to_vec(&published.parked).map_err(|error| error.to_string())?;
                headers.push((PARKED.to_owned(), parked));
            }
            published.last = Some(place);
            let key = wire.aggregate_id.to_string().into_bytes();
            records.push(PublicRecord { partition: entry.position.partition, key, headers, value });
        }
        Ok(records)
    }

    async fn last(&self, partition: &Partition) -> Result<Published, SinkError> {
        let outlet = Outlet::new(&self.settings, &public(&partition.0));
        let number = partition.1;
        let Some(record) = blocking(move || outlet.last(number, PATIENCE)).await? else {
            return Ok(Published::default());
        };
        let header = |name: &str| {
            let found = record.headers.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let stopped = |what: &str| {
            SinkError::Stopped(format!(
                "the last record of {}/{number} was not written by this publisher: {what}",
                public(&partition.0)
            ))
        };
        let checkpoint = header(CHECKPOINT)
            .map(|text| text.parse::<Checkpoint>().map_err(|error| stopped(&error.to_string())))
            .transpose()?;
        let id = header("ce_id").ok_or_else(|| stopped("it has no ce_id"))?;
        let mut parts = id.rsplit('#');
        let (index, place) = (parts.next().and_then(|n| n.parse().ok()), parts.next().and_then(|n| n.parse().ok()));
        let last = place.zip(index).ok_or_else(|| stopped("its ce_id is no position"))?;
        let parked = match header(PARKED) {
            None => Vec::new(),
            Some(text) => serde_json::from_str(&text).map_err(|error| stopped(&error.to_string()))?,
        };
        Ok(Published { checkpoint, last: Some(last), parked })
    }
}

impl Published {
    fn park(&mut self, book: &ParkedBook, first: Option<u64>) {
        self.parked.retain(|parked| parked.tenant != book.tenant);
        self.parked.extend(first.map(|first| Parked { tenant: book.tenant, first, reason: book.reason.clone() }));
    }

    /// A parked book has come past an entry.
    fn moved(&mut self, entry: &Entry) {
        let of_book = self.parked.iter_mut().filter(|parked| parked.tenant == entry.envelope.tenant);
        of_book.for_each(|parked| parked.first = entry.position.number + 1);
    }
}

impl Sink for Publisher {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        self.outlets.clear();
        self.published.clear();
        let mut standing = Standing { held: HashSet::new(), ..Standing::default() };
        for partition in self.partitions.clone() {
            let published = self.last(&partition).await?;
            if let Some(checkpoint) = published.checkpoint {
                standing.checkpoints.insert(partition.clone(), checkpoint);
            }
            standing.parked.extend(published.parked.iter().map(|parked| ParkedBook {
                topic: partition.0.clone(),
                partition: partition.1,
                tenant: parked.tenant,
                first: parked.first,
                reason: parked.reason.clone(),
            }));
            self.published.insert(partition, published);
        }
        Ok(standing)
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.publish(batch).await
    }
}

/// Whether a context is published.
pub fn is_public(context: &BoundedContext) -> bool {
    context.public
}

/// The public topic of a journal: `public.incident` of `journal.incident`.
fn public(journal: &str) -> String {
    debug_assert!(context_of(journal).is_some());
    format!("public.{}", journal.strip_prefix("journal.").unwrap_or(journal))
}

fn topic_of(entry: &Entry) -> Arc<str> {
    public(&entry.position.topic).into()
}

fn partition_of(entry: &Entry) -> Partition {
    (entry.position.topic.clone(), entry.position.partition)
}

fn is_of(book: &ParkedBook, entry: &Entry) -> bool {
    book.topic == entry.position.topic
        && book.partition == entry.position.partition
        && book.first <= entry.position.number
}

/// Runs what blocks beside the others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, daybook_journal::JournalError> + Send + 'static,
) -> Result<T, SinkError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| SinkError::Unavailable(error.to_string())),
        Err(error) => Err(SinkError::Unavailable(error.to_string())),
    }
}
