//! What each book has under way between append and answer, so that a heavy one leaves the way free for the others.
//!
//! Entries of a partition go out in the order in which they were decided, so a command waits behind everything that is under way before
//! it. Turns alone do not help against that: a book whose entries are large fills the way between two turns of the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a book counts as at work after its last append.
const AT_WORK: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Shares {
    bytes: usize,
    /// Books that have something under way.
    books: HashMap<u128, usize>,
    /// The two books that appended last, and when: enough to tell whether a book is alone.
    latest: [Option<(u128, Instant)>; 2],
}

impl Shares {
    /// All that is under way.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// An entry is under way; a barrier is no book's.
    pub(super) fn begin(&mut self, book: Option<u128>, bytes: usize, now: Instant) {
        self.bytes += bytes;
        let Some(book) = book else { return };
        *self.books.entry(book).or_default() += bytes;
        if self.latest[0].is_some_and(|(latest, _)| latest != book) {
            self.latest.swap(0, 1);
        }
        self.latest[0] = Some((book, now));
    }

    /// It is not any more.
    pub(super) fn end(&mut self, book: Option<u128>, bytes: usize) {
        self.bytes -= bytes;
        let Some(book) = book else { return };
        if let Some(held) = self.books.get_mut(&book) {
            *held -= bytes;
            if *held == 0 {
                self.books.remove(&book);
            }
        }
    }

    /// Nothing is under way: what was never comes back.
    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        self.books.clear();
    }

    /// Whether this book may have more under way: while it has less than its share, or nobody else is at work.
    pub(super) fn allows(&self, book: u128, share: usize, now: Instant) -> bool {
        let others =
            || self.latest.iter().flatten().any(|(other, at)| *other != book && now.duration_since(*at) < AT_WORK);
        self.books.get(&book).is_none_or(|held| *held < share) || !others()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::queues::{Queued, Queues};
    use super::*;
    use crate::settings::Limits;

    #[test]
    fn a_book_has_its_share_while_another_is_at_work_and_all_of_it_alone() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        shares.begin(Some(1), 100, now);
        assert!(shares.allows(1, 50, now), "nobody else is there");
        shares.begin(Some(2), 1, now);
        assert!(!shares.allows(1, 50, now));
        assert!(shares.allows(2, 50, now) && shares.allows(3, 50, now));
        shares.end(Some(2), 1);
        shares.begin(Some(1), 1, now);
        assert!(!shares.allows(1, 50, now), "the other was at work just now");
        assert!(shares.allows(1, 50, now + AT_WORK), "the other has gone");
        shares.end(Some(1), 51);
        shares.end(None, 0);
        assert!(!shares.allows(1, 50, now));
        shares.end(Some(1), 50);
        assert!(shares.allows(1, 50, now) && shares.bytes() == 0 && shares.books.is_empty());
    }

    /// Whatever a heavy book sends, a command of another has at most that book's share and one entry before it.
    #[test]
    fn a_command_waits_for_no_more_than_a_share_of_a_heavy_book() {
        let limits = Limits { book_bytes: usize::MAX, partition_bytes: usize::MAX, ..Limits::default() };
        let (heavy, light, share) = ((1, 16 << 10), (2, 256), limits.book_in_flight_bytes);
        let queued = |(book, weight)| Queued { job: (), book, weight, arrived: Instant::now() };
        let (mut queues, mut shares, mut under_way) = (Queues::default(), Shares::default(), VecDeque::new());
        for round in 0..1_000 {
            let now = Instant::now();
            for _ in 0..3 {
                let _ = queues.push(queued(heavy), &limits);
            }
            if round % 7 == 0 {
                queues.push(queued(light), &limits).unwrap();
            }
            while let Some(next) = queues.take(|book| shares.allows(book, share, now)) {
                let before: usize = under_way.iter().filter(|(book, _)| *book == heavy.0).map(|(_, bytes)| bytes).sum();
                // The very first finds the heavy book alone.
                assert!(next.book == heavy.0 || round == 0 || before < share + heavy.1, "{before} bytes before it");
                shares.begin(Some(next.book), next.weight, now);
                under_way.push_back((next.book, next.weight));
            }
            // The log gives back one entry a round, less than comes in.
            let (book, bytes) = under_way.pop_front().unwrap();
            shares.end(Some(book), bytes);
        }
        assert!(queues.len() > 1_000, "the heavy book waits, and nobody else");
        assert!(!under_way.iter().any(|(book, _)| *book == light.0) || under_way.len() < 8);
    }
}
