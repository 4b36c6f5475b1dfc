//! Decoding: from an entry's bytes to what the domain reads, with the schema each event was written in.

use std::{collections::HashSet, sync::Arc, time::Duration};

use daybook_contents::{BoundedContext, CONTEXTS};
use daybook_journal::{Admitted, Settings, Shelf};
use daybook_kernel::Tenant;
use daybook_platform::trace_context::span_from_traceparent;
use daybook_schemas::{Catalogue, WireError, envelope};
use tracing::Span;

use crate::batch::{Entry, Event};

/// The compacted topic that keeps every schema by its fingerprint.
const SCHEMAS: &str = "schemas";

/// How long a look into the schemas topic may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_secs(1);

/// What cannot be read of an entry.
#[derive(Debug)]
pub enum Unreadable {
    /// The envelope: nobody can say whose book it is, so the partition cannot be followed.
    Envelope(String),
    /// An event: its book is parked.
    Event {
        /// Whose book.
        tenant: Tenant,
        /// Why, in one sentence.
        reason: String,
    },
}

/// Reads entries, and learns schemas of other releases from the schemas topic when it meets one.
pub struct Decoder {
    sink: &'static str,
    traced: bool,
    settings: Settings,
    catalogue: Catalogue,
    known: HashSet<[u8; 32]>,
    fresh: Vec<Arc<str>>,
}

impl Decoder {
    /// A decoder that knows the schemas of this program; where `traced`, each entry gets a span in the trace it belongs to.
    pub fn new(sink: &'static str, traced: bool, settings: Settings) -> Self {
        let catalogue = Catalogue::ours();
        let fresh = catalogue.texts().map(|schema| Arc::from(schema.text)).collect();
        Self { sink, traced, settings, catalogue, known: HashSet::new(), fresh }
    }

    /// The texts of the schemas learned since this was last asked.
    pub fn learned(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.fresh)
    }

    /// Decodes an entry.
    ///
    /// # Errors
    /// What cannot be read, and why.
    pub fn decode(&mut self, admitted: &Admitted<'_>) -> Result<Entry, Unreadable> {
        let envelope =
            envelope::Entry::decode(&admitted.value).map_err(|error| Unreadable::Envelope(error.to_string()))?;
        let context = context_of(&admitted.position.topic)
            .ok_or_else(|| Unreadable::Envelope(format!("{} is the journal of no context", admitted.position.topic)))?;
        let events = envelope
            .events
            .iter()
            .map(|event| self.event(event))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| Unreadable::Event { tenant: envelope.tenant, reason })?;
        let span = match self.traced {
            true => {
                span_from_traceparent(self.sink, admitted.traceparent.as_deref().or(envelope.traceparent.as_deref()))
            }
            false => Span::none(),
        };
        Ok(Entry {
            position: admitted.position.clone(),
            checkpoint: admitted.checkpoint,
            appended_at: admitted.timestamp,
            context: context.name,
            envelope,
            events,
            span,
        })
    }

    fn event(&mut self, event: &envelope::Event) -> Result<Event, String> {
        let decoded = match self.catalogue.decode(&event.event_type, &event.schema, &event.data) {
            Err(WireError::UnknownSchema { .. }) if !self.known.contains(&event.schema) => {
                self.learn();
                // Whether found or not: it is not looked for at every event.
                self.known.insert(event.schema);
                self.catalogue.decode(&event.event_type, &event.schema, &event.data)
            }
            decoded => decoded,
        };
        let (kind, index, body) = decoded.map_err(|error| format!("{}: {error}", event.event_type))?;
        if kind.meta().type_name != event.aggregate_type {
            return Err(format!(
                "{} happened to a {}, not to a {}",
                event.event_type,
                kind.meta().type_name,
                event.aggregate_type
            ));
        }
        Ok(Event { kind, index, body })
    }

    /// Takes in all schemas that the schemas topic holds. While it cannot be read nothing is decided: an entry is not
    /// poison because Kafka is away.
    fn learn(&mut self) {
        let shelf = Shelf::new(&self.settings, SCHEMAS);
        let rows = loop {
            match shelf.load(PATIENCE) {
                Ok(rows) => break rows,
                Err(error) => tracing::warn!(sink = self.sink, %error, "the schemas cannot be read; it is tried again"),
            }
            std::thread::sleep(PAUSE);
        };
        for text in rows.into_values().filter_map(|text| String::from_utf8(text).ok()) {
            match self.catalogue.learn(&text) {
                Ok(_) => self.fresh.push(text.into()),
                Err(error) => {
                    tracing::warn!(%error, "a text in the schemas topic is not a schema this program can use")
                }
            }
        }
    }
}

/// The context whose journal that topic is: `journal.<context>`. Journals set apart, as tests do, have something in
/// between: `journal.<apart>.<context>`.
pub fn context_of(topic: &str) -> Option<&'static BoundedContext> {
    let name = topic.strip_prefix("journal.")?.rsplit('.').next()?;
    CONTEXTS.iter().find(|context| context.name == name)
}
