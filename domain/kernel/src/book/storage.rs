//! Where books lie that are not in memory, and what of them is to be written there.

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use super::Unique;
use crate::{State, Tenant};

/// An aggregate in its book.
#[derive(Clone)]
pub struct Slot {
    /// Its state, without the items of growing lists.
    pub state: State,
    /// How many events made it.
    pub version: u64,
    /// The number of the entry that changed it last; of no meaning before that is admitted.
    pub number: u64,
}

/// Where an aggregate stands: its tenant, its kind's place among those of the context, its id.
pub type Address = (Tenant, usize, Uuid);

/// Whose number series or count: the tenant, the kind's place.
pub type Series = (Tenant, usize);

/// Something that only one aggregate of a kind may have.
pub type UniqueKey = (Tenant, usize, Unique);

/// An indexed field refers to an aggregate: the field of which kind, to whom, from whom.
pub type Reference = (Tenant, usize, &'static str, Uuid, Uuid);

/// A cache of folded books that outlives the process. It holds admitted state only, all of it up to the same entry.
///
/// A store that cannot be read panics: to decide on less than everything would be worse. The panic ends as a defect of
/// the one command, or stops the partition.
pub trait Storage: Send {
    /// The aggregate of that address.
    fn slot(&self, at: &Address) -> Option<Slot>;
    /// Who has this, if anybody.
    fn holder(&self, tenant: Tenant, kind: usize, unique: &Unique) -> Option<Uuid>;
    /// The aggregates of that kind whose field refers to that id.
    fn referrers(&self, tenant: Tenant, kind: usize, field: &'static str, to: Uuid) -> Vec<Uuid>;
    /// The last number of a series; 0 before the first.
    fn last_number(&self, of: Series) -> u64;
    /// How many aggregates of a kind count against its quota.
    fn count(&self, of: Series) -> u64;
}

/// No store: everything stays in memory.
#[derive(Debug, Clone, Copy)]
pub struct NoStorage;

impl Storage for NoStorage {
    fn slot(&self, _: &Address) -> Option<Slot> {
        None
    }

    fn holder(&self, _: Tenant, _: usize, _: &Unique) -> Option<Uuid> {
        None
    }

    fn referrers(&self, _: Tenant, _: usize, _: &'static str, _: Uuid) -> Vec<Uuid> {
        Vec::new()
    }

    fn last_number(&self, _: Series) -> u64 {
        0
    }

    fn count(&self, _: Series) -> u64 {
        0
    }
}

/// What was admitted since the last time, to be written all or not at all.
#[derive(Default)]
pub struct Unsaved {
    /// Aggregates.
    pub slots: Arc<BTreeMap<Address, Slot>>,
    /// Who has what must be unique; `None`: nobody any more.
    pub unique: Arc<BTreeMap<UniqueKey, Option<Uuid>>>,
    /// References, and whether they are still there.
    pub references: Arc<BTreeMap<Reference, bool>>,
    /// The last numbers of series.
    pub numbers: Arc<BTreeMap<Series, u64>>,
    /// How many aggregates of each kind count against its quota.
    pub counts: Arc<BTreeMap<Series, u64>>,
}
