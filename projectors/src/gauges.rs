//! What a projector counts, for dashboards and alarms.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use daybook_journal::Lag;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::{batch::ParkedBook, sink::Partition};

/// Names what is counted, once per process.
pub fn describe() {
    describe_gauge!("daybook_projector_lag_entries", "Records of the journal known and not applied yet");
    describe_gauge!(
        "daybook_projector_lag_seconds",
        "Age of the last applied entry while others wait; 0 at the end of the journal"
    );
    describe_gauge!("daybook_projector_checkpoint_age_seconds", "Time since the checkpoint was last moved");
    describe_gauge!("daybook_projector_voids", "Records read that the journal's rule does not admit");
    describe_gauge!("daybook_projector_number", "Number of the last applied entry");
    describe_gauge!(
        "daybook_projector_parked",
        "1 for a tenant's book that is not followed: see docs/runbooks/parked-book.md"
    );
    describe_gauge!("daybook_projector_parked_books", "Books that are not followed");
    describe_gauge!(
        "daybook_projector_halted",
        "1 for a partition that cannot be followed: see docs/runbooks/cut-journal.md"
    );
    describe_counter!("daybook_projector_entries_total", "Entries applied");
    describe_counter!("daybook_projector_retries_total", "Batches that the store did not take at once");
    describe_histogram!("daybook_projector_batch_entries", "Entries stored at once");
    describe_histogram!("daybook_projector_batch_seconds", "Time for a batch to be stored");
}

/// A batch is stored.
pub fn stored(sink: &'static str, entries: usize, took: Duration) {
    counter!("daybook_projector_entries_total", "sink" => sink).increment(entries as u64);
    histogram!("daybook_projector_batch_entries", "sink" => sink).record(entries as f64);
    histogram!("daybook_projector_batch_seconds", "sink" => sink).record(took.as_secs_f64());
}

/// A batch has to be tried again.
pub fn retried(sink: &'static str) {
    counter!("daybook_projector_retries_total", "sink" => sink).increment(1);
}

/// How far a partition is applied.
#[derive(Debug, Clone, Copy)]
pub struct Applied {
    /// The number of the last applied entry.
    pub number: u64,
    /// When the broker appended it, in milliseconds since 1970; 0 where this process has applied none.
    pub appended_at: i64,
    /// When the checkpoint was moved, in milliseconds since 1970.
    pub moved_at: i64,
}

/// How a partition stands: `unapplied` entries are read and not stored yet.
pub fn standing(sink: &'static str, lag: &Lag, applied: Option<Applied>) {
    let labels =
        [("sink", sink.to_owned()), ("topic", lag.topic.to_string()), ("partition", lag.partition.to_string())];
    let unapplied = lag.number.saturating_sub(applied.map_or(0, |applied| applied.number));
    let behind = lag.records + unapplied;
    let age = |millis: i64| Duration::from_millis(u64::try_from(now_millis() - millis).unwrap_or(0)).as_secs_f64();
    let seconds = match applied {
        _ if behind == 0 => 0.0,
        Some(applied) if applied.appended_at > 0 => age(applied.appended_at),
        _ if lag.timestamp > 0 => age(lag.timestamp),
        _ => 0.0,
    };
    gauge!("daybook_projector_lag_entries", &labels).set(behind as f64);
    gauge!("daybook_projector_lag_seconds", &labels).set(seconds);
    gauge!("daybook_projector_voids", &labels).set(lag.voids as f64);
    gauge!("daybook_projector_halted", &labels).set(f64::from(u8::from(lag.halted.is_some())));
    if let Some(applied) = applied {
        gauge!("daybook_projector_number", &labels).set(applied.number as f64);
        gauge!("daybook_projector_checkpoint_age_seconds", &labels).set(age(applied.moved_at));
    }
}

/// A sink follows these partitions no more, since it has done what it was for: it is behind with nothing.
pub fn finished(sink: &'static str, partitions: &[Partition]) {
    for (topic, partition) in partitions {
        let labels = [("sink", sink.to_owned()), ("topic", topic.to_string()), ("partition", partition.to_string())];
        gauge!("daybook_projector_lag_entries", &labels).set(0.0);
        gauge!("daybook_projector_lag_seconds", &labels).set(0.0);
    }
}

/// A partition cannot be followed any further.
pub fn halted(sink: &'static str, (topic, partition): &Partition) {
    let labels = [("sink", sink.to_owned()), ("topic", topic.to_string()), ("partition", partition.to_string())];
    gauge!("daybook_projector_halted", &labels).set(1.0);
}

/// A book is parked, or no more.
pub fn parked(sink: &'static str, book: &ParkedBook, parked: bool) {
    let labels = [("sink", sink.to_owned()), ("topic", book.topic.to_string()), ("tenant", book.tenant.to_string())];
    gauge!("daybook_projector_parked", &labels).set(f64::from(u8::from(parked)));
}

/// The clock, in milliseconds since 1970.
pub fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
