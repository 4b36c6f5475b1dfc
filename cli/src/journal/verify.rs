//! Whether the journals are whole and can be read: each partition from its first record by the admission rule, each event's body
//! by the schema it was written in.

use std::collections::BTreeMap;
use std::io;

use daybook_journal::{From, Position, Reader, Settings, What};
use daybook_schemas::envelope::{Entry, Event};
use serde_json::json;

use super::printed::print;
use super::shown::{Reading, envelope_of};
use super::{Topics, walk};
use crate::fault::Fault;
use crate::spent::Stopwatch;

/// Reads the journals and prints what each partition holds: entries, claims, void records with their reasons; and how long it
/// took. Fails where a log was cut or altered, where an envelope or an event cannot be read, or where a book's own numbers have
/// a gap.
pub async fn run(settings: &Settings, topics: &Topics) -> Result<(), Fault> {
    let starts = walk::starts(settings, topics, From::Beginning).await?;
    let stopwatch = Stopwatch::start();
    let reader = Reader::open(settings, starts)?.with_asides();
    // Only now: a schema is kept before the first entry that is written in it.
    let reading = Reading::open(settings).await?;
    let mut events = 0_u64;
    let (mut faults, mut voids) = (Vec::new(), BTreeMap::<String, u64>::new());
    let mut claims: BTreeMap<(String, i32), u64> = BTreeMap::new();
    let mut books = BTreeMap::new();
    let lags = walk::to_the_end(reader, |batch| {
        for aside in batch.asides {
            let place = (aside.topic.to_string(), aside.partition);
            match aside.what {
                What::Claim { .. } => *claims.entry(place).or_default() += 1,
                What::Void(reason) => {
                    let said = format!("{}/{} at offset {}: {reason}", aside.topic, aside.partition, aside.offset);
                    voids.insert(said, aside.after);
                }
            }
        }
        for admitted in &batch.entries {
            let entry = match envelope_of(admitted) {
                Ok(entry) => entry,
                Err(fault) => {
                    faults.push(fault.to_string());
                    continue;
                }
            };
            events += entry.events.len() as u64;
            faults.extend(unreadable(&reading, &admitted.position, &entry));
            // A barrier is in no book.
            if entry.events.is_empty() {
                continue;
            }
            let book = (admitted.position.topic.clone(), entry.tenant, entry.book);
            let last = books.insert(book, entry.book_number).unwrap_or(0);
            if entry.book_number != last + 1 {
                faults.push(format!(
                    "{}: number {} of the book of {} follows number {last}",
                    admitted.position, entry.book_number, entry.tenant
                ));
            }
        }
        Ok(())
    })?;
    let spent = stopwatch.spent();
    let (mut entries, mut void, mut said) = (0, 0, String::new());
    for lag in &lags {
        let claimed = claims.get(&(lag.topic.to_string(), lag.partition)).copied().unwrap_or(0);
        said += &format!(
            "{}/{}: {} entries, {claimed} claims, {} void records\n",
            lag.topic, lag.partition, lag.number, lag.voids
        );
        if let Some(halt) = &lag.halted {
            faults.push(format!("{}/{}: {halt}", lag.topic, lag.partition));
        }
        entries += lag.number;
        void += lag.voids;
    }
    for (reason, after) in &voids {
        said += &format!("  void: {reason}, after entry {after}\n");
    }
    for fault in &faults {
        said += &format!("  NOT WHOLE: {fault}\n");
    }
    let per_cpu_s = entries as f64 / spent.cpu_s.max(0.01);
    said += &format!(
        "{entries} entries with {events} events read in {:.1} s, {:.1} s of processor time: {per_cpu_s:.0} entries for each\n",
        spent.seconds, spent.cpu_s
    );
    let figures = json!({
        "partitions": lags.len(), "entries": entries, "events": events, "books": books.len(), "voids": void,
        "faults": faults.len(), "seconds": spent.seconds, "cpu_s": spent.cpu_s, "entries_per_cpu_s": per_cpu_s.round(),
    });
    print(&mut io::stdout(), &format!("{said}{figures}"))?;
    match faults.len() {
        0 => Ok(()),
        n => Err(Fault::asked(format!("the journals are not whole: {n} faults"))),
    }
}

/// The events of an entry that cannot be read, each in one sentence.
fn unreadable(reading: &Reading, at: &Position, entry: &Entry) -> Vec<String> {
    let sentence = |event: &Event| {
        let error = reading.body(event).err()?;
        Some(format!("{at}: the event {} cannot be read: {error}", event.id))
    };
    entry.events.iter().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use daybook_kernel::Time;
    use daybook_kernel::specimen::Specimens;
    use daybook_schemas::Catalogue;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_event_that_cannot_be_read_is_told_with_its_position() {
        let catalogue = Catalogue::ours();
        let incident = daybook_contents::kind("incident.Incident").unwrap();
        let index = incident.events().iter().position(|event| event.name == "comment_added").unwrap();
        let (mut pick, ids) = (|below: usize| below - 1, [Uuid::from_u128(4)]);
        let body = Specimens { pick: &mut pick, ids: &ids, around: Time(0), sealed: true }
            .record(incident.events()[index].body);
        let (schema, data) = catalogue.encode(incident, index, &body).unwrap();
        let event = |n: u128, schema, data: &[u8]| Event {
            id: Uuid::from_u128(n),
            event_type: "incident.comment_added".into(),
            aggregate_type: "incident.Incident".into(),
            aggregate_id: Uuid::from_u128(7),
            version: 1,
            schema,
            data: data.to_vec(),
        };
        let events = vec![event(1, schema, &data), event(2, schema, &data[..data.len() - 1]), event(3, [9; 32], &data)];
        let entry = Entry { events, ..Entry::barrier(Time(0)) };
        let told = unreadable(&Reading::of(catalogue), &"journal.incident/3#4711".parse().unwrap(), &entry);
        assert_eq!(told.len(), 2, "{told:?}");
        let begins = |n: u128| format!("journal.incident/3#4711: the event {} cannot be read: ", Uuid::from_u128(n));
        assert!(told[0].starts_with(&begins(2)) && told[1].starts_with(&begins(3)), "{told:?}");
    }
}
