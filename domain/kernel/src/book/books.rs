//! The books of a partition: decided on, changed, taken back, admitted and saved.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

mod change;
mod fold;

use change::{Change, Indexed};
use quick_cache::unsync::Cache;
use uuid::Uuid;

use super::{
    Book, Call, Decided, Given, Overlay, Placed, Unique,
    storage::{Address, NoStorage, Reference, Series, Slot, Storage, UniqueKey, Unsaved},
};
use crate::{Aggregate, Context, Kind, Malformed, Recorded, Ref, Rejection, State, Tenant};

/// The books of one partition of one context: every tenant's aggregates, folded, with their indexes.
///
/// What is decided is applied at once, so that the next command sees it; what is [`Applied`] is taken back, newest first, or
/// admitted, oldest first. Admitted state is saved to a [`Storage`] now and then; in memory are what is not saved, and the
/// aggregates used lately.
pub struct Books {
    kinds: &'static [&'static dyn Kind],
    storage: Box<dyn Storage>,
    slots: Overlay<Address, Slot>,
    unique: Overlay<UniqueKey, Option<Uuid>>,
    references: Overlay<Reference, bool>,
    numbers: Overlay<Series, u64>,
    counts: Overlay<Series, u64>,
    /// Aggregates as they are stored.
    cache: Cache<Address, Slot>,
    /// Stands in for a state while that is changed.
    nothing: State,
}

/// What was applied to the books: to be taken back, or admitted.
#[must_use]
#[derive(Default)]
pub struct Applied(Vec<Change>);

impl Books {
    /// Empty books of a context with these kinds of aggregates, all in memory.
    pub fn new(kinds: &'static [&'static dyn Kind]) -> Self {
        Self::over(kinds, Box::new(NoStorage), 0)
    }

    /// The books that a store holds; of what is stored, so many aggregates are kept in memory.
    pub fn over(kinds: &'static [&'static dyn Kind], storage: Box<dyn Storage>, cached: usize) -> Self {
        Self {
            kinds,
            storage,
            slots: Overlay::default(),
            unique: Overlay::default(),
            references: Overlay::default(),
            numbers: Overlay::default(),
            counts: Overlay::default(),
            cache: Cache::new(cached),
            nothing: Arc::new(()),
        }
    }

    /// The aggregate's state and version.
    pub fn find(&self, tenant: Tenant, kind: &dyn Kind, id: Uuid) -> Option<(State, u64)> {
        let slot = self.slot(&(tenant, self.place(kind.meta().type_name)?, id))?;
        Some((slot.state, slot.version))
    }

    /// The state of one aggregate, by its type.
    pub fn get<A: Aggregate>(&self, tenant: Tenant, id: Ref<A>) -> Option<Arc<A>> {
        self.slot(&(tenant, self.place(A::TYPE)?, id.id()))?.state.downcast().ok()
    }

    /// Every aggregate that is not saved: its tenant, kind, id, state and version. Without a store that is all of them.
    pub fn iter(&self) -> impl Iterator<Item = (Tenant, &'static dyn Kind, Uuid, &State, u64)> {
        self.slots.iter().map(|((tenant, kind, id), slot)| (*tenant, self.kinds[*kind], *id, &slot.state, slot.version))
    }

    /// Decides commands, all or none, and applies what follows from them.
    ///
    /// # Errors
    /// The business's no to the first command that cannot be accepted; then nothing is applied.
    pub fn decide(&mut self, tenant: Tenant, calls: &[Call], given: &Given<'_>) -> Result<Decided, Rejection> {
        let mut decided = Decided { events: Vec::new(), applied: Applied::default() };
        for (n, call) in calls.iter().enumerate() {
            let expected = given.expected.filter(|_| n == 0);
            // Each command of a batch has fresh ids of its own.
            let seed = Uuid::from_u128(given.seed.as_u128().wrapping_add((n as u128) << 16));
            // A panic is a defect of one rule; it must not leave half a command behind, nor stop the book.
            let one = || self.decide_one(tenant, call, given, expected, seed, &mut decided);
            let outcome = catch_unwind(AssertUnwindSafe(one)).unwrap_or_else(|panic| Err(Rejection::defect(&*panic)));
            if let Err(rejection) = outcome {
                self.undo(decided.applied);
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
        let found = match self.place(call.kind.meta().type_name) {
            Some(kind) => self.load(&(tenant, kind, call.id)),
            None => None,
        };
        let creates = call.kind.transition(call.command).from.is_none();
        if found.is_some() && creates {
            return Err(
                Rejection::conflict("ALREADY_EXISTS", "there is one with this id already").field("id", "is taken")
            );
        }
        if let (Some(expected), Some(slot)) = (expected, &found)
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
        let state = found.as_ref().map(|slot| &slot.state);
        let book = Book { books: self, tenant };
        let events = call.kind.decide(state, call.command, call.body.clone(), &book, &context)?;
        for event in events {
            let version = self.apply_one(tenant, &event, &mut decided.applied)?;
            decided.events.push(Placed { event, version });
        }
        Ok(())
    }

    /// Applies events that were admitted elsewhere.
    ///
    /// # Errors
    /// When an event does not fit what is there: a defect, or a journal of other code. Then nothing is applied.
    pub fn apply(&mut self, tenant: Tenant, events: &[Recorded]) -> Result<Applied, Malformed> {
        let mut applied = Applied::default();
        for event in events {
            if let Err(rejection) = self.apply_one(tenant, event, &mut applied) {
                self.undo(applied);
                return Err(Malformed {
                    at: rejection.message,
                    expected: "an event that fits the book",
                    found: rejection.code,
                });
            }
        }
        Ok(applied)
    }

    /// Puts an aggregate in its place as it was folded elsewhere.
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
    ) -> Result<Applied, Rejection> {
        let mut applied = Applied::default();
        let at = self.address(tenant, kind, id)?;
        let before = self.load(&at);
        self.put(at, before, Slot { state, version, number: 0 }, &mut applied)?;
        Ok(applied)
    }

    fn apply_one(&mut self, tenant: Tenant, event: &Recorded, applied: &mut Applied) -> Result<u64, Rejection> {
        let at = self.address(tenant, event.kind, event.id)?;
        let before = self.load(&at);
        let (state, version) = before.clone().map_or((None, 0), |slot| (Some(slot.state), slot.version));
        let state = event
            .kind
            .evolve(state, event.event, event.body.clone())
            .map_err(|error| Rejection::unprocessable("MALFORMED_EVENT", error.to_string()))?;
        let after = Slot { state: event.kind.settle(state), version: version + 1, number: 0 };
        self.put(at, before, after, applied)?;
        Ok(version + 1)
    }

    fn put(&mut self, at: Address, before: Option<Slot>, after: Slot, applied: &mut Applied) -> Result<(), Rejection> {
        let (tenant, place, id) = at;
        let kind = self.kinds[place];
        let had = before.as_ref().map_or_else(Indexed::default, |slot| Indexed::of(kind, &slot.state));
        let indexes = self.indexes(at, had, Indexed::of(kind, &after.state))?;

        // From here on nothing can fail: an event is applied wholly or not at all.
        for (unique, is) in &indexes.unique {
            self.unique.put((tenant, place, unique.clone()), is.then_some(id));
        }
        for ((field, to), is) in &indexes.references {
            self.references.put((tenant, place, field, *to, id), *is);
        }
        if let Some((_, number)) = indexes.number {
            self.numbers.put((tenant, place), number);
        }
        if let Some((_, count)) = indexes.count {
            self.counts.put((tenant, place), count);
        }
        self.slots.put(at, after.clone());
        applied.0.push(Change { at, before, after, indexes });
        Ok(())
    }

    /// Takes back what was applied. The newest first.
    pub fn undo(&mut self, applied: Applied) {
        for Change { at, before, indexes, .. } in applied.0.into_iter().rev() {
            let (tenant, place, id) = at;
            self.slots.take_back(&at, before);
            for (unique, is) in indexes.unique {
                self.unique.take_back(&(tenant, place, unique), Some((!is).then_some(id)));
            }
            for ((field, to), is) in indexes.references {
                self.references.take_back(&(tenant, place, field, to, id), Some(!is));
            }
            if let Some((before, _)) = indexes.number {
                self.numbers.take_back(&(tenant, place), Some(before));
            }
            if let Some((before, _)) = indexes.count {
                self.counts.take_back(&(tenant, place), Some(before));
            }
        }
    }

    /// What was applied is admitted by the entry of this number. The oldest first.
    pub fn admit(&mut self, applied: Applied, entry: u64) {
        for Change { at, after, indexes, .. } in applied.0 {
            let (tenant, place, id) = at;
            self.slots.admit(&at, Slot { number: entry, ..after });
            for (unique, is) in indexes.unique {
                self.unique.admit(&(tenant, place, unique), is.then_some(id));
            }
            for ((field, to), is) in indexes.references {
                self.references.admit(&(tenant, place, field, to, id), is);
            }
            if let Some((_, number)) = indexes.number {
                self.numbers.admit(&(tenant, place), number);
            }
            if let Some((_, count)) = indexes.count {
                self.counts.admit(&(tenant, place), count);
            }
        }
    }

    /// What is to be saved: everything that was admitted since the last time, which has to be [`Books::saved`] by now.
    pub fn take_unsaved(&mut self) -> Unsaved {
        Unsaved {
            slots: self.slots.take_unsaved(),
            unique: self.unique.take_unsaved(),
            references: self.references.take_unsaved(),
            numbers: self.numbers.take_unsaved(),
            counts: self.counts.take_unsaved(),
        }
    }

    /// What was taken last has been saved, and can be found in the store from here on.
    pub fn saved(&mut self) {
        for (at, slot) in self.slots.saved().iter() {
            if self.slots.get(at).is_none() {
                self.cache.insert(*at, slot.clone());
            }
        }
        self.unique.saved();
        self.references.saved();
        self.numbers.saved();
        self.counts.saved();
    }

    /// Whether the indexes say what the states say, and number series have no gaps. For books without a store.
    ///
    /// # Errors
    /// The first index that lies.
    pub fn audit(&self) -> Result<(), String> {
        let mut again = Self::new(self.kinds);
        for (tenant, kind, id, state, version) in self.iter() {
            let restored = again.restore(tenant, kind, id, state.clone(), version);
            drop(restored.map_err(|_| format!("two of {} have what must be unique", kind.meta().type_name))?);
        }
        let taken = |books: &Self| -> Vec<_> {
            books.unique.iter().filter_map(|(key, holder)| Some((key.clone(), (*holder)?))).collect()
        };
        let there = |books: &Self| -> Vec<_> {
            books.references.iter().filter(|(_, is)| **is).map(|(reference, _)| *reference).collect()
        };
        if taken(&again) != taken(self) {
            return Err("the unique index lies".to_owned());
        }
        if there(&again) != there(self) {
            return Err("the index of references lies".to_owned());
        }
        let counted = |books: &Self| -> Vec<_> {
            books.counts.iter().filter(|(_, count)| **count > 0).map(|(of, count)| (*of, *count)).collect()
        };
        if counted(&again) != counted(self) {
            return Err("the count of a kind lies".to_owned());
        }
        for ((tenant, place), last) in self.numbers.iter() {
            let of = |at: &Address| (at.0, at.1) == (*tenant, *place);
            let slots = self.slots.iter().filter(|(at, _)| of(at));
            let mut places: Vec<_> = slots.map(|(_, slot)| self.kinds[*place].place(&slot.state)).collect();
            places.sort_unstable();
            if !places.iter().copied().eq(1..=*last) {
                return Err(format!("the numbers of {} have gaps or repeat", self.kinds[*place].meta().type_name));
            }
        }
        Ok(())
    }

    pub(super) fn place(&self, type_name: &str) -> Option<usize> {
        self.kinds.iter().position(|kind| kind.meta().type_name == type_name)
    }

    fn address(&self, tenant: Tenant, kind: &dyn Kind, id: Uuid) -> Result<Address, Rejection> {
        match self.place(kind.meta().type_name) {
            Some(place) => Ok((tenant, place, id)),
            None => {
                let message = format!("{} is not of this context", kind.meta().type_name);
                Err(Rejection::unprocessable("FOREIGN_AGGREGATE", message))
            }
        }
    }

    fn slot(&self, at: &Address) -> Option<Slot> {
        let in_memory = self.slots.get(at).or_else(|| self.cache.get(at));
        in_memory.cloned().or_else(|| self.storage.slot(at))
    }

    /// The same, remembered for the next time.
    fn load(&mut self, at: &Address) -> Option<Slot> {
        let in_memory = self.slots.get(at).or_else(|| self.cache.get(at));
        if let Some(slot) = in_memory {
            return Some(slot.clone());
        }
        let slot = self.storage.slot(at)?;
        self.cache.insert(*at, slot.clone());
        Some(slot)
    }

    pub(super) fn holder(&self, tenant: Tenant, kind: usize, unique: &Unique) -> Option<Uuid> {
        match self.unique.get(&(tenant, kind, unique.clone())) {
            Some(holder) => *holder,
            None => self.storage.holder(tenant, kind, unique),
        }
    }

    pub(super) fn referrers(&self, tenant: Tenant, of: &str, field: &'static str, to: Uuid) -> BTreeSet<Uuid> {
        let Some(kind) = self.place(of) else { return BTreeSet::new() };
        let mut found: BTreeSet<_> = self.storage.referrers(tenant, kind, field, to).into_iter().collect();
        let all = (tenant, kind, field, to, Uuid::nil())..=(tenant, kind, field, to, Uuid::max());
        for ((.., from), is) in self.references.range(all) {
            match is {
                true => found.insert(*from),
                false => found.remove(from),
            };
        }
        found
    }

    pub(super) fn last_number(&self, of: Series) -> u64 {
        self.numbers.get(&of).copied().unwrap_or_else(|| self.storage.last_number(of))
    }

    pub(super) fn count(&self, of: Series) -> u64 {
        self.counts.get(&of).copied().unwrap_or_else(|| self.storage.count(of))
    }
}
