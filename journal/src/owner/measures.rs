//! What an owner counts, by the `metrics` facade; every name begins with `daybook_journal_`.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::status::{PartitionStatus, Standing};

/// One partition's counters. Made once, since looking one up by name costs more than counting.
pub(super) struct Measures {
    /// Entries read as admitted.
    pub(super) admitted: Counter,
    /// Records read as void.
    pub(super) voids: Counter,
    /// Claims made by this instance.
    pub(super) claims: Counter,
    /// How often this instance was deposed.
    pub(super) depositions: Counter,
    /// Entries without events appended for answers that waited.
    pub(super) barriers: Counter,
    /// Commands refused, by reason.
    pub(super) refused_book: Counter,
    pub(super) refused_partition: Counter,
    pub(super) refused_not_serving: Counter,
    pub(super) refused_void: Counter,
    /// Seconds from appending an entry to reading it back.
    pub(super) confirmed: Histogram,
    serving: Gauge,
    halted: Gauge,
    lag: Gauge,
    queued: Gauge,
    in_flight: Gauge,
    waiting: Gauge,
}

impl Measures {
    pub(super) fn new(topic: &str, partition: i32) -> Measures {
        let labels = [("topic", topic.to_owned()), ("partition", partition.to_string())];
        let refused = |reason: &'static str| {
            let mut labels = labels.to_vec();
            labels.push(("reason", reason.to_owned()));
            counter!("daybook_journal_refused_total", &labels)
        };
        Measures {
            admitted: counter!("daybook_journal_admitted_total", &labels),
            voids: counter!("daybook_journal_void_total", &labels),
            claims: counter!("daybook_journal_claims_total", &labels),
            depositions: counter!("daybook_journal_depositions_total", &labels),
            barriers: counter!("daybook_journal_barriers_total", &labels),
            refused_book: refused("book"),
            refused_partition: refused("partition"),
            refused_not_serving: refused("not_serving"),
            refused_void: refused("void"),
            confirmed: histogram!("daybook_journal_confirm_seconds", &labels),
            serving: gauge!("daybook_journal_serving", &labels),
            halted: gauge!("daybook_journal_halted", &labels),
            lag: gauge!("daybook_journal_lag_records", &labels),
            queued: gauge!("daybook_journal_queued", &labels),
            in_flight: gauge!("daybook_journal_in_flight", &labels),
            waiting: gauge!("daybook_journal_waiting", &labels),
        }
    }

    pub(super) fn show(&self, status: &PartitionStatus) {
        let is = |yes: bool| if yes { 1.0 } else { 0.0 };
        self.serving.set(is(status.standing == Standing::Serving));
        self.halted.set(is(matches!(status.standing, Standing::Halted(_))));
        self.lag.set(status.lag as f64);
        self.queued.set(status.queued as f64);
        self.in_flight.set(status.in_flight as f64);
        self.waiting.set(status.waiting as f64);
    }
}
