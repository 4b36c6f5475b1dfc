//! Whether the journals are whole: each partition read from its first record by the admission rule.

use std::collections::BTreeMap;
use std::io;

use daybook_journal::{From, Reader, Settings, What};
use serde_json::json;

use super::printed::print;
use super::shown::envelope_of;
use super::{Topics, walk};
use crate::fault::Fault;

/// Reads the journals and prints what each partition holds: entries, claims, void records with their reasons. Fails where a
/// log was cut or altered, where an envelope cannot be read, or where a book's own numbers have a gap.
pub async fn run(settings: &Settings, topics: &Topics) -> Result<(), Fault> {
    let starts = walk::starts(settings, topics, From::Beginning).await?;
    let (mut faults, mut voids) = (Vec::new(), BTreeMap::<String, u64>::new());
    let mut claims: BTreeMap<(String, i32), u64> = BTreeMap::new();
    let mut books = BTreeMap::new();
    let lags = walk::to_the_end(Reader::open(settings, starts)?.with_asides(), |batch| {
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
    let figures = json!({
        "partitions": lags.len(), "entries": entries, "books": books.len(), "voids": void, "faults": faults.len(),
    });
    print(&mut io::stdout(), &format!("{said}{figures}"))?;
    match faults.len() {
        0 => Ok(()),
        n => Err(Fault::asked(format!("the journals are not whole: {n} faults"))),
    }
}
