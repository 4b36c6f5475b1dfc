//! Books over a store, saved now and then: they have to decide like books that are all in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use daybook_kernel::{
    Books, Kind, Recorded, Rejection, Tenant, Unique,
    book::{
        Call, Decided, Given,
        storage::{Address, Reference, Series, Slot, Storage, UniqueKey, Unsaved},
    },
};
use uuid::Uuid;

use crate::walk::TENANT;

/// What was saved, in memory.
#[derive(Clone, Default)]
struct Saved(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    slots: BTreeMap<Address, Slot>,
    unique: BTreeMap<UniqueKey, Uuid>,
    references: BTreeMap<Reference, ()>,
    numbers: BTreeMap<Series, u64>,
    counts: BTreeMap<Series, u64>,
}

impl Saved {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap()
    }

    fn save(&self, unsaved: &Unsaved) {
        let mut rows = self.rows();
        for (at, slot) in unsaved.slots.iter() {
            rows.slots.insert(*at, slot.clone());
        }
        for (key, holder) in unsaved.unique.iter() {
            match holder {
                Some(holder) => drop(rows.unique.insert(key.clone(), *holder)),
                None => drop(rows.unique.remove(key)),
            }
        }
        for (reference, is) in unsaved.references.iter() {
            match is {
                true => drop(rows.references.insert(*reference, ())),
                false => drop(rows.references.remove(reference)),
            }
        }
        rows.numbers.extend(unsaved.numbers.iter());
        rows.counts.extend(unsaved.counts.iter());
    }
}

impl Storage for Saved {
    fn slot(&self, at: &Address) -> Option<Slot> {
        self.rows().slots.get(at).cloned()
    }

    fn holder(&self, tenant: Tenant, kind: usize, unique: &Unique) -> Option<Uuid> {
        self.rows().unique.get(&(tenant, kind, unique.clone())).copied()
    }

    fn referrers(&self, tenant: Tenant, kind: usize, field: &'static str, to: Uuid) -> Vec<Uuid> {
        let rows = self.rows();
        let found =
            rows.references.keys().filter(|(t, k, f, about, _)| (*t, *k, *f, *about) == (tenant, kind, field, to));
        found.map(|(.., from)| *from).collect()
    }

    fn last_number(&self, of: Series) -> u64 {
        self.rows().numbers.get(&of).copied().unwrap_or(0)
    }

    fn count(&self, of: Series) -> u64 {
        self.rows().counts.get(&of).copied().unwrap_or(0)
    }
}

/// Books that are saved while they are used.
pub struct SavedBooks {
    storage: Saved,
    books: Books,
    entry: u64,
    /// What is on its way to the store.
    saving: Option<Unsaved>,
}

impl SavedBooks {
    /// So few aggregates stay in memory that most have to be found in the store.
    pub fn new(kinds: &'static [&'static dyn Kind]) -> Self {
        let storage = Saved::default();
        let books = Books::over(kinds, Box::new(storage.clone()), 1);
        Self { storage, books, entry: 0, saving: None }
    }

    /// Decides; what follows is taken back once, decided again, and admitted.
    pub fn decide(&mut self, call: &Call, given: &Given<'_>) -> Result<Decided, Rejection> {
        let calls = std::slice::from_ref(call);
        let decided = self.books.decide(TENANT, calls, given)?;
        self.go_on();
        self.books.undo(decided.applied);
        self.go_on();
        let decided = self.books.decide(TENANT, calls, given)?;
        self.go_on();
        self.entry += 1;
        self.books.admit(decided.applied, self.entry);
        Ok(Decided { events: decided.events, applied: Default::default() })
    }

    /// Folds what was decided elsewhere.
    pub fn fold(&mut self, events: &[Recorded]) {
        self.go_on();
        self.entry += 1;
        let mut shown = 0;
        self.books.fold(TENANT, events.to_vec(), self.entry, |_, _, _| shown += 1).unwrap();
        assert_eq!(shown, events.len());
        self.go_on();
    }

    /// One step of saving, in the middle of everything.
    fn go_on(&mut self) {
        match self.saving.take() {
            None => self.saving = Some(self.books.take_unsaved()),
            Some(saving) => {
                self.storage.save(&saving);
                self.books.saved();
            }
        }
    }

    /// The version and status of an aggregate.
    pub fn find(&self, kind: &'static dyn Kind, id: Uuid) -> Option<(u64, daybook_kernel::Datum)> {
        self.books.find(TENANT, kind, id).map(|(state, version)| (version, kind.to_datum(&state)))
    }

    /// What is not stored stays little.
    pub fn in_memory(&self) -> usize {
        self.books.iter().count()
    }
}
