//! The standing of a person: all that the identity book says about what the person may do.
//!
//! Both APIs gather it from the same facts by the same function, so they give the same answer wherever the facts lie: the
//! command API in the store of its owners, the query API in Postgres.

use std::{collections::BTreeSet, sync::Arc};

use daybook_contents::permissions::built_in::{self, BuiltIn};
use daybook_facts::{self as facts, Reach, access_policy, group, role, user};
use daybook_kernel::{Permission, Ref, Time};
use uuid::Uuid;

use crate::Policy;

/// Groups stand within each other at most so deep.
const DEPTH_MAX: usize = 5;

/// What the identity book says of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Where the account stands: only one in use may do anything.
    pub status: user::Status,
    /// The domain the person belongs to; none for the whole organisation.
    pub domain: Option<String>,
    /// The groups the person is a member of.
    pub groups: BTreeSet<Uuid>,
    /// The roles the person holds, by name or by a group.
    pub held: Vec<Held>,
    /// The tenant's policies in force.
    pub policies: Arc<[Policy]>,
}

/// A role that a person holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The role.
    pub by: By,
    /// The group by which it is held; none where it is held by name.
    pub through: Option<Uuid>,
    /// The only domain for whose records it is held, where it is for one.
    pub domain: Option<String>,
    /// Until when.
    pub until: Option<Time>,
}

/// What gives a permission.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// A role of the declaration.
    BuiltIn(&'static BuiltIn),
    /// A role of the tenant's own.
    Role(Uuid, Arc<facts::Role>),
}

impl By {
    /// The role's name.
    pub fn name(&self) -> &str {
        match self {
            By::BuiltIn(role) => role.name,
            By::Role(_, role) => &role.name,
        }
    }

    /// The role's id.
    pub fn id(&self) -> Uuid {
        match self {
            By::BuiltIn(role) => role.id,
            By::Role(id, _) => *id,
        }
    }
}

impl Held {
    /// How far that permission reaches by it at that time; none where it does not give it.
    pub fn reach(&self, permission: &str, now: Time) -> Option<Reach> {
        if self.until.is_some_and(|until| until <= now) {
            return None;
        }
        match &self.by {
            By::BuiltIn(role) => role.reach(permission),
            By::Role(_, role) => role.permissions.contains(&Permission::from(permission)).then_some(role.reach),
        }
    }
}

/// Where the facts of a tenant's identity book lie.
pub trait Known {
    /// The groups that somebody is a member of.
    fn groups_of(&self, user: Uuid) -> Vec<Uuid>;
    /// A group.
    fn group(&self, id: Uuid) -> Option<Arc<facts::Group>>;
    /// A role of the tenant's own.
    fn role(&self, id: Uuid) -> Option<Arc<facts::Role>>;
    /// The policies in force.
    fn policies(&self) -> Arc<[Policy]>;
}

impl Standing {
    /// The standing of a user of whom this is known.
    pub fn gather(user: Uuid, fact: &facts::User, known: &dyn Known) -> Self {
        let mut held: Vec<Held> = Vec::new();
        for holding in &fact.roles {
            held.extend(hold(holding.role, None, holding.domain.as_ref().map(text), holding.expires_at, known));
        }
        let mut groups = BTreeSet::new();
        for id in known.groups_of(user) {
            let Some(group) = known.group(id) else { continue };
            // Asked again: an index may still name a group that somebody has just left.
            if group.status != group::Status::Active || !group.members.contains(&Ref::new(user)) {
                continue;
            }
            groups.insert(id);
            // One more than allowed harms nobody: a group that stands deeper does not exist.
            let mut around = Some((id, group));
            for _ in 0..=DEPTH_MAX {
                let Some((id, group)) = around.take() else { break };
                for role in &group.roles {
                    held.extend(hold(*role, Some(id), None, None, known));
                }
                around = group.parent.and_then(|parent| Some((parent.id(), known.group(parent.id())?)));
            }
        }
        Self { status: fact.status, domain: fact.domain.as_ref().map(text), groups, held, policies: known.policies() }
    }
}

fn text(slug: &daybook_kernel::Slug) -> String {
    slug.as_str().to_owned()
}

/// A role as it is held; none where it is not in use.
fn hold(
    role: Ref<facts::Role>,
    through: Option<Uuid>,
    domain: Option<String>,
    until: Option<Time>,
    known: &dyn Known,
) -> Option<Held> {
    if let Some(role) = built_in::built_in(role.id()) {
        return Some(Held { by: By::BuiltIn(role), through, domain, until });
    }
    let found = known.role(role.id()).filter(|found| found.status == role::Status::Active)?;
    let domain = match (domain, found.domain.as_ref().map(text)) {
        // A role of one domain that is held for another is for nothing.
        (Some(held), Some(own)) if held != own => return None,
        (held, own) => held.or(own),
    };
    Some(Held { by: By::Role(role.id(), found), through, domain, until })
}

/// The policies among these that are in force.
pub fn in_force<'a>(all: impl IntoIterator<Item = (Uuid, &'a facts::AccessPolicy)>) -> Arc<[Policy]> {
    let active = all.into_iter().filter(|(_, policy)| policy.status == access_policy::Status::Active);
    active.map(|(id, policy)| Policy::new(id, policy.clone())).collect()
}
