//! Sample values of any shape, always the same: for examples in documents and for fixtures.

use std::collections::BTreeMap;

use daybook_kernel::{Datum, RecordShape, Sealed, Shape, shape::TextFormat};
use uuid::Uuid;

/// 2026-11-21T09:00:00Z, in microseconds.
const TIME: i64 = 1_795_251_600_000_000;
/// 2026-11-21, in days.
const DATE: i64 = 20_778;

/// A record with every field filled, personal ones sealed.
pub fn record(shape: &RecordShape) -> Datum {
    filled(shape, Personal::Sealed)
}

/// A record with every field filled, personal ones in clear, as a request says it.
pub fn request(shape: &RecordShape) -> Datum {
    filled(shape, Personal::InClear)
}

#[derive(Clone, Copy)]
enum Personal {
    Sealed,
    InClear,
}

fn filled(shape: &RecordShape, personal: Personal) -> Datum {
    Datum::Record(shape.fields.iter().map(|field| value(&field.shape, field.name, personal)).collect())
}

fn value(shape: &Shape, field: &str, personal: Personal) -> Datum {
    match shape {
        Shape::Flag => Datum::Flag(true),
        Shape::Whole { min, max } => Datum::Whole(42.clamp(*min, *max)),
        Shape::Text { max, format, .. } => Datum::text(text(field, *max, *format)),
        Shape::Choice { options, .. } => Datum::text(options.first().copied().unwrap_or_default()),
        Shape::Time => Datum::Whole(TIME),
        Shape::Date => Datum::Whole(DATE),
        Shape::Id | Shape::Ref(_) => Datum::Id(id(field)),
        Shape::Number => Datum::text("INC0000001"),
        Shape::Scalar => Datum::text(words(field)),
        Shape::Personal(of) if matches!(personal, Personal::InClear) => value(of, field, personal),
        Shape::Personal(_) => Datum::Sealed(Box::new(Sealed {
            key: id("key"),
            nonce: *b"twelve bytes",
            ciphertext: b"a sealed value stands here".as_slice().into(),
        })),
        Shape::Blind => Datum::Blind(Box::new(crate::fingerprint(field))),
        Shape::Optional(Shape::Blind) if matches!(personal, Personal::InClear) => Datum::Null,
        Shape::Optional(of) => value(of, field, personal),
        Shape::List { of, .. } => Datum::List(vec![value(of, field, personal)]),
        Shape::Map { of, .. } => Datum::Map(BTreeMap::from([("name".to_owned(), value(of, field, personal))])),
        Shape::Record(shape) => filled(shape, personal),
        Shape::Log(_) => Datum::Log { length: 0, fresh: Vec::new() },
    }
}

/// A text of that format, about the field where it is free.
fn text(field: &str, max: usize, format: TextFormat) -> String {
    match format {
        TextFormat::Free => words(field).chars().take(max).collect(),
        TextFormat::Email => "ada@example.org".to_owned(),
        TextFormat::Slug => "example".to_owned(),
        TextFormat::Currency => "EUR".to_owned(),
        TextFormat::Zone => "Europe/Paris".to_owned(),
        TextFormat::Permission => "incident:report".to_owned(),
        TextFormat::CivilTime => "2026-11-21T09:00:00".to_owned(),
        TextFormat::Locale => "de-CH".to_owned(),
    }
}

fn words(field: &str) -> String {
    format!("the {}", field.replace('_', " "))
}

/// An id that is the same for the same field, and no other's.
fn id(field: &str) -> Uuid {
    let fingerprint = crate::fingerprint(field);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&fingerprint[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
