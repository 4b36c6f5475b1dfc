//! What the journals hold, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use daybook_journal::{From, Reader, Settings, What};
use daybook_kernel::Time;
use serde_json::json;

use super::printed::print;
use super::shown::envelope_of;
use super::{Topics, walk};
use crate::fault::Fault;

/// What one journal holds.
#[derive(Default)]
struct Count {
    entries: u64,
    barriers: u64,
    bytes: u64,
    largest: usize,
    claims: u64,
    voids: u64,
    tenants: BTreeSet<uuid::Uuid>,
    events: BTreeMap<String, u64>,
    first: Option<i64>,
    last: i64,
    /// By partition: the term that stands, its owner's address and code.
    owners: BTreeMap<i32, String>,
}

/// Reads the journals and prints what they hold.
pub async fn run(settings: &Settings, topics: &Topics) -> Result<(), Fault> {
    let starts = walk::starts(settings, topics, From::Beginning).await?;
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    walk::to_the_end(Reader::open(settings, starts)?.with_asides(), |batch| {
        for aside in batch.asides {
            let count = counts.entry(aside.topic.to_string()).or_default();
            match aside.what {
                What::Void(_) => count.voids += 1,
                What::Claim { term, code_version, url, .. } => {
                    count.claims += 1;
                    let owner = format!("term {term} by {url}, code version {code_version}");
                    count.owners.insert(aside.partition, owner);
                }
            }
        }
        for admitted in &batch.entries {
            let entry = envelope_of(admitted)?;
            let count = counts.entry(admitted.position.topic.to_string()).or_default();
            count.entries += 1;
            count.bytes += admitted.value.len() as u64;
            count.largest = count.largest.max(admitted.value.len());
            count.first.get_or_insert(admitted.timestamp);
            count.last = count.last.max(admitted.timestamp);
            count.barriers += u64::from(entry.events.is_empty());
            for event in entry.events {
                count.tenants.insert(entry.tenant);
                *count.events.entry(event.event_type).or_default() += 1;
            }
        }
        match batch.halted.into_iter().next() {
            Some((topic, partition, _, halt)) => Err(Fault::asked(format!("{topic}/{partition}: {halt}"))),
            None => Ok(()),
        }
    })?;
    let mut said = String::new();
    let time = |millis: i64| Time(millis.saturating_mul(1_000)).to_string();
    for (topic, count) in &counts {
        let average = count.bytes.checked_div(count.entries).unwrap_or(0);
        said += &format!(
            "{topic}: {} entries ({} barriers) of {} tenants, {} claims, {} void records\n",
            count.entries,
            count.barriers,
            count.tenants.len(),
            count.claims,
            count.voids
        );
        if let Some(first) = count.first {
            said += &format!("  from {} to {}\n", time(first), time(count.last));
            said += &format!("  {} bytes: {average} for an entry, the largest has {}\n", count.bytes, count.largest);
        }
        for (partition, owner) in &count.owners {
            said += &format!("  partition {partition}: {owner}\n");
        }
        for (event, n) in &count.events {
            said += &format!("  {n:>9} {event}\n");
        }
    }
    let sum = |of: fn(&Count) -> u64| counts.values().map(of).sum::<u64>();
    let figures = json!({
        "journals": counts.len(), "entries": sum(|count| count.entries), "bytes": sum(|count| count.bytes),
        "events": sum(|count| count.events.values().sum()), "claims": sum(|count| count.claims), "voids": sum(|count| count.voids),
    });
    print(&mut io::stdout(), &format!("{said}{figures}"))
}
