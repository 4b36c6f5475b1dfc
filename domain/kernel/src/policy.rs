//! Policies: reactions across contexts. What happened in one book is answered with commands in others.
//!
//! A policy is a fold of what it hears and the orders that follow from it. It is pure: it reads no clock and sends nothing.
//! An order's place in the answer to an entry is its *step*; the book it is for keeps the last step done for each policy
//! and source, so an order may be given any number of times (docs/adr/0010-policies.md).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{Aggregate, Commands, Datum, Events, Kind, Malformed, Tenant, Time, kind::kind};

/// A reaction across contexts.
pub trait Policy: Send + Sync {
    /// Its name in causes, tables and metrics; in lower case, and never changed.
    fn name(&self) -> &'static str;

    /// The aggregates whose events it hears.
    fn hears(&self) -> &'static [&'static dyn Kind];

    /// What follows from an event, given what the policy remembers of its tenant. The same events in the same order always
    /// give the same orders.
    ///
    /// # Errors
    /// When an event, or a row of the memory, does not have its shape.
    fn react(&self, memory: &mut Memory, heard: &Heard) -> Result<Vec<Order>, Malformed>;
}

/// An event as a policy hears it.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The tenant in whose book it happened.
    pub tenant: Tenant,
    /// The kind of aggregate.
    pub kind: &'static dyn Kind,
    /// Which one.
    pub id: Uuid,
    /// The event's place in the declaration.
    pub event: usize,
    /// Its body, personal values sealed.
    pub body: Datum,
    /// The time of its entry.
    pub time: Time,
}

impl Heard {
    /// What happened to that aggregate.
    pub fn new<A: Aggregate>(tenant: Tenant, id: Uuid, event: &A::Event, time: Time) -> Self {
        Self { tenant, kind: kind::<A>(), id, event: event.index(), body: event.body(), time }
    }

    /// The event, where it happened to an aggregate of that type.
    ///
    /// # Errors
    /// When the body does not have the event's shape.
    pub fn of<A: Aggregate>(&self) -> Result<Option<A::Event>, Malformed> {
        match self.kind.meta().type_name == kind::<A>().meta().type_name {
            true => A::Event::build(self.event, self.body.clone()).map(Some),
            false => Ok(None),
        }
    }
}

/// A command that a policy wants given.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// In whose book.
    pub tenant: Tenant,
    /// The aggregate's path below `/api/v1`.
    pub path: &'static str,
    /// Which aggregate.
    pub id: Uuid,
    /// The command's name.
    pub command: &'static str,
    /// Its body, as a client writes it; what the policy heard sealed stays so, and is sealed anew for that book.
    pub body: Json,
    /// What is given in place of all that follows, where the book says no to this.
    pub or_else: Option<Box<Order>>,
}

impl Order {
    /// The order to give that aggregate the command of that name.
    ///
    /// # Panics
    /// When the aggregate has no such command: the policy was not written for this declaration.
    pub fn new<A: Aggregate>(tenant: Tenant, id: Uuid, command: &'static str, body: Json) -> Self {
        let known = A::Command::SHAPES.iter().any(|shape| shape.name == command);
        assert!(known, "{} has no command {command}", kind::<A>().meta().type_name);
        Self { tenant, path: kind::<A>().meta().path, id, command, body, or_else: None }
    }

    /// The same; where the book says no, the other is given in place of all that follows.
    pub fn or_else(self, other: Order) -> Self {
        Self { or_else: Some(Box::new(other)), ..self }
    }
}

/// What a policy remembers of one tenant, in rows.
#[derive(Debug, Default)]
pub struct Memory {
    rows: BTreeMap<String, Json>,
    changed: BTreeSet<String>,
}

impl Memory {
    /// A memory of these rows.
    pub fn of(rows: impl IntoIterator<Item = (String, Json)>) -> Self {
        Self { rows: rows.into_iter().collect(), changed: BTreeSet::new() }
    }

    /// The row of that key.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Malformed> {
        self.rows.get(key).map(read).transpose()
    }

    /// The rows whose keys begin so, without that beginning, in the order of their keys.
    pub fn starting<T: DeserializeOwned>(&self, prefix: &str) -> impl Iterator<Item = Result<(&str, T), Malformed>> {
        let rows =
            self.rows.range(prefix.to_owned()..).map_while(move |(key, row)| Some((key.strip_prefix(prefix)?, row)));
        rows.map(|(key, row)| Ok((key, read(row)?)))
    }

    /// Remembers a row.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put<T: Serialize>(&mut self, key: String, row: &T) -> Result<(), Malformed> {
        let row = serde_json::to_value(row).map_err(|_| other_form())?;
        self.changed.insert(key.clone());
        self.rows.insert(key, row);
        Ok(())
    }

    /// Forgets a row.
    pub fn forget(&mut self, key: &str) {
        if self.rows.remove(key).is_some() {
            self.changed.insert(key.to_owned());
        }
    }

    /// The rows changed since this was last asked; `None` for those forgotten.
    pub fn take_changed(&mut self) -> Vec<(String, Option<Json>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|key| (self.rows.get(&key).cloned(), key)).map(|(row, key)| (key, row)).collect()
    }
}

fn read<T: DeserializeOwned>(row: &Json) -> Result<T, Malformed> {
    T::deserialize(row).map_err(|_| other_form())
}

fn other_form() -> Malformed {
    Malformed { at: "a policy's memory".to_owned(), expected: "a row of its form", found: "another" }
}
