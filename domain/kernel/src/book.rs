//! Books: one tenant's aggregates in one context, and what a command may read of them while it is decided.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use uuid::Uuid;

use crate::{
    Actor, Aggregate, Context, Datum, Facts, Kind, Malformed, Number, Recorded, Ref, Rejection, State, Tenant, Time,
};

mod table;

use table::{Slot, Table, Tables};

/// Something that only one aggregate of the book may have, such as a name in a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unique {
    /// The field to name when it is taken.
    pub field: &'static str,
    /// The value, folded to the form in which two are the same.
    pub key: String,
}

impl Unique {
    /// That field has that value; where several fields make it unique, `key` joins them.
    pub fn new(field: &'static str, key: impl Into<String>) -> Self {
        Self { field, key: key.into() }
    }
}

/// A book as `decide` sees it: everything that is admitted, and what was decided before this command.
pub struct Book<'a>(&'a Tables);

impl<'a> Book<'a> {
    /// The aggregate of that id.
    pub fn get<A: Aggregate>(&self, to: Ref<A>) -> Option<&'a A> {
        self.0.of(A::TYPE)?.slots.get(&to.id())?.state.downcast_ref()
    }

    /// The aggregates whose indexed field refers to that id.
    pub fn referrers<A: Aggregate>(&self, field: &'static str, to: Uuid) -> impl Iterator<Item = Ref<A>> + 'a {
        let found = self.0.of(A::TYPE).and_then(|table| table.referrers.get(&(field, to)));
        found.into_iter().flatten().map(|id| Ref::new(*id))
    }

    /// Who has this, if anybody.
    pub fn holder<A: Aggregate>(&self, unique: &Unique) -> Option<Ref<A>> {
        self.0.of(A::TYPE)?.unique.get(unique).map(|id| Ref::new(*id))
    }

    /// The next number of the series of `A`.
    pub fn next_number<A: Aggregate>(&self) -> Number {
        let last = self.0.of(A::TYPE).map_or(0, |table| table.last_number);
        Number::new(A::META.number.unwrap_or_default(), last + 1)
    }
}

/// A command, without its type.
#[derive(Debug, Clone)]
pub struct Call {
    /// What kind of aggregate it is given to.
    pub kind: &'static dyn Kind,
    /// The aggregate; for a command that begins one, the id it will have.
    pub id: Uuid,
    /// The command's place in the declaration.
    pub command: usize,
    /// Its body.
    pub body: Datum,
}

/// Who gives commands and when, as [`Books::decide`] needs it.
pub struct Given<'a> {
    /// Who gives them.
    pub actor: &'a Actor,
    /// The entry's time.
    pub now: Time,
    /// When it happened in the business, where that differs.
    pub occurred_at: Option<Time>,
    /// Where fresh ids come from.
    pub seed: Uuid,
    /// What other contexts let us know.
    pub facts: &'a dyn Facts,
    /// The version the first command's aggregate must have (If-Match).
    pub expected: Option<u64>,
}

/// An event in its place: the aggregate's version after it.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The event.
    pub event: Recorded,
    /// The version of its aggregate after it, from 1.
    pub version: u64,
}

/// How to take back what was applied.
#[must_use]
#[derive(Default)]
pub struct Undo(Vec<(Tenant, usize, Uuid, Option<Slot>, u64)>);

/// What was decided, applied already.
pub struct Decided {
    /// The events, in order.
    pub events: Vec<Placed>,
    /// How to take them back.
    pub undo: Undo,
}

/// The books of one partition of one context: every tenant's aggregates, folded, with their indexes.
///
/// What is decided is applied at once, so that the next command sees it; an [`Undo`] takes it back, newest first.
pub struct Books {
    kinds: &'static [&'static dyn Kind],
    tenants: HashMap<Tenant, Tables>,
}

impl Books {
    /// Empty books of a context with these kinds of aggregates.
    pub fn new(kinds: &'static [&'static dyn Kind]) -> Self {
        Self { kinds, tenants: HashMap::new() }
    }

    /// The aggregate's state and version.
    pub fn find(&self, tenant: Tenant, kind: &dyn Kind, id: Uuid) -> Option<(&State, u64)> {
        let slot = self.tenants.get(&tenant)?.of(kind.meta().type_name)?.slots.get(&id)?;
        Some((&slot.state, slot.version))
    }

    /// The state of one aggregate, by its type.
    pub fn get<A: Aggregate>(&self, tenant: Tenant, id: Ref<A>) -> Option<&A> {
        Book(self.tenants.get(&tenant)?).get(id)
    }

    /// Every aggregate: its tenant, kind, id, state and version.
    pub fn iter(&self) -> impl Iterator<Item = (Tenant, &'static dyn Kind, Uuid, &State, u64)> {
        self.tenants.iter().flat_map(|(tenant, tables)| {
            let slots = tables.0.iter().flat_map(|table| table.slots.iter().map(|(id, slot)| (table.kind, id, slot)));
            slots.map(|(kind, id, slot)| (*tenant, kind, *id, &slot.state, slot.version))
        })
    }

    /// How many aggregates there are, of all kinds and tenants.
    pub fn len(&self) -> usize {
        self.tenants.values().flat_map(|tables| &tables.0).map(|table| table.slots.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decides commands, all or none, and applies what follows from them.
    ///
    /// # Errors
    /// The business's no to the first command that cannot be accepted; then nothing is applied.
    pub fn decide(&mut self, tenant: Tenant, calls: &[Call], given: &Given<'_>) -> Result<Decided, Rejection> {
        let mut decided = Decided { events: Vec::new(), undo: Undo::default() };
        for (n, call) in calls.iter().enumerate() {
            let expected = given.expected.filter(|_| n == 0);
            // Each command of a batch has fresh ids of its own.
            let seed = Uuid::from_u128(given.seed.as_u128().wrapping_add((n as u128) << 16));
            // A panic is a defect of one rule; it must not leave half a command behind, nor stop the book.
            let one = || self.decide_one(tenant, call, given, expected, seed, &mut decided);
            let outcome = catch_unwind(AssertUnwindSafe(one)).unwrap_or_else(|panic| Err(Rejection::defect(&*panic)));
            if let Err(rejection) = outcome {
                self.undo(decided.undo);
                return Err(rejection);
            }
        }
        Ok(decided)
    }

    fn decide_one(
        &mut self,
        tenant: Tenant,
        call: &Call,
        given: &Given<'_>,
        expected: Option<u64>,
        seed: Uuid,
        decided: &mut Decided,
    ) -> Result<(), Rejection> {
        let tables = self.tables(tenant);
        let found = tables.of(call.kind.meta().type_name).and_then(|table| table.slots.get(&call.id));
        let creates = call.kind.transition(call.command).from.is_none();
        if found.is_some() && creates {
            return Err(
                Rejection::conflict("ALREADY_EXISTS", "there is one with this id already").field("id", "is taken")
            );
        }
        if let (Some(expected), Some(slot)) = (expected, found)
            && expected != slot.version
        {
            return Err(Rejection::stale(expected, slot.version));
        }
        let context = Context {
            tenant,
            actor: given.actor,
            now: given.now,
            occurred_at: given.occurred_at,
            id: call.id,
            seed,
            facts: given.facts,
        };
        let state = found.map(|slot| &slot.state);
        let events = call.kind.decide(state, call.command, call.body.clone(), &Book(tables), &context)?;
        for event in events {
            let version = self.apply_one(tenant, &event, &mut decided.undo)?;
            decided.events.push(Placed { event, version });
        }
        Ok(())
    }

    /// Applies events that were admitted elsewhere.
    ///
    /// # Errors
    /// When an event does not fit what is there: a defect, or a journal of other code. Then nothing is applied.
    pub fn apply(&mut self, tenant: Tenant, events: &[Recorded]) -> Result<Undo, Malformed> {
        let mut undo = Undo::default();
        for event in events {
            if let Err(rejection) = self.apply_one(tenant, event, &mut undo) {
                self.undo(undo);
                return Err(Malformed {
                    at: rejection.message,
                    expected: "an event that fits the book",
                    found: rejection.code,
                });
            }
        }
        Ok(undo)
    }

    /// Puts an aggregate in its place as it was folded elsewhere, such as in an earlier life of the owner.
    ///
    /// # Errors
    /// When the kind is not of this context, or another aggregate has what must be unique.
    pub fn restore(
        &mut self,
        tenant: Tenant,
        kind: &dyn Kind,
        id: Uuid,
        state: State,
        version: u64,
    ) -> Result<Undo, Rejection> {
        let mut undo = Undo::default();
        self.put(tenant, kind, id, Slot { state, version }, &mut undo)?;
        Ok(undo)
    }

    /// Whether the indexes say what the states say, and number series have no gaps; an error names what does not.
    ///
    /// # Errors
    /// The first index that lies.
    pub fn audit(&self) -> Result<(), String> {
        self.tenants.values().flat_map(|tables| &tables.0).try_for_each(Table::audit)
    }

    fn put(&mut self, tenant: Tenant, kind: &dyn Kind, id: Uuid, slot: Slot, undo: &mut Undo) -> Result<(), Rejection> {
        let tables = self.tables(tenant);
        let Some(index) = tables.index(kind.meta().type_name) else {
            let message = format!("{} is not of this context", kind.meta().type_name);
            return Err(Rejection::unprocessable("FOREIGN_AGGREGATE", message));
        };
        let table = &mut tables.0[index];
        table.check_unique(id, &slot.state)?;
        let last_number = table.last_number;
        table.last_number = last_number.max(kind.place(&slot.state));
        let before = table.put(id, Some(slot));
        undo.0.push((tenant, index, id, before, last_number));
        Ok(())
    }

    fn apply_one(&mut self, tenant: Tenant, event: &Recorded, undo: &mut Undo) -> Result<u64, Rejection> {
        let before =
            self.tables(tenant).of(event.kind.meta().type_name).and_then(|table| table.slots.get(&event.id).cloned());
        let (state, version) = before.map_or((None, 0), |slot| (Some(slot.state), slot.version));
        let state = event
            .kind
            .evolve(state, event.event, event.body.clone())
            .map_err(|error| Rejection::unprocessable("MALFORMED_EVENT", error.to_string()))?;
        let slot = Slot { state: event.kind.settle(state), version: version + 1 };
        self.put(tenant, event.kind, event.id, slot, undo)?;
        Ok(version + 1)
    }

    /// Takes back what was applied. Undo the newest first.
    pub fn undo(&mut self, undo: Undo) {
        for (tenant, index, id, before, last_number) in undo.0.into_iter().rev() {
            if let Some(tables) = self.tenants.get_mut(&tenant) {
                let table = &mut tables.0[index];
                table.put(id, before);
                table.last_number = last_number;
            }
        }
    }

    fn tables(&mut self, tenant: Tenant) -> &mut Tables {
        let kinds = self.kinds;
        self.tenants.entry(tenant).or_insert_with(|| Tables(kinds.iter().map(|kind| Table::new(*kind)).collect()))
    }
}
