//! The standings of those who give commands, as the identity journal has them: some milliseconds old at most.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use daybook_authority::{Policy, Principal, Standing, standing};
use daybook_facts as facts;
use daybook_kernel::{Referable, Tenant};
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::{command::Command, facts::FactTable};

/// Standings that are kept in memory.
const CACHED: usize = 8_192;

/// A tenant's policies, in force or not.
type Policies = BTreeMap<Uuid, Arc<facts::AccessPolicy>>;

/// What was gathered of somebody, with the generation of facts that it was made of; none of who is not in the book.
type Gathered = (u64, Option<Arc<Standing>>);

/// The standings of everybody, from the facts of all identity books. Cheap to clone.
#[derive(Clone)]
pub struct Standings(Arc<Parts>);

struct Parts {
    facts: FactTable,
    /// There are few, and no index finds those of a tenant.
    policies: RwLock<HashMap<Tenant, Policies>>,
    known: Cache<(Tenant, Uuid), Gathered>,
}

impl Standings {
    /// The standings that follow from these facts.
    pub fn over(facts: FactTable) -> Self {
        let standings = Self(Arc::new(Parts { facts, policies: RwLock::default(), known: Cache::new(CACHED) }));
        for (tenant, id, fact) in standings.0.facts.all_saved(facts::AccessPolicy::TYPE) {
            standings.heed(tenant, id, fact);
        }
        standings
    }

    /// Takes note of what was admitted, where it is a policy. To be told before the facts are: they say that something changed.
    pub fn heed(&self, tenant: Tenant, id: Uuid, fact: Arc<dyn Any + Send + Sync>) {
        if let Ok(policy) = fact.downcast::<facts::AccessPolicy>() {
            let mut policies = self.0.policies.write().unwrap_or_else(PoisonError::into_inner);
            policies.entry(tenant).or_default().insert(id, policy);
        }
    }

    /// Who gives a command. A service is not looked for in the book: its token says what it may.
    pub fn principal(&self, command: &Command) -> Principal {
        let user = command.actor.user();
        Principal {
            user: user.unwrap_or_default(),
            tenant: command.member_of,
            standing: user.and_then(|user| self.of(command.member_of, user)),
            token: Some(command.token.clone()),
        }
    }

    /// The standing of a user of that tenant, if there is one in its book.
    pub fn of(&self, tenant: Tenant, user: Uuid) -> Option<Arc<Standing>> {
        // Read before the facts: what changes meanwhile is looked up anew.
        let generation = self.0.facts.generation();
        if let Some((of, standing)) = self.0.known.get(&(tenant, user))
            && of == generation
        {
            return standing;
        }
        let book = Book { parts: &self.0, tenant };
        let fact: Option<Arc<facts::User>> = book.find(user);
        let standing = fact.map(|fact| Arc::new(Standing::gather(user, &fact, &book)));
        self.0.known.insert((tenant, user), (generation, standing.clone()));
        standing
    }
}

/// A tenant's identity book.
struct Book<'a> {
    parts: &'a Parts,
    tenant: Tenant,
}

impl Book<'_> {
    fn find<F: Referable + Send + Sync>(&self, id: Uuid) -> Option<Arc<F>> {
        self.parts.facts.about(F::TYPE, self.tenant, id)?.downcast().ok()
    }
}

impl standing::Known for Book<'_> {
    fn groups_of(&self, user: Uuid) -> Vec<Uuid> {
        self.parts.facts.groups_of(self.tenant, user)
    }

    fn group(&self, id: Uuid) -> Option<Arc<facts::Group>> {
        self.find(id)
    }

    fn role(&self, id: Uuid) -> Option<Arc<facts::Role>> {
        self.find(id)
    }

    fn policies(&self) -> Arc<[Policy]> {
        let policies = self.parts.policies.read().unwrap_or_else(PoisonError::into_inner);
        let own = policies.get(&self.tenant).into_iter().flatten();
        standing::in_force(own.map(|(id, policy)| (*id, &**policy)))
    }
}
