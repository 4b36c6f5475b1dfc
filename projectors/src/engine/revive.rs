//! Reading a parked book again: perhaps what could not be read then can be read now.

use std::collections::HashMap;

use daybook_journal::{From, Start};

use super::{Engine, Stopped, Turn, halted};
use crate::{
    batch::{Batch, Entry, ParkedBook, Progress},
    decode::Unreadable,
    follow::Order,
    gauges,
    sink::Sink,
};

impl<S: Sink> Engine<S> {
    /// Reads a parked book again, from its first entry that was not applied to where this sink is.
    pub(super) async fn revive(&mut self, book: ParkedBook) -> Result<Turn, Stopped> {
        let partition = (book.topic.clone(), book.partition);
        let Some(until) = self.reached.get(&partition).map(|checkpoint| checkpoint.number) else {
            return Ok(Turn::Done);
        };
        let start = Start { topic: book.topic.clone(), partition: book.partition, from: From::Number(book.first) };
        let order = Order {
            starts: vec![start],
            only: Some(book.tenant),
            cut: HashMap::new(),
            bounds: self.bounds,
            standing: Some(self.start(&partition)),
        };
        let mut follower = self.follow(order)?;
        let key = (partition.clone(), book.tenant);
        self.parked.remove(&key);
        let mut first = book.first;
        loop {
            let Some(chunk) = self.next(&mut follower).await? else { return Ok(Turn::Stop) };
            if let Some((_, reason)) = chunk.halted.into_iter().next() {
                return Err(halted(&partition, reason));
            }
            let Some((checkpoint, _)) = chunk.reached.get(&partition) else { continue };
            let read_to = checkpoint.number.min(until);
            let book = ParkedBook { first, ..book.clone() };
            let mut entries = Vec::new();
            for item in chunk.items.into_iter().filter(|item| item.number <= until) {
                match item.entry {
                    Ok(entry) => entries.push(entry),
                    Err(Unreadable::Envelope(reason)) => return Err(halted(&partition, reason)),
                    Err(Unreadable::Event { reason, .. }) => {
                        return self.park_again(book, entries, item.number, reason).await;
                    }
                }
            }
            let next = (read_to < until).then_some(read_to + 1);
            let progress = Progress::Book { book: book.clone(), next };
            match self.store(Batch { entries, progress, schemas: chunk.schemas }).await? {
                Turn::Done => {}
                other => return Ok(other),
            }
            match next {
                _ if self.parked.contains_key(&key) => return Ok(Turn::Done),
                Some(next) => first = next,
                None => {
                    gauges::parked(self.name, &book, false);
                    tracing::info!(sink = self.name, topic = %book.topic, tenant = %book.tenant, "a parked book is followed again");
                    return Ok(Turn::Done);
                }
            }
        }
    }

    /// A parked book stays parked: what could be read is stored, and its place is where it fails now.
    async fn park_again(
        &mut self,
        book: ParkedBook,
        entries: Vec<Entry>,
        first: u64,
        reason: String,
    ) -> Result<Turn, Stopped> {
        tracing::error!(sink = self.name, topic = %book.topic, tenant = %book.tenant, first, reason, "a parked book stays parked");
        let book = ParkedBook { reason, ..book };
        let progress = Progress::Book { book: book.clone(), next: Some(first) };
        let turn = self.store(Batch { entries, progress, schemas: Vec::new() }).await?;
        self.parked.insert(((book.topic.clone(), book.partition), book.tenant), ParkedBook { first, ..book });
        Ok(turn)
    }
}
