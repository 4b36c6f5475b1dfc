//! Folding outside the owner: an aggregate's state after one more event, from whatever the store holds of it.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use daybook_kernel::{Datum, Kind, State, Tenant, Time, json};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::batch::Entry;

/// An aggregate as it is folded.
#[derive(Clone)]
pub struct Folded {
    /// Its state, growing lists as their length.
    pub state: State,
    /// How many events made it.
    pub version: u64,
    /// When the first of them happened.
    pub created: Time,
    /// When the last of them happened.
    pub updated: Time,
    /// The partition of the last of them.
    pub partition: i32,
    /// The number of the last one's entry.
    pub number: u64,
}

/// An item that an event added to a growing list.
#[derive(Debug, Clone)]
pub struct Added {
    /// The place of the list among the state's fields.
    pub field: usize,
    /// The item's place in the list, from 1.
    pub item: u64,
    /// The item.
    pub datum: Datum,
}

/// The state of an aggregate from its stored document.
///
/// # Errors
/// When the document is not one that this declaration's views write.
pub fn restore(kind: &dyn Kind, document: &Json) -> Result<State, String> {
    let datum = json::restore(kind.meta().shape, document).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        format!("the stored {} cannot be read: {}", kind.meta().type_name, errors.join("; "))
    })?;
    kind.from_datum(datum).map_err(|error| format!("the stored {} cannot be read: {error}", kind.meta().type_name))
}

/// The aggregates that a batch goes on with, each with the place of its first entry: what is not remembered of them must be
/// loaded. One that begins in the batch is folded from nothing, also when the batch is given again.
pub fn gone_on_with(entries: &[Entry], place: impl Fn(&dyn Kind) -> Option<usize>) -> Vec<(Key, usize)> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        for (wire, event) in entry.each() {
            let Some(family) = place(event.kind) else { continue };
            let key = (family, entry.envelope.tenant, wire.aggregate_id);
            if seen.insert(key) && wire.version > 1 {
                found.push((key, at));
            }
        }
    }
    found
}

/// Applies the entry's event of that place. `None` if the aggregate has it already.
///
/// # Errors
/// When the event does not fit the aggregate, in one sentence; then nothing after it can be projected either.
pub fn apply(before: Option<&Folded>, entry: &Entry, place: usize) -> Result<Option<(Folded, Vec<Added>)>, String> {
    let (wire, event) = (&entry.envelope.events[place], &entry.events[place]);
    let version = before.map_or(0, |folded| folded.version);
    if wire.version <= version {
        return Ok(None);
    }
    let what = || format!("{} of {} {}", wire.event_type, wire.aggregate_type, wire.aggregate_id);
    if wire.version != version + 1 {
        return Err(format!("{} makes version {}, but version {version} is there", what(), wire.version));
    }
    let state = before.map(|folded| folded.state.clone());
    // A fold that panics is a defect of one aggregate; the other books must not wait for its repair.
    let evolved = catch_unwind(AssertUnwindSafe(|| event.kind.evolve(state, event.index, event.body.clone())))
        .map_err(|_| format!("{}: its evolve panicked", what()))?
        .map_err(|error| format!("{}: {error}", what()))?;
    let added = added(event.kind, &evolved);
    let state = if added.is_empty() { evolved } else { event.kind.settle(evolved) };
    let folded = Folded {
        state,
        version: wire.version,
        created: before.map_or_else(|| entry.when(), |folded| folded.created),
        updated: entry.when(),
        partition: entry.position.partition,
        number: entry.position.number,
    };
    Ok(Some((folded, added)))
}

fn added(kind: &dyn Kind, state: &State) -> Vec<Added> {
    if crate::view::logs(kind.meta().shape).next().is_none() {
        return Vec::new();
    }
    let Datum::Record(fields) = kind.to_datum(state) else { return Vec::new() };
    let mut added = Vec::new();
    for (field, datum) in fields.into_iter().enumerate() {
        if let Datum::Log { length, fresh } = datum {
            let first = length + 1 - fresh.len() as u64;
            added.extend((first..).zip(fresh).map(|(item, datum)| Added { field, item, datum }));
        }
    }
    added
}

/// An aggregate's name across tenants: the place of its family, the tenant, its id.
pub type Key = (usize, Tenant, Uuid);

/// What was folded lately, so that it need not be read again. Bounded: two generations, the older one is forgotten whole.
#[derive(Default)]
pub struct Recent {
    young: HashMap<Key, Folded>,
    old: HashMap<Key, Folded>,
}

/// Aggregates in a generation.
const GENERATION: usize = 2_048;

impl Recent {
    /// What is remembered of it.
    pub fn get(&self, key: &Key) -> Option<&Folded> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Remembers it.
    pub fn put(&mut self, key: Key, folded: Folded) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, folded);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
