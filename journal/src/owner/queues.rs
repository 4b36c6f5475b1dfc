//! Commands that wait to be decided: a queue per book, served in turn, so that one tenant's flood delays
//! only that tenant.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::answer::Scope;
use crate::settings::Limits;

/// Something that waits, and what it counts for.
#[derive(Debug)]
pub(super) struct Queued<J> {
    pub(super) job: J,
    pub(super) book: u128,
    pub(super) weight: usize,
    pub(super) arrived: Instant,
}

/// The queues of one partition.
#[derive(Debug)]
pub(super) struct Queues<J> {
    /// Books that have something waiting, in the order of their turns.
    turns: VecDeque<u128>,
    books: HashMap<u128, Book<J>>,
    commands: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Book<J> {
    waiting: VecDeque<Queued<J>>,
    bytes: usize,
}

impl<J> Default for Queues<J> {
    fn default() -> Self {
        Queues { turns: VecDeque::new(), books: HashMap::new(), commands: 0, bytes: 0 }
    }
}

impl<J> Queues<J> {
    pub(super) fn len(&self) -> usize {
        self.commands
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Appends to the book's queue, or gives it back with what is full.
    pub(super) fn push(&mut self, queued: Queued<J>, limits: &Limits) -> Result<(), (Queued<J>, Scope)> {
        let (held, bytes) = self.books.get(&queued.book).map_or((0, 0), |book| (book.waiting.len(), book.bytes));
        let full = |commands: usize, most: usize, bytes: usize, most_bytes: usize| {
            commands >= most || (commands > 0 && bytes + queued.weight > most_bytes)
        };
        if full(held, limits.book_commands, bytes, limits.book_bytes) {
            return Err((queued, Scope::Book));
        }
        if full(self.commands, limits.partition_commands, self.bytes, limits.partition_bytes) {
            return Err((queued, Scope::Partition));
        }
        self.insert(queued, VecDeque::push_back);
        Ok(())
    }

    /// Puts back what was taken once already: it goes first, and no limit keeps it out.
    pub(super) fn put_back(&mut self, queued: Queued<J>) {
        self.insert(queued, VecDeque::push_front);
    }

    fn insert(&mut self, queued: Queued<J>, push: fn(&mut VecDeque<Queued<J>>, Queued<J>)) {
        self.commands += 1;
        self.bytes += queued.weight;
        let turns = &mut self.turns;
        let book = self.books.entry(queued.book).or_insert_with(|| {
            turns.push_back(queued.book);
            Book { waiting: VecDeque::new(), bytes: 0 }
        });
        book.bytes += queued.weight;
        push(&mut book.waiting, queued);
    }

    /// The next in turn among the books that may; the others keep their places.
    pub(super) fn take(&mut self, may: impl Fn(u128) -> bool) -> Option<Queued<J>> {
        let next = self.turns.iter().position(|book| may(*book))?;
        let turn = self.turns.remove(next)?;
        let taken = self.pop(turn);
        if self.books.contains_key(&turn) {
            self.turns.push_back(turn);
        }
        taken
    }

    /// Some book that may has something waiting.
    pub(super) fn has_turn(&self, may: impl Fn(u128) -> bool) -> bool {
        self.turns.iter().any(|book| may(*book))
    }

    /// Takes out all that arrived before `oldest`.
    pub(super) fn expire(&mut self, oldest: Instant) -> Vec<Queued<J>> {
        let mut expired = Vec::new();
        for turn in Vec::from(std::mem::take(&mut self.turns)) {
            while self.front(turn).is_some_and(|queued| queued.arrived < oldest) {
                expired.extend(self.pop(turn));
            }
            if self.books.contains_key(&turn) {
                self.turns.push_back(turn);
            }
        }
        expired
    }

    /// Takes out everything.
    pub(super) fn drain(&mut self) -> Vec<Queued<J>> {
        std::iter::from_fn(|| self.take(|_| true)).collect()
    }

    fn front(&self, turn: u128) -> Option<&Queued<J>> {
        self.books.get(&turn)?.waiting.front()
    }

    /// Takes a book's first, and forgets the book when that was all.
    fn pop(&mut self, turn: u128) -> Option<Queued<J>> {
        let book = self.books.get_mut(&turn)?;
        let queued = book.waiting.pop_front();
        if let Some(queued) = &queued {
            book.bytes -= queued.weight;
            self.bytes -= queued.weight;
            self.commands -= 1;
        }
        if book.waiting.is_empty() {
            self.books.remove(&turn);
        }
        queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(book: u128, job: u32) -> Queued<u32> {
        Queued { job, book, weight: 10, arrived: Instant::now() }
    }

    #[test]
    fn books_are_served_in_turn() {
        let mut queues = Queues::default();
        for (book, job) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (3, 31)] {
            queues.push(queued(book, job), &Limits::default()).unwrap();
        }
        let order: Vec<u32> = queues.drain().into_iter().map(|queued| queued.job).collect();
        assert_eq!(order, [10, 20, 30, 11, 31, 12]);
        assert!(queues.is_empty() && queues.bytes == 0 && queues.books.is_empty());
    }

    #[test]
    fn a_full_book_leaves_room_for_others() {
        let limits = Limits { book_commands: 2, partition_commands: 3, ..Limits::default() };
        let mut queues = Queues::default();
        queues.push(queued(1, 10), &limits).unwrap();
        queues.push(queued(1, 11), &limits).unwrap();
        assert_eq!(queues.push(queued(1, 12), &limits).unwrap_err().1, Scope::Book);
        queues.push(queued(2, 20), &limits).unwrap();
        assert_eq!(queues.push(queued(3, 30), &limits).unwrap_err().1, Scope::Partition);
    }

    #[test]
    fn bytes_are_bounded_but_one_command_always_fits() {
        let limits = Limits { book_bytes: 5, ..Limits::default() };
        let mut queues = Queues::default();
        queues.push(queued(1, 10), &limits).unwrap();
        assert_eq!(queues.push(queued(1, 11), &limits).unwrap_err().1, Scope::Book);
    }

    #[test]
    fn what_was_put_back_goes_first_and_what_is_old_goes_out() {
        let mut queues = Queues::default();
        let late = Instant::now() + std::time::Duration::from_secs(1);
        queues.push(queued(1, 10), &Limits::default()).unwrap();
        queues.put_back(queued(1, 9));
        queues.push(Queued { arrived: late, ..queued(2, 20) }, &Limits::default()).unwrap();
        let expired: Vec<u32> = queues.expire(late).into_iter().map(|queued| queued.job).collect();
        assert_eq!(expired, [9, 10]);
        assert_eq!(queues.take(|_| true).map(|queued| queued.job), Some(20));
    }
}
