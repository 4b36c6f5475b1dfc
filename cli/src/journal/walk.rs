//! Walking along journals: every partition from its start to its present end, with progress.

use std::time::Duration;

use daybook_contents::CONTEXTS;
use daybook_journal::{Batch, From, Lag, Reader, Settings, Start, topics};

use super::Topics;
use crate::fault::Fault;
use crate::progress::Progress;

/// How long a poll waits for more.
const POLL: Duration = Duration::from_millis(100);

/// Entries of one poll.
const GULP: usize = 1_000;

/// Where to start in every partition of the journals that are meant: those of our contexts, whatever other topics there are.
///
/// # Errors
/// A context without a journal, or Kafka cannot be reached.
pub async fn starts(settings: &Settings, wanted: &Topics, from: From) -> Result<Vec<Start>, Fault> {
    let is_ours =
        |(name, _): &(String, i32)| CONTEXTS.iter().any(|context| *name == format!("journal.{}", context.name));
    let journals: Vec<_> = topics::journals(settings).await?.into_iter().filter(is_ours).collect();
    let names: Vec<String> = wanted.contexts.iter().map(|context| format!("journal.{context}")).collect();
    if let Some(unknown) = names.iter().find(|name| !journals.iter().any(|(journal, _)| journal == *name)) {
        let there: Vec<_> = journals.iter().filter_map(|(name, _)| name.strip_prefix("journal.")).collect();
        let context = unknown.trim_start_matches("journal.");
        return Err(Fault::asked(format!("there is no journal of {context}; there are {}", there.join(", "))));
    }
    let meant = journals.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let start = |(name, partitions): (String, i32)| {
        (0..partitions).map(move |partition| Start { topic: name.as_str().into(), partition, from })
    };
    Ok(meant.flat_map(start).collect())
}

/// Reads to the present end, and tells `each` what comes; how every partition stands then.
///
/// # Errors
/// Kafka refuses for good, or `each` does.
pub fn to_the_end(mut reader: Reader, mut each: impl FnMut(Batch) -> Result<(), Fault>) -> Result<Vec<Lag>, Fault> {
    let behind = |reader: &Reader| reader.lag().iter().map(|lag| lag.records).sum::<u64>();
    let whole = behind(&reader);
    let progress = Progress::of("records", whole);
    while !reader.caught_up() {
        each(reader.poll(GULP, POLL)?)?;
        let left = behind(&reader);
        progress.at(whole.max(left) - left, whole.max(left));
    }
    Ok(reader.lag())
}
