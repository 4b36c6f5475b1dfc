//! Bytes that were written once and must be read for ever: the envelope, every form of value, sealed values.
//!
//! A fixture that is missing is written, and the test fails so that it gets committed. One that is there never changes.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use daybook_kernel::{Datum, RecordShape, Sealed, Shape, Time, json, log::Item, shape::TextFormat};
use daybook_schemas::{
    Sealer, avro, body,
    envelope::{Causation, Entry, Event, Used},
    hex::{Hex, unhex},
};
use serde_json::{Value as Json, json};
use support::EveryForm;
use uuid::Uuid;

/// Holds a fixture to what it was when it was committed.
fn unchanged(name: &str, cases: Vec<Json>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let text = format!("{:#}\n", Json::Array(cases));
    match fs::read_to_string(&path) {
        Ok(committed) => assert_eq!(committed, text, "{name}: the wire has changed"),
        Err(_) => {
            fs::write(&path, text).unwrap();
            panic!("{} was written: look at it and commit it", path.display());
        }
    }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + n)
}

fn entry_json(entry: &Entry) -> Json {
    let micros = |time: Time| json!({ "micros": time.0, "text": time.to_string() });
    json!({
        "format": 1,
        "tenant": entry.tenant,
        "book": entry.book,
        "book_number": entry.book_number,
        "command_id": entry.command_id,
        "request_fingerprint": Hex(&entry.request_fingerprint).to_string(),
        "actor": entry.actor,
        "on_behalf_of": entry.on_behalf_of,
        "time": micros(entry.time),
        "occurred_at": entry.occurred_at.map(micros),
        "correlation": entry.correlation,
        "causation": entry.causation.as_ref().map(|causation| json!({
            "policy": causation.policy,
            "context": causation.context,
            "tenant": causation.tenant,
            "book": causation.book,
            "book_number": causation.book_number,
            "step": causation.step,
            "depth": causation.depth,
        })),
        "traceparent": entry.traceparent,
        "references": entry.references.iter().map(|used| json!({
            "topic": used.topic,
            "partition": used.partition,
            "number": used.number,
        })).collect::<Vec<_>>(),
        "events": entry.events.iter().map(|event| json!({
            "id": event.id,
            "type": event.event_type,
            "aggregate_type": event.aggregate_type,
            "aggregate_id": event.aggregate_id,
            "version": event.version,
            "schema": Hex(&event.schema).to_string(),
            "data": Hex(&event.data).to_string(),
        })).collect::<Vec<_>>(),
    })
}

fn command_of_a_person() -> Entry {
    Entry {
        tenant: id(1),
        book: None,
        book_number: 4711,
        command_id: "8f0f3c1e-6f43-4d3a-9d3e-6a4b1c7d2e10".to_owned(),
        request_fingerprint: std::array::from_fn(|n| u8::try_from(n).unwrap()),
        actor: format!("user/{}", id(2)),
        on_behalf_of: None,
        time: Time(1_795_251_600_000_001),
        occurred_at: None,
        correlation: "8f0f3c1e-6f43-4d3a-9d3e-6a4b1c7d2e10".to_owned(),
        causation: None,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        references: vec![Used { topic: "journal.identity".to_owned(), partition: 3, number: 17 }],
        events: vec![Event {
            id: id(3),
            event_type: "incident.created".to_owned(),
            aggregate_type: "incident.Incident".to_owned(),
            aggregate_id: id(4),
            version: 1,
            schema: [0xab; 32],
            data: b"Avro".to_vec(),
        }],
    }
}

/// Every optional field filled, two events, and a finer book.
fn command_of_a_policy() -> Entry {
    let first = command_of_a_person();
    let mut events = first.events.clone();
    events.push(Event { id: id(5), aggregate_id: id(6), version: 300, data: Vec::new(), ..events[0].clone() });
    Entry {
        book: Some("meter-7".to_owned()),
        actor: "service/notifier".to_owned(),
        on_behalf_of: Some(format!("user/{}", id(2))),
        occurred_at: Some(Time(-1)),
        causation: Some(Causation {
            policy: "notify-caller".to_owned(),
            context: "incident".to_owned(),
            tenant: id(1),
            book: Some("meter-7".to_owned()),
            book_number: 4710,
            step: 2,
            depth: 1,
        }),
        events,
        ..first
    }
}

#[test]
fn envelopes() {
    let case = |name: &str, entry: &Entry| {
        let bytes = entry.encode(7);
        assert_eq!(Entry::decode(&bytes).unwrap(), *entry, "{name}");
        json!({ "name": name, "schema_id": 7, "entry": entry_json(entry), "bytes": Hex(&bytes).to_string() })
    };
    unchanged(
        "envelope.json",
        vec![
            case("a command of a person", &command_of_a_person()),
            case("a command of a policy, every field filled", &command_of_a_policy()),
            case("a barrier", &Entry::barrier(Time(1_795_251_600_000_002))),
        ],
    );
}

/// The values worth holding of a form: what it usually is, and its edges.
fn values(shape: &Shape) -> Vec<Datum> {
    let sealed = || {
        Datum::Sealed(Box::new(Sealed {
            key: id(7),
            nonce: [9; 12],
            ciphertext: b"ciphertext and tag".as_slice().into(),
        }))
    };
    match shape {
        Shape::Flag => vec![Datum::Flag(false), Datum::Flag(true)],
        Shape::Whole { min, max } => {
            [0, -1, 63, 64, *min, *max].into_iter().filter(|n| n >= min).map(Datum::Whole).collect()
        }
        Shape::Text { format: TextFormat::Free, .. } => vec![Datum::text("Zoë 🚲"), Datum::text("x".repeat(64))],
        Shape::Text { format, .. } => vec![Datum::text(match format {
            TextFormat::Email => "zoe@example.org",
            TextFormat::Slug => "acme-1",
            TextFormat::Currency => "EUR",
            TextFormat::Zone => "Europe/Paris",
            TextFormat::Locale => "de-CH",
            TextFormat::Permission => "incident:report",
            TextFormat::CivilTime | TextFormat::Free => "2026-03-29T02:30:00",
        })],
        Shape::Choice { options, .. } => options.iter().map(|option| Datum::text(*option)).collect(),
        Shape::Time => [0, -1, 1_795_251_600_000_001].map(Datum::Whole).to_vec(),
        Shape::Date => [0, -1, 20_778].map(Datum::Whole).to_vec(),
        Shape::Id | Shape::Ref(_) => vec![Datum::Id(Uuid::nil()), Datum::Id(id(8))],
        Shape::Number => vec![Datum::text("INC0000001")],
        Shape::Scalar => vec![Datum::text("16 GiB"), Datum::Whole(-5), Datum::Flag(true)],
        Shape::Personal(_) => vec![sealed()],
        Shape::Blind => vec![Datum::Blind(Box::new([5; 32]))],
        Shape::Optional(of) => [Datum::Null].into_iter().chain(values(of)).collect(),
        Shape::List { of, .. } => vec![Datum::List(Vec::new()), Datum::List(values(of))],
        Shape::Map { of, .. } => {
            let items = values(of).into_iter().enumerate().map(|(n, value)| (format!("name {n}"), value));
            vec![Datum::Map(BTreeMap::new()), Datum::Map(items.collect())]
        }
        Shape::Record(record) => {
            let usual = record.fields.iter().map(|field| values(&field.shape).swap_remove(0)).collect();
            let edge = record.fields.iter().map(|field| values(&field.shape).pop().unwrap()).collect();
            vec![Datum::Record(usual), Datum::Record(edge)]
        }
        Shape::Log(record) => panic!("{}: a growing list in an event", record.name),
    }
}

#[test]
fn every_form_of_value() {
    let mut cases = Vec::new();
    for field in EveryForm::RECORD.fields {
        let alone: &'static RecordShape = Box::leak(Box::new(RecordShape {
            name: "Alone",
            doc: "One form of value.",
            fields: std::slice::from_ref(field),
        }));
        let schema: Json =
            serde_json::from_str(&avro::record_schema("daybook.test", "Alone", alone.doc, alone)).unwrap();
        let bytes = values(&field.shape).into_iter().map(|value| {
            let datum = Datum::Record(vec![value]);
            let bytes = body::encode(alone, &datum).unwrap();
            assert_eq!(body::decode(alone, &bytes).unwrap(), datum, "{}", field.name);
            json!({ "value": json::write_record(alone, &datum)[field.name], "bytes": Hex(&bytes).to_string() })
        });
        cases.push(json!({ "form": field.name, "cases": bytes.collect::<Vec<_>>(), "schema": schema }));
    }
    unchanged("forms.json", cases);
}

#[test]
fn sealed_values() {
    let master: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let sealer = Sealer::new(&master);
    let case = |tenant: Uuid, key: Uuid, field: &str, text: &str| {
        let place = EveryForm::RECORD.field(field).unwrap().0;
        let Datum::Record(mut fields) = daybook_schemas::sample::record(EveryForm::RECORD) else { panic!("no record") };
        fields[place] = Datum::text(text);
        let mut datum = Datum::Record(fields);
        sealer.derived(tenant, key).seal(EveryForm::RECORD, &mut datum).unwrap();
        let Datum::Record(mut fields) = datum else { panic!("no record") };
        let Datum::Sealed(sealed) = fields.swap_remove(place) else { panic!("{field} is not sealed") };
        assert_eq!(sealer.ring().open_text(tenant, &sealed), Ok(Some(text.to_owned())));
        json!({
            "master": Hex(&master).to_string(),
            "tenant": tenant,
            "key": sealed.key,
            "field": field,
            "text": text,
            "nonce": Hex(&sealed.nonce).to_string(),
            "ciphertext": Hex(&sealed.ciphertext).to_string(),
        })
    };
    unchanged(
        "sealed.json",
        vec![
            case(id(1), id(2), "personal", "My screen stays black since Zoë moved my desk."),
            case(id(1), id(2), "optional_personal", "zoe@example.org"),
            case(id(1), id(3), "personal", "My screen stays black since Zoë moved my desk."),
            case(Uuid::nil(), id(2), "personal", "x"),
        ],
    );
}

/// What is committed can be opened from the file alone.
#[test]
fn committed_sealed_values_open() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sealed.json");
    let cases: Vec<Json> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let bytes = |key: &str| unhex(case[key].as_str().unwrap()).unwrap();
        let id = |key: &str| -> Uuid { case[key].as_str().unwrap().parse().unwrap() };
        let sealed = Sealed {
            key: id("key"),
            nonce: bytes("nonce").try_into().unwrap(),
            ciphertext: bytes("ciphertext").into(),
        };
        let sealer = Sealer::new(&bytes("master").try_into().unwrap());
        assert_eq!(sealer.ring().open_text(id("tenant"), &sealed), Ok(case["text"].as_str().map(str::to_owned)));
    }
}
