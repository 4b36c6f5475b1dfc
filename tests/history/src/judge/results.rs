//! What was said of a command is what became of it: none lost, none made up, none with two results.

use std::collections::{BTreeMap, BTreeSet};

use super::{Command, by_command, command_of};
use crate::WINDOW_MICROS;
use crate::call::{Call, Outcome};
use crate::entry::Entry;
use crate::violation::Violation;

/// Every answer that does not agree with the journal or with another one.
pub fn violations(entries: &[Entry], calls: &[Call]) -> Vec<Violation> {
    let standing = by_command(entries);
    let mut attempts: BTreeMap<Command<'_>, Vec<&Call>> = BTreeMap::new();
    calls.iter().for_each(|call| attempts.entry(command_of(call)).or_default().push(call));
    // Other books of the same journals are others' affair.
    let asked: BTreeSet<&str> = calls.iter().map(|call| call.book.as_str()).collect();
    let mut found = Vec::new();
    for (command, entries) in standing.iter().filter(|(command, _)| asked.contains(command.0)) {
        found.extend(twice(command, entries));
        found.extend(made_up(command, entries[0], attempts.get(command).map_or(&[], Vec::as_slice)));
    }
    for (command, attempts) in &attempts {
        let entries = standing.get(command).map_or(&[][..], Vec::as_slice);
        found.extend(attempts.iter().filter_map(|call| untrue(call, entries)));
        found.extend(two_results(command, attempts));
    }
    found
}

fn twice(&(book, command): &Command<'_>, entries: &[&Entry]) -> Option<Violation> {
    let again = entries.windows(2).find(|pair| pair[1].micros.saturating_sub(pair[0].micros) < WINDOW_MICROS)?;
    let (first, second) = (again[0].place.clone(), again[1].place.clone());
    Some(Violation::Twice { book: book.to_owned(), command: command.to_owned(), first, second })
}

/// An entry that no attempt accounts for.
fn made_up(&(book, command): &Command<'_>, entry: &Entry, attempts: &[&Call]) -> Option<Violation> {
    let (book, command, stands) = (book.to_owned(), command.to_owned(), entry.place.clone());
    if attempts.is_empty() {
        return Some(Violation::NeverAsked { book, command, stands });
    }
    let may_be = |call: &&Call| matches!(call.outcome, Outcome::Accepted { .. } | Outcome::Unknown);
    (!attempts.iter().any(may_be)).then_some(Violation::Phantom { book, command, stands })
}

/// An acknowledgement that the journal does not bear out.
fn untrue(call: &Call, entries: &[&Entry]) -> Option<Violation> {
    let Outcome::Accepted { place, aggregate, version } = &call.outcome else { return None };
    let (book, command, told) = (call.book.clone(), call.command.clone(), place.clone());
    let Some(entry) = entries.iter().find(|entry| entry.place == *place) else {
        return Some(match entries.first() {
            None => Violation::Lost { book, command, told },
            Some(entry) => Violation::Misplaced { book, command, told, stands: entry.place.clone() },
        });
    };
    let made = entry.changes.iter().any(|change| (&change.aggregate, change.version) == (aggregate, *version));
    (!made).then(|| Violation::Misreported { command, told, aggregate: aggregate.clone(), version: *version })
}

/// Once a command was acknowledged, every later attempt is told the same.
fn two_results(&(book, command): &Command<'_>, attempts: &[&Call]) -> Option<Violation> {
    let accepted = |call: &&&Call| matches!(call.outcome, Outcome::Accepted { .. });
    attempts.iter().filter(accepted).find_map(|first| {
        let differs = |second: &&&Call| match second.outcome {
            Outcome::Accepted { .. } => second.outcome != first.outcome,
            Outcome::Rejected { .. } => first.answered.is_some_and(|answered| answered < second.invoked),
            Outcome::Void | Outcome::Unknown => false,
        };
        let second = attempts.iter().find(differs)?.attempt;
        let (book, command) = (book.to_owned(), command.to_owned());
        Some(Violation::TwoResults { book, command, first: first.attempt, second })
    })
}
