//! What others know of a role: what its holders may do, and how far that reaches.

use std::collections::BTreeSet;

use daybook_kernel::{Choice, Fact, Permission, Referable, Slug};

/// How far a permission reaches: which records it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Choice)]
pub enum Reach {
    /// Those that are about the person, or that the person has.
    Own,
    /// Those of a group that the person is in.
    Team,
    /// Those of the person's domain.
    Domain,
    /// All of the organisation.
    Tenant,
}

/// Where a role stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Given and held.
    Active,
    /// Held by nobody, and given to nobody.
    Retired,
}

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Where it stands.
    pub status: Status,
    /// What it is called.
    pub name: String,
    /// The domain it is for, where it is for one.
    pub domain: Option<Slug>,
    /// How far its permissions reach.
    pub reach: Reach,
    /// What its holders may do.
    pub permissions: BTreeSet<Permission>,
}

impl Referable for Role {
    const TYPE: &'static str = "identity.Role";
}

impl Fact for Role {}
