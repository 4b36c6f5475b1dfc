//! A store holds the fold of the journal: no row less, none more, none different.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::entry::{Change, Entry};
use crate::violation::Violation;

/// The fold that every store has: each aggregate's last version.
pub fn last_versions(_: Option<u64>, change: &Change) -> u64 {
    change.version
}

/// Compares a store's rows, by aggregate, with a fold of the entries.
pub fn compare<R: PartialEq + Debug>(
    store: &str,
    rows: &BTreeMap<String, R>,
    entries: &[Entry],
    fold: impl Fn(Option<R>, &Change) -> R,
) -> Vec<Violation> {
    let mut folded: BTreeMap<&str, R> = BTreeMap::new();
    for change in entries.iter().flat_map(|entry| &entry.changes) {
        let before = folded.remove(change.aggregate.as_str());
        folded.insert(&change.aggregate, fold(before, change));
    }
    let all: BTreeSet<&str> = rows.keys().map(String::as_str).chain(folded.keys().copied()).collect();
    let differs = |aggregate: &&str| rows.get(*aggregate) != folded.get(aggregate);
    let said = |row: Option<&R>| row.map_or("nothing".to_owned(), |row| format!("{row:?}"));
    let violation = |aggregate: &str| Violation::Row {
        store: store.to_owned(),
        aggregate: aggregate.to_owned(),
        found: said(rows.get(aggregate)),
        expected: said(folded.get(aggregate)),
    };
    all.into_iter().filter(differs).map(violation).collect()
}
