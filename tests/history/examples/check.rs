//! Reads a whole journal and the record that clients kept, and says every broken promise.
//!
//! `cargo run -p daybook-history --example check -- BROKERS TOPIC PARTITIONS RECORD`, as
//! `127.0.0.1:19092 journal.incident 4 calls.jsonl`. The record's form stands in `src/record.rs`; its books are tenants.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use daybook_history::{Change, Entry, History, Place, read_record};
use daybook_journal::{Admitted, Reader, Settings, Start};
use daybook_schemas::envelope;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, partitions, record] = arguments.as_slice() else {
        return Err("usage: check BROKERS TOPIC PARTITIONS RECORD".into());
    };
    let calls = read_record(&std::fs::read_to_string(record)?)?;
    let history = History { entries: read_journal(brokers, topic, partitions.parse()?)?, calls };
    let violations = history.violations();
    violations.iter().for_each(|violation| println!("{violation}"));
    println!(
        "{{\"entries\":{},\"calls\":{},\"violations\":{}}}",
        history.entries.len(),
        history.calls.len(),
        violations.len()
    );
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every admitted entry, up to where the journal ends now.
fn read_journal(brokers: &str, topic: &str, partitions: i32) -> Result<Vec<Entry>, Box<dyn Error>> {
    let starts = (0..partitions).map(|partition| Start::new(topic, partition, None)).collect();
    let mut reader = Reader::open(&Settings::new(brokers, "daybook-history"), starts)?;
    let mut entries = Vec::new();
    while !reader.caught_up() {
        let batch = reader.poll(10_000, Duration::from_millis(100))?;
        if let Some(halted) = batch.halted.first() {
            return Err(format!("{topic} cannot be read: {halted:?}").into());
        }
        for admitted in &batch.entries {
            entries.push(entry(admitted)?);
        }
    }
    Ok(entries)
}

fn entry(admitted: &Admitted<'_>) -> Result<Entry, Box<dyn Error>> {
    let entry = envelope::Entry::decode(&admitted.value)?;
    let change = |event: &envelope::Event| Change {
        aggregate: event.aggregate_id.to_string(),
        version: event.version,
        event: event.event_type.clone(),
        body: serde_json::Value::Null,
    };
    let tenant = entry.tenant.to_string();
    let position = &admitted.position;
    Ok(Entry {
        place: Place { log: format!("{}/{}", position.topic, position.partition), number: position.number },
        micros: entry.time.0,
        book: entry.book.map_or_else(|| tenant.clone(), |book| format!("{tenant}/{book}")),
        book_number: entry.book_number,
        command: (!entry.events.is_empty()).then_some(entry.command_id),
        changes: entry.events.iter().map(change).collect(),
    })
}
