//! Nothing is missing: entries, books and versions count without gaps, and times only go on.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::violation::Violation;

/// Every gap, also at the beginning.
pub fn violations(entries: &[Entry]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut logs: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    let mut books: BTreeMap<&str, u64> = BTreeMap::new();
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for Entry { place, micros, book, book_number, changes, .. } in entries {
        let (number, latest) = logs.entry(&place.log).or_insert((0, i64::MIN));
        if place.number != *number + 1 {
            found.push(Violation::LogGap { log: place.log.clone(), before: *number, found: place.number });
        }
        if *micros <= *latest {
            found.push(Violation::TimeGap { stands: place.clone() });
        }
        (*number, *latest) = (place.number, *micros);
        if *book_number > 0 {
            let before = books.insert(book, *book_number).unwrap_or(0);
            if *book_number != before + 1 {
                let (book, stands) = (book.clone(), place.clone());
                found.push(Violation::BookGap { book, before, found: *book_number, stands });
            }
        }
        for change in changes {
            let before = versions.insert(&change.aggregate, change.version).unwrap_or(0);
            if change.version != before + 1 {
                let (aggregate, stands) = (change.aggregate.clone(), place.clone());
                found.push(Violation::VersionGap { aggregate, before, found: change.version, stands });
            }
        }
    }
    found
}
