//! The facts that contexts let each other know, folded from the journals of all of them.

use std::{any::Any, cell::RefCell, collections::HashMap, sync::Arc, sync::RwLock};

use daybook_journal::Position;
use daybook_kernel::{Facts, PLATFORM, Published, Tenant};
use uuid::Uuid;

/// What is known of one aggregate, and since which entry.
#[derive(Clone)]
struct Known {
    fact: Arc<dyn Any + Send + Sync>,
    position: Position,
}

type Table = HashMap<(&'static str, Tenant, Uuid), Known>;

/// Every published fact, shared by the owners of this process.
///
/// An owner writes what its journal has admitted; a decision of another context may read it a moment later. What must
/// be exact lives in the book.
#[derive(Clone, Default)]
pub struct FactTable(Arc<RwLock<Table>>);

impl FactTable {
    /// Takes note of a fact that was admitted.
    pub fn publish(&self, tenant: Tenant, id: Uuid, published: Published, position: Position) {
        let mut table = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        table.insert((published.of, tenant, id), Known { fact: published.fact, position });
    }

    /// What that tenant may look up.
    pub fn of(&self, tenant: Tenant) -> TenantFacts<'_> {
        TenantFacts { table: &self.0, tenant, used: RefCell::default() }
    }
}

/// The facts of one tenant and of the platform, with a note of what was looked up.
pub struct TenantFacts<'a> {
    table: &'a RwLock<Table>,
    tenant: Tenant,
    used: RefCell<Vec<Position>>,
}

impl TenantFacts<'_> {
    /// The positions of the facts that were looked up and found.
    pub fn used(self) -> Vec<Position> {
        let mut used = self.used.into_inner();
        used.sort_by(|a, b| (&a.topic, a.partition, a.number).cmp(&(&b.topic, b.partition, b.number)));
        used.dedup();
        used
    }
}

impl Facts for TenantFacts<'_> {
    fn find(&self, of: &'static str, id: Uuid) -> Option<Arc<dyn Any + Send + Sync>> {
        let table = self.table.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = table.get(&(of, self.tenant, id)).or_else(|| table.get(&(of, PLATFORM, id)))?;
        self.used.borrow_mut().push(known.position.clone());
        Some(known.fact.clone())
    }
}
