//! How fast entries and event bodies are read and written, by our own code and by apache-avro. One line of JSON.

use std::{hint::black_box, time::Instant};

use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use daybook_kernel::Time;
use daybook_schemas::{
    Catalogue,
    envelope::{Entry, Event, SCHEMA},
    sample,
};
use uuid::Uuid;

const ROUNDS: u32 = 100_000;

fn per_second(rounds: u32, mut work: impl FnMut()) -> u64 {
    let begin = Instant::now();
    (0..rounds).for_each(|_| work());
    (f64::from(rounds) / begin.elapsed().as_secs_f64()) as u64
}

fn entry(data: Vec<u8>) -> Entry {
    let mut entry = Entry::barrier(Time(1_767_225_600_000_000));
    entry.tenant = Uuid::from_u128(1);
    entry.book_number = 4711;
    entry.command_id = "8f0f3c1e-6f43-4d3a-9d3e-6a4b1c7d2e10".to_owned();
    entry.actor = format!("user/{}", Uuid::from_u128(2));
    entry.correlation = entry.command_id.clone();
    entry.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    entry.events.push(Event {
        id: Uuid::from_u128(3),
        event_type: "incident.created".to_owned(),
        aggregate_type: "incident.Incident".to_owned(),
        aggregate_id: Uuid::from_u128(4),
        version: 1,
        schema: [7; 32],
        data,
    });
    entry
}

fn main() {
    let catalogue = Catalogue::ours();
    let schema = Schema::parse_str(SCHEMA).expect("the envelope's schema is one");
    let (kind, event) = daybook_contents::event("incident.created").expect("incidents are reported");
    let body = sample::record(kind.events()[event].body);
    let (fingerprint, data) = catalogue.encode(kind, event, &body).expect("a sample has its shape");
    let entry = entry(data.clone());
    let bytes = entry.encode(1);

    let encode = per_second(ROUNDS, || drop(black_box(entry.encode(1))));
    let decode = per_second(ROUNDS, || drop(black_box(Entry::decode(&bytes))));
    let avro = GenericDatumReader::builder(&schema).build().expect("the schema resolves");
    let value = avro.read_value(&mut &bytes[5..]).expect("apache-avro reads what we write");
    let decode_avro = per_second(ROUNDS / 10, || drop(black_box(avro.read_value(&mut &bytes[5..]))));
    let writer = GenericDatumWriter::builder(&schema).build().expect("the schema resolves");
    let encode_avro = per_second(ROUNDS / 10, || drop(black_box(writer.write_value_to_vec(value.clone()))));

    let body_encode = per_second(ROUNDS, || drop(black_box(catalogue.encode(kind, event, &body))));
    let body_decode = per_second(ROUNDS, || drop(black_box(catalogue.decode("incident.created", &fingerprint, &data))));
    // An older schema that lacks nothing but a word of its documentation has the same bytes, one that lacks a field
    // is resolved by apache-avro.
    let text =
        catalogue.texts().find(|text| text.subject == "incident.created").expect("it has a schema").text.to_owned();
    let schema = Schema::parse_str(&text).expect("it is one");
    let avro = GenericDatumReader::builder(&schema).reader_schema(&schema).build().expect("the schema resolves");
    let body_resolve = per_second(ROUNDS / 10, || drop(black_box(avro.read_value(&mut &data[..]))));

    println!(
        "{{\"entry_bytes\":{},\"body_bytes\":{},\"encode_per_s\":{encode},\"decode_per_s\":{decode},\
         \"avro_encode_per_s\":{encode_avro},\"avro_decode_per_s\":{decode_avro},\"body_encode_per_s\":{body_encode},\
         \"body_decode_per_s\":{body_decode},\"avro_body_resolve_per_s\":{body_resolve}}}",
        bytes.len(),
        data.len(),
    );
}
