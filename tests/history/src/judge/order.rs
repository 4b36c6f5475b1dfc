//! Real time: what was answered before something else was sent comes before it, and is known to whoever rejects that.

use std::collections::BTreeMap;

use super::{Command, by_command, command_of};
use crate::call::{Call, Outcome};
use crate::entry::{Entry, Place};
use crate::violation::Violation;

/// What comes first in the journal, or is rejected, against what clients had been told.
pub fn violations(entries: &[Entry], calls: &[Call]) -> Vec<Violation> {
    let mut found = out_of_order(entries, calls);
    found.extend(rejected_wrongly(entries, calls));
    found
}

/// Per log: a command stands after all that had been answered when it was first sent.
fn out_of_order(entries: &[Entry], calls: &[Call]) -> Vec<Violation> {
    // By command: when it was first sent and first acknowledged.
    let mut times: BTreeMap<Command<'_>, (u64, u64)> = BTreeMap::new();
    for call in calls {
        let (sent, told) = times.entry(command_of(call)).or_insert((u64::MAX, u64::MAX));
        *sent = call.invoked.min(*sent);
        if let (Outcome::Accepted { .. }, Some(answered)) = (&call.outcome, call.answered) {
            *told = answered.min(*told);
        }
    }
    let mut logs: BTreeMap<&str, Vec<(u64, u64, &str, &Place)>> = BTreeMap::new();
    for (command, standing) in by_command(entries) {
        if let Some((sent, told)) = times.get(&command) {
            logs.entry(&standing[0].place.log).or_default().push((*sent, *told, command.1, &standing[0].place));
        }
    }
    logs.into_values().flat_map(out_of_order_in).collect()
}

/// The commands of one log: when sent, when acknowledged, which, where.
fn out_of_order_in(mut commands: Vec<(u64, u64, &str, &Place)>) -> Vec<Violation> {
    let mut told = commands.clone();
    told.sort_by_key(|command| command.1);
    commands.sort_by_key(|command| command.0);
    let mut told = told.into_iter().peekable();
    // The one that stands last of all that had been told.
    let mut known: Option<(&str, u64)> = None;
    let mut found = Vec::new();
    for (sent, _, later, place) in commands {
        while let Some((_, _, command, place)) = told.next_if(|command| command.1 < sent) {
            if known.is_none_or(|(_, number)| number < place.number) {
                known = Some((command, place.number));
            }
        }
        if let Some((earlier, number)) = known
            && number > place.number
        {
            let (earlier, later) = (earlier.to_owned(), later.to_owned());
            found.push(Violation::OutOfOrder { earlier, later, stands: place.clone() });
        }
    }
    found
}

/// Per aggregate: a rejection rests on a version that was, and on none older than had been told before.
fn rejected_wrongly(entries: &[Entry], calls: &[Call]) -> Vec<Violation> {
    let mut highest: BTreeMap<&str, u64> = BTreeMap::new();
    for change in entries.iter().flat_map(|entry| &entry.changes) {
        let version = highest.entry(&change.aggregate).or_default();
        *version = change.version.max(*version);
    }
    // By aggregate: when which version was told.
    let mut told: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for call in calls {
        let said = match &call.outcome {
            Outcome::Accepted { aggregate, version, .. } => Some((aggregate, *version)),
            Outcome::Rejected { rests_on: Some((aggregate, version)) } => Some((aggregate, *version)),
            _ => None,
        };
        if let (Some((aggregate, version)), Some(answered)) = (said, call.answered) {
            told.entry(aggregate).or_default().push((answered, version));
        }
    }
    let mut found = Vec::new();
    for call in calls {
        let Outcome::Rejected { rests_on: Some((aggregate, version)) } = &call.outcome else { continue };
        let (attempt, version) = (call.attempt, *version);
        let before = told.get(aggregate.as_str()).into_iter().flatten().filter(|(at, _)| *at < call.invoked);
        let known = before.map(|(_, version)| *version).max().unwrap_or(0);
        if version > highest.get(aggregate.as_str()).copied().unwrap_or(0) {
            found.push(Violation::Unfounded { attempt, aggregate: aggregate.clone(), version });
        } else if version < known {
            found.push(Violation::Stale { attempt, aggregate: aggregate.clone(), version, known });
        }
    }
    found
}
