//! The built-in roles: those of the five designs that Daybook follows, and those of its own services.
//!
//! They are part of the declaration, not of any book: the same in every tenant, never changed by a command, and known by
//! fixed ids (RFC 9562, version 8). Resources whose aggregates are not there yet are not named; a role that lives by them
//! holds so far what everyone holds.

use daybook_kernel::Ref;
use uuid::Uuid;

use crate::Role;

/// Who may hold a built-in role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A user of any tenant.
    User,
    /// A user of the platform: its staff.
    Staff,
    /// A service, by its token; never a user.
    Service,
}

/// A role that is there from the beginning.
#[derive(Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its id, the same everywhere.
    pub id: Uuid,
    /// What it is called.
    pub name: &'static str,
    /// Who may hold it.
    pub holder: Holder,
    sets: &'static [&'static [&'static str]],
}

impl BuiltIn {
    /// What its holder may do.
    pub fn permissions(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sets.iter().copied().flatten().copied()
    }
}

/// The built-in role of that id.
pub fn built_in(id: Uuid) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|role| role.id == id)
}

/// The built-in role that is called so, in any case.
pub fn named(name: &str) -> Option<&'static BuiltIn> {
    let name = name.to_lowercase();
    BUILT_IN.iter().find(|role| role.name.to_lowercase() == name)
}

/// Runs an organisation. Every organisation keeps one.
pub const ORGANIZATION_ADMIN: Ref<Role> = Ref::new(id(2));

/// Runs the platform. Only its staff hold it.
pub const SUPER_ADMIN: Ref<Role> = Ref::new(id(1));

use Holder::{Service, Staff, User};

/// Every built-in role, by the design that asks for it.
pub const BUILT_IN: &[BuiltIn] = &[
    // 001, ComplianceIQ
    role(1, "Super Admin", Staff, &[SEE, RUN, ACCESS, PLATFORM]),
    role(2, "Organization Admin", User, &[EVERYONE, SEE, DESK, LEAD, RUN, ACCESS]),
    role(3, "Organization Member", User, &[EVERYONE]),
    role(4, "Analyst", User, &[SEE]),
    role(5, "Viewer", User, &[SEE]),
    // 000, GaaS
    role(6, "Admin", User, &[EVERYONE, SEE, DESK, LEAD, RUN, ACCESS]),
    role(7, "Service Owner", User, &[EVERYONE, DESK]),
    role(8, "Technician", User, &[EVERYONE, DESK]),
    role(9, "Citizen", User, &[EVERYONE]),
    // 004, ITSM
    role(10, "Administrator", User, &[EVERYONE, SEE, DESK, LEAD, RUN, ACCESS]),
    role(11, "IT Manager", User, &[EVERYONE, DESK, LEAD]),
    role(12, "Service Desk Manager", User, &[EVERYONE, DESK, LEAD]),
    role(13, "CAB Member", User, &[EVERYONE, ESTATE]),
    role(14, "Agent", User, &[EVERYONE, DESK]),
    role(15, "End User", User, &[EVERYONE]),
    // 002, Company Operating System
    role(16, "Employee", User, &[EVERYONE]),
    role(17, "HR", User, &[EVERYONE]),
    role(18, "Finance", User, &[EVERYONE]),
    role(19, "Project Manager", User, &[EVERYONE]),
    // Services of Daybook: what brings a history in, what gives the commands of policies, what signs people in
    role(32, "Importer", Service, &[EVERYONE, DESK, LEAD, RUN, IMPORT]),
    role(33, "Policy", Service, &[ACT, ORDERS]),
    role(34, "Sign-in", Service, &[SIGN_IN]),
];

/// Pairs of permissions that nobody may hold together, and why.
pub const SEPARATED: &[(&str, &str, &str)] = &[
    ("import:occurred_at", "user:assign_role", "who can date entries back gives nobody access"),
    ("import:occurred_at", "access_review:decide", "who can date entries back does not attest access"),
];

/// What everyone may do.
const EVERYONE: &[&str] = &["incident:report", "incident:comment", "incident:confirm", "incident:read"];

/// What seeing the estate takes.
const ESTATE: &[&str] = &["ci:read"];

/// What working on incidents takes.
const DESK: &[&str] = &[
    "incident:update",
    "incident:prioritise",
    "incident:assign",
    "incident:work",
    "incident:escalate",
    "incident:reopen",
    "incident:close",
    "incident:watch",
    "incident:link",
    "ci:read",
    "user:read",
    "group:read",
];

/// What leading the desk takes beyond.
const LEAD: &[&str] =
    &["incident:cancel", "ci:create", "ci:update", "ci:operate", "ci:relate", "ci:retire", "organization:read"];

/// What running a tenant takes beyond.
const RUN: &[&str] = &[
    "ci:retire_force",
    "user:register",
    "user:update",
    "user:deactivate",
    "group:create",
    "group:update",
    "group:members",
    "group:retire",
    "organization:update",
    "organization:members",
    "organization:close",
];

/// What saying who may do what takes.
const ACCESS: &[&str] = &[
    "user:invite",
    "user:lock",
    "user:suspend",
    "user:assign_role",
    "user:consent",
    "user:export",
    "user:hold",
    "user:erase",
    "credential:disable_mfa",
    "credential:read",
    "session:revoke",
    "role:create",
    "role:update",
    "role:retire",
    "group:roles",
    "apikey:issue",
    "apikey:revoke",
    "idp:configure",
    "idp:test",
    "idp:enable",
    "idp:sync",
    "access_policy:draft",
    "access_policy:activate",
    "access_review:start",
    "access_review:decide",
];

/// What seeing everything takes.
const SEE: &[&str] = &[
    "incident:read",
    "ci:read",
    "user:read",
    "group:read",
    "organization:read",
    "role:read",
    "session:read",
    "apikey:read",
    "idp:read",
    "access_policy:read",
    "access_review:read",
];

/// What running the platform takes.
const PLATFORM: &[&str] = &[
    "organization:create",
    "organization:activate",
    "organization:update",
    "organization:members",
    "organization:suspend",
    "organization:close",
    "organization:read",
];

/// What bringing a history in takes beyond the desk and the tenant.
const IMPORT: &[&str] = &["import:occurred_at"];

/// What acting as a policy takes beyond the commands that policies give.
const ACT: &[&str] = &["policy:act"];

/// The commands that policies give.
const ORDERS: &[&str] = &["incident:comment", "incident:assign"];

/// What signing people in takes.
const SIGN_IN: &[&str] = &[
    "user:sign_in",
    "user:consent",
    "user:read",
    "credential:sign_in",
    "credential:read",
    "session:sign_in",
    "session:read",
    "idp:read",
];

const fn role(n: u128, name: &'static str, holder: Holder, sets: &'static [&'static [&'static str]]) -> BuiltIn {
    BuiltIn { id: id(n), name, holder, sets }
}

const fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x8000_8000_0000_0000_0000 | n)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_names_are_of_one_role_each() {
        let ids: BTreeSet<_> = BUILT_IN.iter().map(|role| role.id).collect();
        let names: BTreeSet<_> = BUILT_IN.iter().map(|role| role.name.to_lowercase()).collect();
        assert_eq!((ids.len(), names.len()), (BUILT_IN.len(), BUILT_IN.len()));
        for role in BUILT_IN {
            assert_eq!(role.id.get_version_num(), 8, "{}", role.name);
            assert_eq!(role.id.get_variant(), uuid::Variant::RFC4122, "{}", role.name);
        }
        assert_eq!(built_in(ORGANIZATION_ADMIN.id()).map(|role| role.name), Some("Organization Admin"));
        assert_eq!(built_in(SUPER_ADMIN.id()).map(|role| role.name), Some("Super Admin"));
        assert_eq!(named("organization ADMIN").map(|role| role.id), Some(ORGANIZATION_ADMIN.id()));
    }

    #[test]
    fn no_role_holds_both_sides_of_a_pair() {
        for role in BUILT_IN {
            let held: BTreeSet<_> = role.permissions().collect();
            for (one, other, _) in SEPARATED {
                assert!(!(held.contains(one) && held.contains(other)), "{} holds {one} and {other}", role.name);
            }
        }
    }

    #[test]
    fn an_organization_admin_can_grant_every_role_of_users() {
        let admin: BTreeSet<_> = built_in(ORGANIZATION_ADMIN.id()).unwrap().permissions().collect();
        for role in BUILT_IN.iter().filter(|role| role.holder == User) {
            assert!(role.permissions().all(|permission| admin.contains(permission)), "{}", role.name);
        }
    }
}
