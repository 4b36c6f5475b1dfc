//! What an event changes: the aggregate, and what the indexes of its book say.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Books;
use crate::{
    Kind, Rejection, State, Unique,
    book::storage::{Address, Slot},
};

/// What one event changed.
pub(super) struct Change {
    pub(super) at: Address,
    pub(super) before: Option<Slot>,
    pub(super) after: Slot,
    pub(super) indexes: Indexes,
}

/// What one event changed besides the aggregate.
#[derive(Default)]
pub(super) struct Indexes {
    /// What is unique, and whether it was taken or given up.
    pub(super) unique: Vec<(Unique, bool)>,
    /// References, and whether they came or went.
    pub(super) references: Vec<((&'static str, Uuid), bool)>,
    /// The last number of its series before and after, where that changed.
    pub(super) number: Option<(u64, u64)>,
    /// How many of its kind count, before and after, where that changed.
    pub(super) count: Option<(u64, u64)>,
}

/// What a state has in the indexes.
#[derive(Default, PartialEq)]
pub(super) struct Indexed {
    pub(super) unique: Vec<Unique>,
    pub(super) references: Vec<(&'static str, Uuid)>,
    pub(super) place: u64,
    pub(super) counts: bool,
}

impl Indexed {
    pub(super) fn of(kind: &dyn Kind, state: &State) -> Self {
        Self {
            unique: kind.unique(state),
            references: kind.references(state),
            place: kind.place(state),
            counts: kind.counts(state),
        }
    }
}

impl Books {
    /// What changes in the indexes where an aggregate had this and has that.
    pub(super) fn indexes(&self, at: Address, had: Indexed, has: Indexed) -> Result<Indexes, Rejection> {
        // Most events change nothing of it.
        if had == has {
            return Ok(Indexes::default());
        }
        let (tenant, place, _) = at;
        let unique = difference(had.unique, has.unique);
        let taken = unique.iter().find(|(unique, is)| *is && self.holder(tenant, place, unique).is_some());
        if let Some((unique, _)) = taken {
            let message = format!("this {} is taken already", unique.field);
            return Err(Rejection::conflict("NOT_UNIQUE", message.clone()).field(unique.field, message));
        }
        // A number is given once: only then the series matters.
        let given = (has.place != had.place).then(|| (self.last_number((tenant, place)), has.place));
        let number = given.filter(|(last, own)| own > last);
        let count = (has.counts != had.counts).then(|| {
            let before = self.count((tenant, place));
            (before, if has.counts { before + 1 } else { before.saturating_sub(1) })
        });
        Ok(Indexes { unique, references: difference(had.references, has.references), number, count })
    }
}

/// What is in one of two lists only: gone (false) or come (true).
fn difference<T: Ord>(before: Vec<T>, after: Vec<T>) -> Vec<(T, bool)> {
    let mut after: BTreeSet<T> = after.into_iter().collect();
    let before: BTreeSet<T> = before.into_iter().collect();
    let mut changed: Vec<_> = before.into_iter().filter(|item| !after.remove(item)).map(|item| (item, false)).collect();
    changed.extend(after.into_iter().map(|item| (item, true)));
    changed
}
