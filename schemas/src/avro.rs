//! Avro schemas from the declaration: one per event type, deterministic to the byte.
//!
//! The schema says what the bytes are, not what may be in them: limits and the options of a choice may change at any
//! time, so they stay out, and a choice is a plain string. A field that is added must be optional, a list or a map, so
//! that old and new programs read each other (FULL_TRANSITIVE).

use std::collections::HashMap;

use daybook_kernel::{EventShape, Field, FileRef, Kind, LocalTime, Money, Quantity, RecordShape, Shape, log::Item};
use serde_json::{Map, Value as Json, json};

/// The records that mean the same in every context; they live in the namespace `daybook`.
const COMMON: [&RecordShape; 4] = [Money::RECORD, Quantity::RECORD, FileRef::RECORD, LocalTime::RECORD];

/// The text of an event's schema, as committed, registered and kept in Kafka.
///
/// # Panics
/// When the declaration cannot be said in Avro, such as an optional optional. The contract test finds it first.
pub fn event_schema(kind: &dyn Kind, event: &EventShape) -> String {
    let meta = kind.meta();
    let namespace = format!("daybook.{}", meta.context);
    let name = match event.wire {
        Some(wire) => pascal(&wire.replace('.', "_")),
        None => pascal(meta.events) + &pascal(event.name),
    };
    record_schema(&namespace, &name, event.doc, event.body)
}

/// The text of a record's schema under a name of its own.
///
/// # Panics
/// As [`event_schema`].
pub fn record_schema(namespace: &str, name: &str, doc: &str, record: &RecordShape) -> String {
    let mut writer = Writer { namespace, named: HashMap::from([(format!("{namespace}.{name}"), record)]) };
    let fields = writer.fields(record);
    let schema = json!({ "type": "record", "name": name, "namespace": namespace, "doc": doc, "fields": fields });
    // Maps of JSON values keep the order of insertion, so the text is the same each time.
    format!("{schema:#}\n")
}

struct Writer<'a> {
    namespace: &'a str,
    /// The records defined so far: a second use names them only.
    named: HashMap<String, &'a RecordShape>,
}

impl<'a> Writer<'a> {
    fn fields(&mut self, record: &'a RecordShape) -> Vec<Json> {
        record.fields.iter().map(|field| self.field(field)).collect()
    }

    fn field(&mut self, field: &'a Field) -> Json {
        let mut json = Map::new();
        json.insert("name".to_owned(), field.name.into());
        if !field.doc.is_empty() {
            json.insert("doc".to_owned(), field.doc.into());
        }
        json.insert("type".to_owned(), self.shape(&field.shape));
        match field.shape {
            Shape::Optional(_) => json.insert("default".to_owned(), Json::Null),
            Shape::List { .. } => json.insert("default".to_owned(), json!([])),
            Shape::Map { .. } => json.insert("default".to_owned(), json!({})),
            _ => None,
        };
        if field.shape.holds_personal() && !matches!(field.shape.innermost(), Shape::Record(_)) {
            json.insert("personal".to_owned(), Json::Bool(true));
        }
        json.into()
    }

    fn shape(&mut self, shape: &'a Shape) -> Json {
        match shape {
            Shape::Flag => json!("boolean"),
            Shape::Whole { .. } => json!("long"),
            Shape::Text { .. } | Shape::Choice { .. } | Shape::Number => json!("string"),
            Shape::Time => json!({ "type": "long", "logicalType": "timestamp-micros" }),
            Shape::Date => json!({ "type": "int", "logicalType": "date" }),
            Shape::Id => json!({ "type": "string", "logicalType": "uuid" }),
            Shape::Ref(of) => json!({ "type": "string", "logicalType": "uuid", "references": of }),
            Shape::Scalar => json!(["string", "long", "boolean"]),
            Shape::Personal(_) => self.sealed(),
            Shape::Blind => json!("bytes"),
            // A union inside a union cannot be said: the branches of a scalar stand beside null.
            Shape::Optional(Shape::Scalar) => json!(["null", "string", "long", "boolean"]),
            Shape::Optional(Shape::Optional(_)) => panic!("an optional optional cannot be said in Avro"),
            Shape::Optional(of) => json!(["null", self.shape(of)]),
            Shape::List { of, .. } => json!({ "type": "array", "items": self.shape(of) }),
            Shape::Map { of, .. } => json!({ "type": "map", "values": self.shape(of) }),
            Shape::Record(record) => self.record(record),
            Shape::Log(record) => panic!("{}: a growing list is state, it cannot be part of an event", record.name),
        }
    }

    fn record(&mut self, record: &'a RecordShape) -> Json {
        let namespace = if COMMON.contains(&record) { "daybook" } else { self.namespace };
        let name = format!("{namespace}.{}", record.name);
        match self.named.get(&name) {
            Some(known) if *known == record => return name.into(),
            Some(_) => panic!("{name}: two different records of that name in one event"),
            None => self.named.insert(name, record),
        };
        let fields = self.fields(record);
        json!({ "type": "record", "name": record.name, "namespace": namespace, "doc": record.doc, "fields": fields })
    }

    fn sealed(&mut self) -> Json {
        const SEALED: &RecordShape = &RecordShape { name: "Sealed", doc: "", fields: &[] };
        let name = "daybook.Sealed".to_owned();
        if self.named.contains_key(&name) {
            return name.into();
        }
        self.named.insert(name, SEALED);
        json!({
            "type": "record",
            "name": "Sealed",
            "namespace": "daybook",
            "doc": "Personal data, sealed: AES-256-GCM with the key's id (16 bytes) as associated data. Destroying the key erases it.",
            "fields": [
                { "name": "key", "type": { "type": "string", "logicalType": "uuid" }, "doc": "The key's id." },
                { "name": "nonce", "type": "bytes", "doc": "The nonce, 12 bytes." },
                { "name": "ciphertext", "type": "bytes", "doc": "The text in UTF-8, sealed, with its tag of 16 bytes." },
            ],
        })
    }
}

/// `put_on_hold` as `PutOnHold`.
pub(crate) fn pascal(snake: &str) -> String {
    snake
        .split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// What a value consists of below options, lists and maps.
trait Innermost {
    fn innermost(&self) -> &Shape;
}

impl Innermost for Shape {
    fn innermost(&self) -> &Shape {
        match self {
            Shape::Optional(of) | Shape::List { of, .. } | Shape::Map { of, .. } => of.innermost(),
            other => other,
        }
    }
}
