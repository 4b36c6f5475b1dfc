//! Storing a batch, whatever the store says to it: again, in parts, or without the book at fault.

use std::{collections::VecDeque, time::Instant};

use daybook_kernel::Tenant;

use super::{Engine, Pause, Stopped, Turn};
use crate::{
    batch::{Batch, ParkedBook, Progress},
    gauges,
    sink::{Partition, Sink, SinkError},
};

impl<S: Sink> Engine<S> {
    /// Stores a batch, as often as it takes.
    pub(super) async fn store(&mut self, batch: Batch) -> Result<Turn, Stopped> {
        let mut parts = VecDeque::from([batch]);
        let mut pause = Pause::default();
        while let Some(mut batch) = parts.pop_front() {
            let begun = Instant::now();
            let outcome = self.sink.apply(&batch).await;
            match outcome {
                Ok(()) => {
                    self.health.set(self.name, Ok(()));
                    gauges::stored(self.name, batch.entries.len(), begun.elapsed());
                    pause = Pause::default();
                }
                Err(SinkError::Unavailable(reason)) => {
                    gauges::retried(self.name);
                    tracing::warn!(
                        sink = self.name,
                        reason,
                        entries = batch.entries.len(),
                        "the store does not take a batch; it is tried again"
                    );
                    self.health.set(self.name, Err(reason));
                    parts.push_front(batch);
                    if self.shutdown.or(pause.take()).await.is_none() {
                        return Ok(Turn::Stop);
                    }
                }
                Err(SinkError::Refused(reason)) if batch.entries.len() > 1 => {
                    tracing::warn!(
                        sink = self.name,
                        reason,
                        entries = batch.entries.len(),
                        "the store refuses a batch; the entry at fault is looked for"
                    );
                    let (first, second) = batch.halve();
                    parts.push_front(second);
                    parts.push_front(first);
                }
                Err(SinkError::Refused(reason)) => match batch.entries.first() {
                    Some(_) => {
                        self.leave_out(&mut batch, 0, reason, &mut parts);
                        parts.push_front(batch);
                    }
                    None => return Err(Stopped::Sink(reason)),
                },
                Err(SinkError::Poison { entry, reason }) => {
                    self.leave_out(&mut batch, entry, reason, &mut parts);
                    parts.push_front(batch);
                }
                Err(SinkError::Overtaken(reason)) => {
                    tracing::info!(sink = self.name, reason, "the store is asked again where it stands");
                    return Ok(Turn::Again);
                }
                Err(SinkError::Stopped(reason)) => return Err(Stopped::Sink(reason)),
            }
        }
        Ok(Turn::Done)
    }

    /// Parks the book of an entry that cannot be projected, and takes it out of what is to be stored.
    fn leave_out(&mut self, batch: &mut Batch, entry: usize, reason: String, later: &mut VecDeque<Batch>) {
        let entry = &batch.entries[entry];
        let position = &entry.position;
        let book = ParkedBook {
            topic: position.topic.clone(),
            partition: position.partition,
            tenant: entry.envelope.tenant,
            first: position.number,
            reason,
        };
        self.park(&book);
        batch.leave_out(&book);
        later.iter_mut().for_each(|batch| batch.leave_out(&book));
        match &mut batch.progress {
            Progress::Journal { parked, .. } => parked.push(book),
            Progress::Book { book: same, next } => {
                *next = Some(book.first);
                same.reason = book.reason;
                later.clear();
            }
        }
    }

    /// Whether that entry is one of those a parked book waits with. A batch that is repeated has entries before them.
    pub(super) fn is_parked(&self, partition: &Partition, tenant: Tenant, number: u64) -> bool {
        self.parked.get(&(partition.clone(), tenant)).is_some_and(|book| number >= book.first)
    }

    pub(super) fn park(&mut self, book: &ParkedBook) {
        let ParkedBook { topic, partition, tenant, first, reason } = book;
        tracing::error!(
            sink = self.name, %topic, partition, %tenant, first, reason,
            "PARKED: this tenant's book is not followed from here on; see docs/runbooks/parked-book.md"
        );
        gauges::parked(self.name, book, true);
        self.parked.insert(((topic.clone(), *partition), *tenant), book.clone());
        self.report_parked();
    }

    /// Parked books do not make a projector unready: all other books are followed.
    pub(super) fn report_parked(&self) {
        metrics::gauge!("daybook_projector_parked_books", "sink" => self.name).set(self.parked.len() as f64);
        match self.parked.len() {
            0 => self.health.note("parked", None),
            books => {
                let named = self
                    .parked
                    .values()
                    .take(5)
                    .map(|book| format!("{} of {} at #{}", book.topic, book.tenant, book.first));
                self.health.note("parked", Some(format!("{books} parked: {}", named.collect::<Vec<_>>().join(", "))));
            }
        }
    }
}
