//! The binary forms written by hand are those of apache-avro, byte for byte, both ways.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::collections::{BTreeMap, HashMap};

use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value, writer::datum::GenericDatumWriter};
use daybook_kernel::{Datum, RecordShape, Sealed, Shape, Time, log::Item};
use daybook_schemas::{
    Catalogue, WireError, avro, body,
    envelope::{Causation, Entry, Event, SCHEMA, Used},
};
use proptest::{collection, option, prelude::*};
use support::EveryForm;
use uuid::Uuid;

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn datum(shape: &'static Shape) -> BoxedStrategy<Datum> {
    let text = || ".{0,12}".prop_map(Datum::text);
    match shape {
        Shape::Flag => any::<bool>().prop_map(Datum::Flag).boxed(),
        Shape::Whole { .. } | Shape::Time => any::<i64>().prop_map(Datum::Whole).boxed(),
        Shape::Date => any::<i32>().prop_map(|days| Datum::Whole(days.into())).boxed(),
        Shape::Text { .. } | Shape::Choice { .. } | Shape::Number => text().boxed(),
        Shape::Id | Shape::Ref(_) => id().prop_map(Datum::Id).boxed(),
        Shape::Scalar => {
            prop_oneof![text(), any::<i64>().prop_map(Datum::Whole), any::<bool>().prop_map(Datum::Flag)].boxed()
        }
        Shape::Personal(_) => (id(), any::<[u8; 12]>(), collection::vec(any::<u8>(), 0..40))
            .prop_map(|(key, nonce, text)| Datum::Sealed(Box::new(Sealed { key, nonce, ciphertext: text.into() })))
            .boxed(),
        Shape::Blind => any::<[u8; 32]>().prop_map(|hash| Datum::Blind(Box::new(hash))).boxed(),
        Shape::Optional(of) => prop_oneof![Just(Datum::Null), datum(of)].boxed(),
        Shape::List { of, .. } => collection::vec(datum(of), 0..4).prop_map(Datum::List).boxed(),
        // One name at most: apache-avro writes a map in any order.
        Shape::Map { of, .. } => collection::btree_map(".{0,8}", datum(of), 0..2).prop_map(Datum::Map).boxed(),
        Shape::Record(shape) => record(shape),
        Shape::Log(shape) => panic!("{}: a growing list in an event", shape.name),
    }
}

fn record(shape: &'static RecordShape) -> BoxedStrategy<Datum> {
    shape.fields.iter().map(|field| datum(&field.shape)).collect::<Vec<_>>().prop_map(Datum::Record).boxed()
}

/// Writes with both, reads with both, and finds no difference.
fn agree(schema: &Schema, shape: &RecordShape, datum: &Datum) -> Result<(), TestCaseError> {
    let value = record_value(shape, datum);
    let theirs = GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value.clone()).unwrap();
    let ours = body::encode(shape, datum).unwrap();
    prop_assert_eq!(&ours, &theirs);
    prop_assert_eq!(&body::decode(shape, &theirs).unwrap(), datum);
    let read = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut &ours[..]).unwrap();
    prop_assert_eq!(read, value);
    Ok(())
}

fn every_form() -> Schema {
    Schema::parse_str(&avro::record_schema("daybook.test", "EveryForm", "", EveryForm::RECORD)).unwrap()
}

proptest! {
    #[test]
    fn every_form_has_the_bytes_of_apache_avro(datum in record(EveryForm::RECORD)) {
        agree(&every_form(), EveryForm::RECORD, &datum)?;
    }

    #[test]
    fn every_envelope_has_the_bytes_of_apache_avro(entry in entries()) {
        let schema = Schema::parse_str(SCHEMA).unwrap();
        let theirs = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(entry_value(&entry)).unwrap();
        let ours = entry.encode(7);
        prop_assert_eq!(&ours[..5], &[0, 0, 0, 0, 7]);
        prop_assert_eq!(&ours[5..], &theirs[..]);
        prop_assert_eq!(Entry::decode(&ours).unwrap(), entry);
    }

    #[test]
    fn damaged_entries_are_errors_and_never_panics(entry in entries(), at in any::<prop::sample::Index>(), bits in 1..=255u8) {
        let whole = entry.encode(1);
        let cut = at.index(whole.len());
        prop_assert!(Entry::decode(&whole[..cut]).is_err(), "cut at {} of {}", cut, whole.len());
        let mut altered = whole;
        altered[cut] ^= bits;
        let _ = Entry::decode(&altered);
    }

    #[test]
    fn damaged_bodies_are_errors_and_never_panics(
        datum in record(EveryForm::RECORD), at in any::<prop::sample::Index>(), bits in 1..=255u8,
    ) {
        let whole = body::encode(EveryForm::RECORD, &datum).unwrap();
        let cut = at.index(whole.len());
        prop_assert!(body::decode(EveryForm::RECORD, &whole[..cut]).is_err());
        let mut altered = whole;
        altered[cut] ^= bits;
        let _ = body::decode(EveryForm::RECORD, &altered);
    }
}

#[test]
fn every_declared_event_has_the_bytes_of_apache_avro() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(32));
    for kind in daybook_contents::kinds() {
        for event in kind.events() {
            let schema = Schema::parse_str(&avro::event_schema(kind, event)).unwrap();
            runner.run(&record(event.body), |datum| agree(&schema, event.body, &datum)).unwrap();
        }
    }
}

#[test]
fn an_unknown_format_stops_the_reader() {
    let mut bytes = Entry::barrier(Time(1)).encode(1);
    bytes[5] = 4;
    assert!(matches!(Entry::decode(&bytes), Err(WireError::Format(2))));
    assert!(matches!(Entry::decode(b"\x01rest of it"), Err(WireError::Frame)));
    assert!(matches!(Entry::decode(&[0, 0, 0]), Err(WireError::Frame)));
    bytes[5] = 2;
    bytes.push(0);
    assert!(matches!(Entry::decode(&bytes), Err(WireError::Trailing(1))));
}

#[test]
fn personal_data_in_clear_is_never_written() {
    let Datum::Record(mut fields) = daybook_schemas::sample::record(EveryForm::RECORD) else { panic!() };
    let (place, _) = EveryForm::RECORD.field("personal").unwrap();
    fields[place] = Datum::text("Ada Lovelace");
    let error = body::encode(EveryForm::RECORD, &Datum::Record(fields)).unwrap_err().to_string();
    assert_eq!(error, "EveryForm.personal: personal data must be sealed before it is written");
}

#[test]
fn a_map_of_many_names_is_read_in_any_order() {
    let (place, field) = EveryForm::RECORD.field("map").unwrap();
    let Datum::Record(mut fields) = daybook_schemas::sample::record(EveryForm::RECORD) else { panic!() };
    let names = ["zeta", "alpha", "mu"].map(|name| (name.to_owned(), Datum::text(name)));
    fields[place] = Datum::Map(BTreeMap::from(names));
    let datum = Datum::Record(fields);
    let schema = every_form();
    let value = record_value(EveryForm::RECORD, &datum);
    let theirs = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap();
    assert_eq!(body::decode(EveryForm::RECORD, &theirs).unwrap(), datum, "{}", field.name);
}

#[test]
fn bodies_of_an_older_schema_are_read_as_todays() {
    let (kind, event) = daybook_contents::event("incident.created").unwrap();
    let mut catalogue = Catalogue::ours();
    let text = catalogue.texts().find(|schema| schema.subject == "incident.created").unwrap().text.to_owned();
    let datum = daybook_schemas::sample::record(kind.events()[event].body);
    let (today, bytes) = catalogue.encode(kind, event, &datum).unwrap();

    // The same with other words: the bytes are the same.
    let reworded = text.replacen("\"doc\": \"", "\"doc\": \"Formerly: ", 1);
    let fingerprint = catalogue.learn(&reworded).unwrap();
    assert_ne!(fingerprint, today);
    assert_eq!(catalogue.decode("incident.created", &fingerprint, &bytes).unwrap().2, datum);

    // A schema before its optional fields came: they are absent.
    let mut older: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields = older["fields"].as_array_mut().unwrap();
    fields.retain(|field| field.get("default") != Some(&serde_json::Value::Null));
    let kept: Vec<String> = fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect();
    let older = older.to_string();
    let schema = Schema::parse_str(&older).unwrap();
    let Value::Record(mut values) = record_value(kind.events()[event].body, &datum) else { panic!() };
    values.retain(|(name, _)| kept.contains(name));
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    let bytes = writer.write_value_to_vec(Value::Record(values)).unwrap();
    let fingerprint = catalogue.learn(&older).unwrap();
    let (_, _, Datum::Record(read)) = catalogue.decode("incident.created", &fingerprint, &bytes).unwrap() else {
        panic!()
    };
    let Datum::Record(whole) = datum else { panic!() };
    for ((field, read), whole) in kind.events()[event].body.fields.iter().zip(read).zip(whole) {
        match kept.iter().any(|kept| kept == field.name) {
            true => assert_eq!(read, whole, "{}", field.name),
            false => assert_eq!(read, Datum::Null, "{}", field.name),
        }
    }
    for cut in 0..bytes.len() {
        assert!(catalogue.decode("incident.created", &fingerprint, &bytes[..cut]).is_err(), "cut at {cut}");
    }

    let unknown = catalogue.decode("incident.created", &[1; 32], &bytes).unwrap_err();
    assert!(matches!(unknown, WireError::UnknownSchema { .. }), "{unknown}");
    let unknown = catalogue.decode("incident.dreamt", &today, &bytes).unwrap_err();
    assert_eq!(unknown.to_string(), "no aggregate declares the event incident.dreamt");
}

fn entries() -> impl Strategy<Value = Entry> {
    let name = || ".{0,16}";
    let count = || 0..=i64::MAX as u64;
    let causation = (name(), name(), id(), option::of(name()), count(), 0..=i32::MAX as u32, 0..20u32).prop_map(
        |(policy, context, tenant, book, book_number, step, depth)| Causation {
            policy,
            context,
            tenant,
            book,
            book_number,
            step,
            depth,
        },
    );
    let used = (name(), any::<i32>(), count()).prop_map(|(topic, partition, number)| Used { topic, partition, number });
    let event = (id(), name(), name(), id(), count(), any::<[u8; 32]>(), collection::vec(any::<u8>(), 0..64)).prop_map(
        |(id, event_type, aggregate_type, aggregate_id, version, schema, data)| Event {
            id,
            event_type,
            aggregate_type,
            aggregate_id,
            version,
            schema,
            data,
        },
    );
    let who = (id(), option::of(name()), count(), name(), any::<[u8; 32]>(), name(), option::of(name()));
    let when = (any::<i64>(), option::of(any::<i64>()), name(), option::of(causation), option::of(name()));
    let what = (collection::vec(used, 0..3), collection::vec(event, 0..4));
    (who, when, what).prop_map(|(who, when, what)| Entry {
        tenant: who.0,
        book: who.1,
        book_number: who.2,
        command_id: who.3,
        request_fingerprint: who.4,
        actor: who.5,
        on_behalf_of: who.6,
        time: Time(when.0),
        occurred_at: when.1.map(Time),
        correlation: when.2,
        causation: when.3,
        traceparent: when.4,
        references: what.0,
        events: what.1,
    })
}

fn optional(value: Option<Value>) -> Value {
    match value {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(value) => Value::Union(1, Box::new(value)),
    }
}

fn named(fields: Vec<(&str, Value)>) -> Value {
    Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn entry_value(entry: &Entry) -> Value {
    let text = |text: &String| Value::String(text.clone());
    let long = |n: u64| Value::Long(n.try_into().unwrap());
    let small = |n: u32| Value::Int(n.try_into().unwrap());
    named(vec![
        ("format", Value::Int(1)),
        ("tenant", Value::Uuid(entry.tenant)),
        ("book", optional(entry.book.as_ref().map(text))),
        ("book_number", long(entry.book_number)),
        ("command_id", text(&entry.command_id)),
        ("request_fingerprint", Value::Bytes(entry.request_fingerprint.to_vec())),
        ("actor", text(&entry.actor)),
        ("on_behalf_of", optional(entry.on_behalf_of.as_ref().map(text))),
        ("time", Value::TimestampMicros(entry.time.0)),
        ("occurred_at", optional(entry.occurred_at.map(|time| Value::TimestampMicros(time.0)))),
        ("correlation", text(&entry.correlation)),
        (
            "causation",
            optional(entry.causation.as_ref().map(|causation| {
                named(vec![
                    ("policy", text(&causation.policy)),
                    ("context", text(&causation.context)),
                    ("tenant", Value::Uuid(causation.tenant)),
                    ("book", optional(causation.book.as_ref().map(text))),
                    ("book_number", long(causation.book_number)),
                    ("step", small(causation.step)),
                    ("depth", small(causation.depth)),
                ])
            })),
        ),
        ("traceparent", optional(entry.traceparent.as_ref().map(text))),
        (
            "references",
            Value::Array(
                entry
                    .references
                    .iter()
                    .map(|used| {
                        named(vec![
                            ("topic", text(&used.topic)),
                            ("partition", Value::Int(used.partition)),
                            ("number", long(used.number)),
                        ])
                    })
                    .collect(),
            ),
        ),
        (
            "events",
            Value::Array(
                entry
                    .events
                    .iter()
                    .map(|event| {
                        named(vec![
                            ("id", Value::Uuid(event.id)),
                            ("type", text(&event.event_type)),
                            ("aggregate_type", text(&event.aggregate_type)),
                            ("aggregate_id", Value::Uuid(event.aggregate_id)),
                            ("version", long(event.version)),
                            ("schema", Value::Bytes(event.schema.to_vec())),
                            ("data", Value::Bytes(event.data.clone())),
                        ])
                    })
                    .collect(),
            ),
        ),
    ])
}

/// A datum as apache-avro's generic value, by the names of its fields.
fn value(shape: &Shape, datum: &Datum) -> Value {
    match (shape, datum) {
        (Shape::Optional(_), Datum::Null) => Value::Union(0, Box::new(Value::Null)),
        (Shape::Optional(Shape::Scalar), datum) => scalar(datum, 1),
        (Shape::Optional(of), datum) => Value::Union(1, Box::new(value(of, datum))),
        (Shape::Scalar, datum) => scalar(datum, 0),
        (Shape::Time, Datum::Whole(n)) => Value::TimestampMicros(*n),
        (Shape::Date, Datum::Whole(n)) => Value::Date(i32::try_from(*n).unwrap()),
        (Shape::Record(record), datum) => record_value(record, datum),
        (Shape::List { of, .. }, Datum::List(items)) => {
            Value::Array(items.iter().map(|item| value(of, item)).collect())
        }
        (Shape::Map { of, .. }, Datum::Map(items)) => {
            Value::Map(items.iter().map(|(name, item)| (name.clone(), value(of, item))).collect::<HashMap<_, _>>())
        }
        (_, Datum::Flag(flag)) => Value::Boolean(*flag),
        (_, Datum::Whole(n)) => Value::Long(*n),
        (_, Datum::Text(text)) => Value::String(text.to_string()),
        (_, Datum::Id(id)) => Value::Uuid(*id),
        (_, Datum::Blind(hash)) => Value::Bytes(hash.to_vec()),
        (_, Datum::Sealed(sealed)) => Value::Record(vec![
            ("key".to_owned(), Value::Uuid(sealed.key)),
            ("nonce".to_owned(), Value::Bytes(sealed.nonce.to_vec())),
            ("ciphertext".to_owned(), Value::Bytes(sealed.ciphertext.to_vec())),
        ]),
        (shape, datum) => panic!("{datum:?} is not of {shape:?}"),
    }
}

/// A record's datum as apache-avro's generic value.
fn record_value(record: &RecordShape, datum: &Datum) -> Value {
    let Datum::Record(fields) = datum else { panic!("{datum:?} is no record") };
    let fields = record.fields.iter().zip(fields);
    Value::Record(fields.map(|(field, datum)| (field.name.to_owned(), value(&field.shape, datum))).collect())
}

fn scalar(datum: &Datum, first: u32) -> Value {
    let (branch, value) = match datum {
        Datum::Text(text) => (0, Value::String(text.to_string())),
        Datum::Whole(n) => (1, Value::Long(*n)),
        Datum::Flag(flag) => (2, Value::Boolean(*flag)),
        other => panic!("{other:?} is no scalar"),
    };
    Value::Union(first + branch, Box::new(value))
}
