//! An admitted entry of a journal, as far as promises depend on it.

use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

/// Where an entry stands, written `journal.incident/3#4711`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The topic and the partition, as `journal.incident/3`.
    pub log: String,
    /// How many entries of it have been admitted, this one included.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.log, self.number)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once('#').and_then(|(log, number)| Some((log, number.parse().ok()?)));
        let (log, number) =
            parsed.ok_or_else(|| format!("{text:?} is no position, such as journal.incident/3#4711"))?;
        Ok(Place { log: log.to_owned(), number })
    }
}

/// One accepted command with what it changed, or a barrier.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The owner's clock, in microseconds since 1970.
    pub micros: i64,
    /// Whose entries are counted together. Nothing is asked of it for a barrier.
    pub book: String,
    /// The entry's number in its book, from 1; 0 for a barrier, and where books are not counted.
    pub book_number: u64,
    /// The client's key of the command; none for a barrier.
    pub command: Option<String>,
    /// What happened, in order.
    pub changes: Vec<Change>,
}

/// What happened to one aggregate.
#[derive(Clone, Debug)]
pub struct Change {
    /// The aggregate's name; unique over all books.
    pub aggregate: String,
    /// Its version after this, from 1.
    pub version: u64,
    /// What happened.
    pub event: String,
    /// What is said of it; null if nobody folds it.
    pub body: Json,
}
