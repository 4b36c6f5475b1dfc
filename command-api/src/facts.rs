//! The facts that contexts let each other know, folded from the journals of all of them.

use std::{
    any::Any,
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use daybook_contents::CONTEXTS;
use daybook_facts as facts;
use daybook_journal::Position;
use daybook_kernel::{Facts, Kind, PLATFORM, Published, Referable, Tenant, book::storage::Storage};
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

/// The types of which the standing of a person is made.
const OF_STANDING: [&str; 4] = [facts::User::TYPE, facts::Group::TYPE, facts::Role::TYPE, facts::AccessPolicy::TYPE];

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
    unsaved: RwLock<Unsaved>,
    /// Some of the others.
    saved: Cache<Name, Known>,
    /// How often something became known of which standings are made.
    generation: AtomicU64,
}

/// The facts of aggregates that are not saved yet.
#[derive(Default)]
struct Unsaved {
    known: HashMap<Name, Known>,
    /// Groups among them: no index of the store finds their members yet.
    groups: HashSet<(Tenant, Uuid)>,
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
        let (unsaved, generation) = (RwLock::default(), AtomicU64::new(0));
        Self(Arc::new(Tables { homes: homes.collect(), unsaved, saved: Cache::new(CACHED), generation }))
    }

    /// Takes note of a fact that was admitted.
    pub fn publish(&self, tenant: Tenant, id: Uuid, published: Published, position: Position) {
        let name = (published.of, tenant, id);
        let mut unsaved = self.0.unsaved.write().unwrap_or_else(PoisonError::into_inner);
        unsaved.known.insert(name, Known { fact: published.fact, position });
        if name.0 == facts::Group::TYPE {
            unsaved.groups.insert((tenant, id));
        }
        self.0.saved.remove(&name);
        drop(unsaved);
        if OF_STANDING.contains(&name.0) {
            self.0.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Changes whenever something becomes known of which standings are made.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// The fact about one tenant's aggregate, and nobody else's.
    pub fn about(&self, of: &'static str, tenant: Tenant, id: Uuid) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.find((of, tenant, id)).map(|known| known.fact)
    }

    /// The groups that may have somebody as a member: those that had, and those that changed just now.
    pub fn groups_of(&self, tenant: Tenant, user: Uuid) -> Vec<Uuid> {
        let unsaved = self.0.unsaved.read().unwrap_or_else(PoisonError::into_inner);
        let changed = unsaved.groups.iter().filter(|(of, _)| *of == tenant).map(|(_, group)| *group);
        let mut groups: Vec<_> = changed.collect();
        drop(unsaved);
        if let Some(home) = self.0.homes.get(facts::Group::TYPE) {
            groups.extend(home.store.referrers(tenant, home.place, "members", user));
        }
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The facts of all saved aggregates of a type: at a start, of types with few.
    pub fn all_saved(&self, of: &'static str) -> Vec<(Tenant, Uuid, Arc<dyn Any + Send + Sync>)> {
        let Some(home) = self.0.homes.get(of) else { return Vec::new() };
        let rows = home.store.rows_of(home.place).into_iter();
        rows.filter_map(|(tenant, id, row)| Some((tenant, id, home.kind.fact(&row.state(home.kind))?.fact))).collect()
    }

    /// The aggregates of these facts are saved, as they stood up to that entry.
    pub fn saved(&self, names: &[Name], up_to: u64) {
        let mut unsaved = self.0.unsaved.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if unsaved.known.get(name).is_some_and(|known| known.position.number <= up_to)
                && let Some(known) = unsaved.known.remove(name)
            {
                unsaved.groups.remove(&(name.1, name.2));
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
        if let Some(known) = unsaved.known.get(&name).cloned().or_else(|| self.saved.get(&name)) {
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
