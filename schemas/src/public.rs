//! The public form of events, for systems downstream: the same records without what is personal.
//!
//! Subscribers get a schema of their own per event type, so that nothing of the journal's form is promised to them.

use daybook_kernel::{Datum, Field, Kind, RecordShape, Shape};

use crate::{
    WireError, avro, body,
    catalogue::{Fingerprint, fingerprint},
};

/// An event type as subscribers see it.
#[derive(Debug)]
pub struct PublicEvent {
    /// The subject of its schema in the registry, `public.<event type>`.
    pub subject: String,
    /// SHA-256 of the schema's text.
    pub fingerprint: Fingerprint,
    /// The schema's text.
    pub text: String,
    full: &'static RecordShape,
    shape: &'static RecordShape,
}

impl PublicEvent {
    /// The public form of an event. Made once for the life of a process: its shape is never freed.
    ///
    /// # Panics
    /// As [`avro::event_schema`].
    pub fn new(kind: &dyn Kind, event: usize) -> Self {
        let (meta, declared) = (kind.meta(), &kind.events()[event]);
        let shape = without_personal(declared.body);
        let wire_name = kind.wire_name(event);
        let name = avro::pascal(&wire_name.replace('.', "_"));
        let text = avro::record_schema(&format!("daybook.public.{}", meta.context), &name, declared.doc, shape);
        Self {
            subject: format!("public.{wire_name}"),
            fingerprint: fingerprint(&text),
            text,
            full: declared.body,
            shape,
        }
    }

    /// The event's body in Confluent's wire format, under the id that the registry gave the schema.
    ///
    /// # Errors
    /// When the datum does not have the event's shape.
    pub fn encode(&self, body: &Datum, schema_id: u32) -> Result<Vec<u8>, WireError> {
        let bytes = body::encode(self.shape, &strip(&Shape::Record(self.full), body))?;
        Ok([&[0], schema_id.to_be_bytes().as_slice(), &bytes].concat())
    }
}

/// Whether subscribers do not get a field of that shape.
fn is_left_out(shape: &Shape) -> bool {
    match shape {
        Shape::Personal(_) | Shape::Blind => true,
        Shape::Optional(of) | Shape::List { of, .. } | Shape::Map { of, .. } => is_left_out(of),
        _ => false,
    }
}

/// The record with the fields that subscribers get.
fn without_personal(record: &'static RecordShape) -> &'static RecordShape {
    let fields = record.fields.iter().filter(|field| !is_left_out(&field.shape)).map(|field| Field {
        name: field.name,
        doc: field.doc,
        shape: public_shape(&field.shape),
        view: field.view,
        referrers: field.referrers,
        blind: field.blind,
        belongs: field.belongs,
    });
    let fields = Box::leak(fields.collect::<Vec<_>>().into_boxed_slice());
    Box::leak(Box::new(RecordShape { name: record.name, doc: record.doc, fields }))
}

fn public_shape(shape: &Shape) -> Shape {
    let leaked = |of: &Shape| -> &'static Shape { Box::leak(Box::new(public_shape(of))) };
    match shape {
        Shape::Record(record) => Shape::Record(without_personal(record)),
        Shape::Optional(of) => Shape::Optional(leaked(of)),
        Shape::List { of, max } => Shape::List { of: leaked(of), max: *max },
        Shape::Map { of, max } => Shape::Map { of: leaked(of), max: *max },
        other => *other,
    }
}

/// The datum without the fields that subscribers do not get.
fn strip(shape: &Shape, datum: &Datum) -> Datum {
    match (shape, datum) {
        (Shape::Optional(of), datum) if *datum != Datum::Null => strip(of, datum),
        (Shape::Record(record), Datum::Record(fields)) => {
            let kept = record.fields.iter().zip(fields).filter(|(field, _)| !is_left_out(&field.shape));
            Datum::Record(kept.map(|(field, datum)| strip(&field.shape, datum)).collect())
        }
        (Shape::List { of, .. }, Datum::List(items)) => Datum::List(items.iter().map(|item| strip(of, item)).collect()),
        (Shape::Map { of, .. }, Datum::Map(items)) => {
            Datum::Map(items.iter().map(|(name, item)| (name.clone(), strip(of, item))).collect())
        }
        (_, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_personal_is_public() {
        for context in daybook_contents::CONTEXTS {
            for kind in context.kinds {
                for event in 0..kind.events().len() {
                    let public = PublicEvent::new(*kind, event);
                    assert!(!Shape::Record(public.shape).holds_personal(), "{}", public.subject);
                    assert!(!public.text.contains("Sealed"), "{}", public.subject);
                    assert!(public.shape.fields.iter().all(|field| !field.shape.is_blind()), "{}", public.subject);
                }
            }
        }
    }

    #[test]
    fn what_is_not_personal_stays_in_its_place() {
        let incident = daybook_contents::kind("incident.Incident").unwrap();
        let (_, created) = daybook_contents::event("incident.created").unwrap();
        let public = PublicEvent::new(incident, created);
        let full = incident.events()[created].body;
        let kept: Vec<_> = public.shape.fields.iter().map(|field| field.name).collect();
        assert!(full.field("short_description").is_some() && !kept.contains(&"short_description"));
        assert!(["number", "priority", "caller"].iter().all(|name| kept.contains(name)));
    }
}
