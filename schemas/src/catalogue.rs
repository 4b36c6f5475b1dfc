//! The catalogue: every schema that events are written in, ours of today and those that journals have seen before.

use std::{collections::HashMap, io::Read};

use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use aws_lc_rs::digest::{SHA256, digest};
use daybook_kernel::{Datum, Kind};

use crate::{WireError, avro, body, envelope};

/// SHA-256 of a schema's text: its name in the journal.
pub type Fingerprint = [u8; 32];

/// The fingerprint of a schema's text.
pub fn fingerprint(text: &str) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    fingerprint
}

/// A schema of ours, as it is registered and kept in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaText<'a> {
    /// Its subject in the registry: the event's type, or [`envelope::SUBJECT`].
    pub subject: &'a str,
    /// SHA-256 of the text.
    pub fingerprint: Fingerprint,
    /// The text, a JSON document.
    pub text: &'a str,
}

/// The schemas that events are written and read in.
#[derive(Clone)]
pub struct Catalogue {
    /// Ours, in the order of the contents.
    ours: Vec<Ours>,
    /// The place in `ours` of each event, by its type on the wire.
    by_event: HashMap<String, usize>,
    /// The place in `ours` of a kind's first event, by the aggregate's type.
    by_kind: HashMap<&'static str, usize>,
    /// Older ones, from the schemas topic.
    learned: HashMap<Fingerprint, Learned>,
}

/// An event's present schema.
#[derive(Clone)]
struct Ours {
    kind: &'static dyn Kind,
    event: usize,
    subject: String,
    text: String,
    fingerprint: Fingerprint,
    schema: Schema,
    /// What decides about the bytes: two schemas with the same canonical form write the same.
    canonical: String,
}

#[derive(Clone)]
struct Learned {
    schema: Schema,
    canonical: String,
}

impl Catalogue {
    /// Our own schemas, generated from the declaration.
    ///
    /// # Panics
    /// When the declaration cannot be said in Avro; the contract test finds it first.
    pub fn ours() -> Self {
        let mut catalogue =
            Self { ours: Vec::new(), by_event: HashMap::new(), by_kind: HashMap::new(), learned: HashMap::new() };
        for kind in daybook_contents::kinds() {
            catalogue.add(kind);
        }
        catalogue
    }

    fn add(&mut self, kind: &'static dyn Kind) {
        self.by_kind.insert(kind.meta().type_name, self.ours.len());
        for (event, shape) in kind.events().iter().enumerate() {
            let text = avro::event_schema(kind, shape);
            let schema = Schema::parse_str(&text).expect("a schema that the declaration generates is one");
            let subject = kind.wire_name(event);
            self.by_event.insert(subject.clone(), self.ours.len());
            self.ours.push(Ours {
                kind,
                event,
                subject,
                fingerprint: fingerprint(&text),
                canonical: schema.canonical_form(),
                schema,
                text,
            });
        }
    }

    /// Takes in a schema that the schemas topic holds; its fingerprint is returned. Those known already cost nothing.
    ///
    /// # Errors
    /// When the text is no Avro schema.
    pub fn learn(&mut self, text: &str) -> Result<Fingerprint, WireError> {
        let fingerprint = fingerprint(text);
        if !self.knows(&fingerprint) {
            let schema = Schema::parse_str(text).map_err(|error| WireError::Schema(Box::new(error)))?;
            self.learned.insert(fingerprint, Learned { canonical: schema.canonical_form(), schema });
        }
        Ok(fingerprint)
    }

    /// Whether events written in the schema of that fingerprint can be read.
    pub fn knows(&self, fingerprint: &Fingerprint) -> bool {
        self.learned.contains_key(fingerprint) || self.ours.iter().any(|ours| ours.fingerprint == *fingerprint)
    }

    /// Writes an event's body in its present schema.
    ///
    /// # Errors
    /// When the datum does not have the body's shape, or holds personal data in clear.
    pub fn encode(&self, kind: &dyn Kind, event: usize, body: &Datum) -> Result<(Fingerprint, Vec<u8>), WireError> {
        let first = self.by_kind.get(kind.meta().type_name);
        let ours = first
            .and_then(|first| self.ours.get(first + event))
            .filter(|ours| ours.event == event)
            .ok_or_else(|| WireError::UnknownEvent(format!("number {event} of {}", kind.meta().type_name)))?;
        let shape = &ours.kind.events()[event];
        let bytes = body::encode(shape.body, body).map_err(|error| error.inside(&ours.subject))?;
        Ok((ours.fingerprint, bytes))
    }

    /// Reads an event's body, whichever schema it was written in, as today's declaration has it.
    ///
    /// # Errors
    /// When no aggregate declares the event, its schema has not been learned, or the bytes are damaged.
    pub fn decode(
        &self,
        wire_type: &str,
        fingerprint: &Fingerprint,
        bytes: &[u8],
    ) -> Result<(&'static dyn Kind, usize, Datum), WireError> {
        let place = self.by_event.get(wire_type).ok_or_else(|| WireError::UnknownEvent(wire_type.to_owned()))?;
        let ours = &self.ours[*place];
        let shape = ours.kind.events()[ours.event].body;
        let datum = match ours.fingerprint == *fingerprint {
            true => body::decode(shape, bytes),
            false => match self.learned.get(fingerprint) {
                Some(learned) if learned.canonical == ours.canonical => body::decode(shape, bytes),
                Some(learned) => resolve(wire_type, &learned.schema, &ours.schema, bytes)
                    .and_then(|resolved| body::decode(shape, &resolved)),
                None => Err(WireError::UnknownSchema { event: wire_type.to_owned(), fingerprint: *fingerprint }),
            },
        };
        Ok((ours.kind, ours.event, datum.map_err(|error| error.inside(wire_type))?))
    }

    /// Every schema of ours, the envelope's first: what must be registered and kept in Kafka before the first entry.
    pub fn texts(&self) -> impl Iterator<Item = SchemaText<'_>> {
        let envelope = SchemaText {
            subject: envelope::SUBJECT,
            fingerprint: fingerprint(envelope::SCHEMA),
            text: envelope::SCHEMA,
        };
        let ours = self.ours.iter().map(|ours| SchemaText {
            subject: &ours.subject,
            fingerprint: ours.fingerprint,
            text: &ours.text,
        });
        std::iter::once(envelope).chain(ours)
    }
}

/// Bytes of an older schema as the present one would have written them: the slow way, by apache-avro.
fn resolve(event: &str, writer: &Schema, reader: &Schema, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    let failed = |source| WireError::Resolve { event: event.to_owned(), source: Box::new(source) };
    let mut bytes = Whole { rest: bytes, cut: false };
    let older = GenericDatumReader::builder(writer).reader_schema(reader).build();
    let value = older.and_then(|older| older.read_value(&mut bytes)).map_err(failed)?;
    match (bytes.cut, bytes.rest.len()) {
        (true, _) => Err(WireError::Field { at: String::new(), expected: "the rest of its bytes" }),
        (_, 0) => {
            let present = GenericDatumWriter::builder(reader).build();
            present.and_then(|present| present.write_value_to_vec(value)).map_err(failed)
        }
        (_, left) => Err(WireError::Trailing(left)),
    }
}

/// Notices when more is read than there is: apache-avro takes a text, a flag or a union that is cut off for null.
struct Whole<'a> {
    rest: &'a [u8],
    cut: bool,
}

impl Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.cut |= into.len() > self.rest.len();
        self.rest.read(into)
    }
}
