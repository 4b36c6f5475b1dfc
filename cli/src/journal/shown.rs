//! Entries as JSON, their events decoded with the schemas that Kafka keeps; personal fields stay sealed.

use std::time::Duration;

use daybook_journal::{Admitted, Settings, Shelf};
use daybook_kernel::{Datum, RecordShape, Time, json};
use daybook_schemas::hex::Hex;
use daybook_schemas::{Catalogue, WireError, envelope};
use serde_json::{Value as Json, json};

use crate::fault::Fault;

/// How long a look into the topic of schemas may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads entries as people read them.
pub struct Reading {
    catalogue: Catalogue,
}

impl Reading {
    /// With every schema that Kafka keeps, so that entries of other releases can be read too.
    ///
    /// # Errors
    /// Kafka cannot be read.
    pub async fn open(settings: &Settings) -> Result<Self, Fault> {
        let shelf = Shelf::new(settings, "schemas");
        let kept = tokio::task::spawn_blocking(move || shelf.load(PATIENCE)).await;
        let kept = kept.map_err(|error| Fault::asked(format!("the schemas were not read: {error}")))??;
        let mut catalogue = Catalogue::ours();
        for text in kept.into_values().filter_map(|text| String::from_utf8(text).ok()) {
            // A text that is no schema is of no use to any event.
            let _ = catalogue.learn(&text);
        }
        Ok(Self::of(catalogue))
    }

    /// With the schemas of a catalogue.
    pub fn of(catalogue: Catalogue) -> Self {
        Self { catalogue }
    }

    /// The entry with everything it says.
    pub fn entry(&self, admitted: &Admitted<'_>, entry: &envelope::Entry) -> Json {
        let time = |time: Option<Time>| time.map(|time| time.to_string());
        json!({
            "position": admitted.position.to_string(),
            "offset": admitted.offset,
            "appended_at": Time(admitted.timestamp.saturating_mul(1_000)).to_string(),
            "term": admitted.checkpoint.term,
            "seq": admitted.checkpoint.seq,
            "digest": admitted.checkpoint.digest.to_string(),
            "tenant": entry.tenant,
            "book_number": entry.book_number,
            "command_id": entry.command_id,
            "actor": entry.actor,
            "on_behalf_of": entry.on_behalf_of,
            "time": entry.time.to_string(),
            "occurred_at": time(entry.occurred_at),
            "correlation": entry.correlation,
            "traceparent": entry.traceparent,
            "references": entry.references.iter()
                .map(|used| format!("{}/{}#{}", used.topic, used.partition, used.number)).collect::<Vec<_>>(),
            "events": entry.events.iter().map(|event| self.event(event)).collect::<Vec<_>>(),
        })
    }

    /// An event's body by the schema it was written in, as today's declaration has it: its shape, and what it holds.
    ///
    /// # Errors
    /// No aggregate declares the event, nobody keeps its schema, or its bytes are damaged.
    pub fn body(&self, event: &envelope::Event) -> Result<(&'static RecordShape, Datum), WireError> {
        let (kind, index, body) = self.catalogue.decode(&event.event_type, &event.schema, &event.data)?;
        Ok((kind.events()[index].body, body))
    }

    fn event(&self, event: &envelope::Event) -> Json {
        let mut shown = json!({
            "id": event.id,
            "type": event.event_type,
            "aggregate_type": event.aggregate_type,
            "aggregate_id": event.aggregate_id,
            "version": event.version,
            "schema": Hex(&event.schema).to_string(),
        });
        match self.body(event) {
            Ok((shape, body)) => shown["data"] = json::write_record(shape, &body),
            Err(error) => {
                shown["unreadable"] = error.to_string().into();
                shown["bytes"] = Hex(&event.data).to_string().into();
            }
        }
        shown
    }
}

/// The entry in one line, as a log shows it: position, time, tenant, what happened, who did it.
pub fn line(admitted: &Admitted<'_>, entry: &envelope::Entry) -> String {
    let mut line = format!("{}  {}", admitted.position, entry.time);
    if entry.events.is_empty() {
        return line + "  barrier";
    }
    line += &format!("  tenant {}", entry.tenant);
    for event in &entry.events {
        line += &format!("  {} {} v{}", event.event_type, event.aggregate_id, event.version);
    }
    line + "  by " + &entry.actor
}

/// The envelope of an entry.
///
/// # Errors
/// When it cannot be read: then nobody can say whose it is.
pub fn envelope_of(admitted: &Admitted<'_>) -> Result<envelope::Entry, Fault> {
    let unreadable = |error| Fault::asked(format!("{} cannot be read: {error}", admitted.position));
    envelope::Entry::decode(&admitted.value).map_err(unreadable)
}
