//! What a sink is given to store: decoded entries, and how far they bring it.

use std::sync::Arc;

use daybook_journal::{Checkpoint, Position};
use daybook_kernel::{Datum, Kind, Tenant, Time};
use daybook_schemas::envelope;
use tracing::Span;

/// An admitted entry with its events decoded.
#[derive(Debug)]
pub struct Entry {
    /// Where it stands in the journal.
    pub position: Position,
    /// Where to go on after it.
    pub checkpoint: Checkpoint,
    /// When the broker appended it, in milliseconds since 1970.
    pub appended_at: i64,
    /// The bounded context whose journal it is in.
    pub context: &'static str,
    /// The envelope, its events as they are on the wire.
    pub envelope: envelope::Entry,
    /// The same events, decoded, in the same order.
    pub events: Vec<Event>,
    /// The span of this entry in the trace it belongs to; none where no traces are exported.
    pub span: Span,
}

impl Entry {
    /// When it happened: the business time where it is given, else the entry's.
    pub fn when(&self) -> Time {
        self.envelope.occurred_at.unwrap_or(self.envelope.time)
    }

    /// Events as they are on the wire, beside what they say.
    pub fn each(&self) -> impl Iterator<Item = (&envelope::Event, &Event)> {
        self.envelope.events.iter().zip(&self.events)
    }
}

/// What happened, as the domain reads it.
#[derive(Debug)]
pub struct Event {
    /// The kind of aggregate.
    pub kind: &'static dyn Kind,
    /// The event's place in its declaration.
    pub index: usize,
    /// The event's body, personal fields sealed.
    pub body: Datum,
}

/// How far a sink has come in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The journal topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The checkpoint the store must hold now; none before the first.
    pub from: Option<Checkpoint>,
    /// The checkpoint to put in its place.
    pub to: Checkpoint,
}

/// A tenant's book that a sink does not follow, since one of its entries cannot be decoded or projected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedBook {
    /// The journal topic; it says the context.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The tenant.
    pub tenant: Tenant,
    /// The number of the first entry that was not applied.
    pub first: u64,
    /// Why, in one sentence.
    pub reason: String,
}

/// What is stored together with the rows.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The journal was followed; books that had to be parked on the way are recorded with it.
    Journal {
        /// By topic and partition, in that order.
        advances: Vec<Advance>,
        /// Books parked since the last batch.
        parked: Vec<ParkedBook>,
    },
    /// A parked book was read again.
    Book {
        /// The book.
        book: ParkedBook,
        /// The number of the first entry not applied yet; none when the book has caught up and is parked no more.
        next: Option<u64>,
    },
}

/// Entries to be stored together with the progress they mean, or not at all.
#[derive(Debug)]
pub struct Batch {
    /// In order within each partition, and with at least one event each.
    pub entries: Vec<Entry>,
    /// What to record with them.
    pub progress: Progress,
    /// Texts of schemas learned since the last batch.
    pub schemas: Vec<Arc<str>>,
}

impl Batch {
    /// Splits a batch that the store refuses in two, so that the entry at fault is found.
    ///
    /// The first part goes as far as its own entries; what was skipped between and after them belongs to the second.
    pub fn halve(mut self) -> (Batch, Batch) {
        let second = self.entries.split_off(self.entries.len() / 2);
        let (before, after) = match self.progress {
            Progress::Journal { advances, parked } => {
                let (before, after) = split(&advances, &self.entries);
                (
                    Progress::Journal { advances: before, parked },
                    Progress::Journal { advances: after, parked: Vec::new() },
                )
            }
            Progress::Book { book, next } => {
                let until = second.first().map(|entry| entry.position.number).or(next);
                (Progress::Book { book: book.clone(), next: until }, Progress::Book { book, next })
            }
        };
        let first = Batch { entries: self.entries, progress: before, schemas: self.schemas };
        (first, Batch { entries: second, progress: after, schemas: Vec::new() })
    }

    /// Takes the entries of a book out, from a number on.
    pub fn leave_out(&mut self, book: &ParkedBook) {
        self.entries.retain(|entry| {
            let of_book = entry.position.topic == book.topic && entry.envelope.tenant == book.tenant;
            !of_book || entry.position.number < book.first
        });
    }
}

fn split(advances: &[Advance], first: &[Entry]) -> (Vec<Advance>, Vec<Advance>) {
    let reached = |advance: &Advance| {
        let own =
            |entry: &&Entry| entry.position.topic == advance.topic && entry.position.partition == advance.partition;
        first.iter().rev().find(own).map(|entry| entry.checkpoint)
    };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for advance in advances {
        match reached(advance) {
            None => after.push(advance.clone()),
            Some(middle) => {
                before.push(Advance { to: middle, ..advance.clone() });
                if middle != advance.to {
                    after.push(Advance { from: Some(middle), ..advance.clone() });
                }
            }
        }
    }
    (before, after)
}
