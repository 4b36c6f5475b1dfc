//! The tables of a book: the aggregates of one kind, with the indexes that follow from their states.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::Unique;
use crate::{Kind, Rejection, State};

/// An aggregate in its book.
#[derive(Clone)]
pub struct Slot {
    pub state: State,
    pub version: u64,
}

/// All aggregates of one kind in a book, with their indexes.
pub struct Table {
    pub kind: &'static dyn Kind,
    pub slots: HashMap<Uuid, Slot>,
    pub unique: HashMap<Unique, Uuid>,
    pub referrers: HashMap<(&'static str, Uuid), BTreeSet<Uuid>>,
    pub last_number: u64,
}

impl Table {
    pub fn new(kind: &'static dyn Kind) -> Self {
        Self { kind, slots: HashMap::new(), unique: HashMap::new(), referrers: HashMap::new(), last_number: 0 }
    }

    /// Puts a slot in the place of another, with the indexes that follow from it.
    pub fn put(&mut self, id: Uuid, slot: Option<Slot>) -> Option<Slot> {
        let before = match slot {
            Some(slot) => {
                for unique in self.kind.unique(&slot.state) {
                    self.unique.insert(unique, id);
                }
                self.slots.insert(id, slot)
            }
            None => self.slots.remove(&id),
        };
        let now = self.slots.get(&id).map(|slot| &slot.state);
        let now_unique = now.map_or_else(Vec::new, |state| self.kind.unique(state));
        let now_references = now.map_or_else(Vec::new, |state| self.kind.references(state));
        if let Some(before) = &before {
            for unique in self.kind.unique(&before.state) {
                if !now_unique.contains(&unique) && self.unique.get(&unique) == Some(&id) {
                    self.unique.remove(&unique);
                }
            }
            for reference in self.kind.references(&before.state) {
                if !now_references.contains(&reference) {
                    self.forget_referrer(reference, id);
                }
            }
        }
        for reference in now_references {
            self.referrers.entry(reference).or_default().insert(id);
        }
        before
    }

    fn forget_referrer(&mut self, reference: (&'static str, Uuid), id: Uuid) {
        if let Some(referrers) = self.referrers.get_mut(&reference) {
            referrers.remove(&id);
            if referrers.is_empty() {
                self.referrers.remove(&reference);
            }
        }
    }

    pub fn check_unique(&self, id: Uuid, state: &State) -> Result<(), Rejection> {
        for unique in self.kind.unique(state) {
            if self.unique.get(&unique).is_some_and(|holder| *holder != id) {
                let message = format!("this {} is taken already", unique.field);
                return Err(Rejection::conflict("NOT_UNIQUE", message.clone()).field(unique.field, message));
            }
        }
        Ok(())
    }

    /// Whether the indexes say what the states say.
    pub fn audit(&self) -> Result<(), String> {
        let of = self.kind.meta().type_name;
        let mut again = Table::new(self.kind);
        for (id, slot) in &self.slots {
            again.check_unique(*id, &slot.state).map_err(|_| format!("two of {of} have what must be unique"))?;
            again.put(*id, Some(slot.clone()));
        }
        let places: BTreeSet<_> = self.slots.values().map(|slot| self.kind.place(&slot.state)).collect();
        let numbered = self.kind.meta().number.is_some();
        match () {
            () if again.unique != self.unique => Err(format!("the unique index of {of} lies")),
            () if again.referrers != self.referrers => Err(format!("the reverse index of {of} lies")),
            () if numbered && !places.iter().copied().eq(1..=self.last_number) => {
                Err(format!("the numbers of {of} have gaps"))
            }
            () if numbered && places.len() != self.slots.len() => Err(format!("two of {of} have the same number")),
            () => Ok(()),
        }
    }
}

/// One tenant's tables.
pub struct Tables(pub Vec<Table>);

impl Tables {
    pub fn of(&self, type_name: &str) -> Option<&Table> {
        self.0.iter().find(|table| table.kind.meta().type_name == type_name)
    }

    pub fn index(&self, type_name: &str) -> Option<usize> {
        self.0.iter().position(|table| table.kind.meta().type_name == type_name)
    }
}
