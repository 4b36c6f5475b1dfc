//! The facts that contexts let each other know, folded from the journals of all of them.

use std::{
    any::Any,
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use daybook_contents::CONTEXTS;
use daybook_journal::Position;
use daybook_kernel::{Facts, Kind, PLATFORM, Published, Tenant};
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::store::{ContextStore, Store};

/// Facts that are kept in memory besides those that are not saved yet.
const CACHED: usize = 16_384;

/// What is known of one aggregate, and since which entry.
#[derive(Clone)]
struct Known {
    fact: Arc<dyn Any + Send + Sync>,
    position: Position,
}

/// Which fact: the type of the aggregate it is about, its tenant, its id.
pub type Name = (&'static str, Tenant, Uuid);

/// Where the aggregates of a type lie, once they are saved.
struct Home {
    kind: &'static dyn Kind,
    place: usize,
    topic: Arc<str>,
    store: ContextStore,
}

/// Every published fact, shared by the owners of this process.
///
/// An owner writes what its journal has admitted; a decision of another context may read it a moment later. What must
/// be exact lives in the book.
#[derive(Clone)]
pub struct FactTable(Arc<Tables>);

struct Tables {
    homes: HashMap<&'static str, Home>,
    /// Those whose aggregates are not saved yet.
    unsaved: RwLock<HashMap<Name, Known>>,
    /// Some of the others.
    saved: Cache<Name, Known>,
}

impl FactTable {
    /// The facts of all that the store holds.
    pub fn over(store: &Store) -> Self {
        let homes = CONTEXTS.iter().flat_map(|context| {
            let kinds = context.kinds.iter().enumerate();
            kinds.map(|(place, kind)| {
                let topic = format!("journal.{}", context.name).into();
                (kind.meta().type_name, Home { kind: *kind, place, topic, store: store.context(context.name).clone() })
            })
        });
        let tables = Tables { homes: homes.collect(), unsaved: RwLock::default(), saved: Cache::new(CACHED) };
        Self(Arc::new(tables))
    }

    /// Takes note of a fact that was admitted.
    pub fn publish(&self, tenant: Tenant, id: Uuid, published: Published, position: Position) {
        let name = (published.of, tenant, id);
        let mut unsaved = self.0.unsaved.write().unwrap_or_else(PoisonError::into_inner);
        unsaved.insert(name, Known { fact: published.fact, position });
        self.0.saved.remove(&name);
    }

    /// The aggregates of these facts are saved, as they stood up to that entry.
    pub fn saved(&self, names: &[Name], up_to: u64) {
        let mut unsaved = self.0.unsaved.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if unsaved.get(name).is_some_and(|known| known.position.number <= up_to)
                && let Some(known) = unsaved.remove(name)
            {
                self.0.saved.insert(*name, known);
            }
        }
    }

    /// What that tenant may look up.
    pub fn of(&self, tenant: Tenant) -> TenantFacts<'_> {
        TenantFacts { tables: &self.0, tenant, used: RefCell::default() }
    }
}

impl Tables {
    /// Whether aggregates of that type stand in the platform's book and nowhere else.
    fn is_of_platform(&self, of: &str) -> bool {
        self.homes.get(of).is_some_and(|home| home.kind.meta().platform)
    }

    fn find(&self, name: Name) -> Option<Known> {
        // Held to the end: nothing may be published between reading a row and remembering it.
        let unsaved = self.unsaved.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = unsaved.get(&name).cloned().or_else(|| self.saved.get(&name)) {
            return Some(known);
        }
        let home = self.homes.get(name.0)?;
        let at = (name.1, home.place, name.2);
        let row = home.store.row(&at)?;
        let position = Position { topic: home.topic.clone(), partition: row.partition, number: row.number };
        let known = Known { fact: home.kind.fact(&row.state(home.kind))?.fact, position };
        self.saved.insert(name, known.clone());
        Some(known)
    }
}

/// The facts of one tenant and of the platform, with a note of what was looked up.
pub struct TenantFacts<'a> {
    tables: &'a Tables,
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
        if let Some(declared) = daybook_contents::permissions::fact(of) {
            return Some(declared);
        }
        let own = (!self.tables.is_of_platform(of)).then(|| self.tables.find((of, self.tenant, id))).flatten();
        let known = own.or_else(|| self.tables.find((of, PLATFORM, id)))?;
        self.used.borrow_mut().push(known.position.clone());
        Some(known.fact)
    }
}
