//! The built-in roles: those of the five designs that Daybook follows, and those of its own services.
//!
//! They are part of the declaration, not of any book: the same in every tenant, never changed by a command, and known by
//! fixed ids (RFC 9562, version 8). Resources whose aggregates are not there yet are not named; a role that lives by them
//! holds so far what everyone holds. What a permission is good for beside its name, its reach, is declared with it.

use daybook_facts::Reach;
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
    sets: &'static [Set],
}

/// Permissions that reach equally far.
#[derive(Debug, PartialEq, Eq)]
struct Set {
    reach: Reach,
    permissions: &'static [&'static str],
}

impl BuiltIn {
    /// What its holder may do.
    pub fn permissions(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sets.iter().flat_map(|set| set.permissions.iter().copied())
    }

    /// How far a permission reaches for its holder; none where the role does not have it.
    pub fn reach(&self, permission: &str) -> Option<Reach> {
        self.sets.iter().filter(|set| set.permissions.contains(&permission)).map(|set| set.reach).max()
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
    role(2, "Organization Admin", User, &[REPORT, OWN, SEE, DESK, TEAM, LEAD, RUN, ACCESS]),
    role(3, "Organization Member", User, &[REPORT, OWN]),
    role(4, "Analyst", User, &[SEE]),
    role(5, "Viewer", User, &[SEE]),
    // 000, GaaS
    role(6, "Admin", User, &[REPORT, OWN, SEE, DESK, TEAM, LEAD, RUN, ACCESS]),
    role(7, "Service Owner", User, &[REPORT, OWN, DESK, TEAM]),
    role(8, "Technician", User, &[REPORT, OWN, DESK, TEAM]),
    role(9, "Citizen", User, &[REPORT, OWN]),
    // 004, ITSM
    role(10, "Administrator", User, &[REPORT, OWN, SEE, DESK, TEAM, LEAD, RUN, ACCESS]),
    role(11, "IT Manager", User, &[REPORT, OWN, DESK, TEAM, LEAD]),
    role(12, "Service Desk Manager", User, &[REPORT, OWN, DESK, TEAM, LEAD]),
    role(13, "CAB Member", User, &[REPORT, OWN, ESTATE]),
    role(14, "Agent", User, &[REPORT, OWN, DESK, TEAM]),
    role(15, "End User", User, &[REPORT, OWN]),
    // 002, Company Operating System
    role(16, "Employee", User, &[REPORT, OWN]),
    role(17, "HR", User, &[REPORT, OWN]),
    role(18, "Finance", User, &[REPORT, OWN]),
    role(19, "Project Manager", User, &[REPORT, OWN]),
    // Services of Daybook: what brings a history in, what gives the commands of policies, what signs people in
    role(32, "Importer", Service, &[REPORT, OWN, DESK, TEAM, LEAD, RUN, IMPORT]),
    role(33, "Policy", Service, &[ACT, ORDERS]),
    role(34, "Sign-in", Service, &[SIGN_IN]),
];

/// Pairs of permissions that nobody may hold together, and why.
pub const SEPARATED: &[(&str, &str, &str)] = &[
    ("import:occurred_at", "user:assign_role", "who can date entries back gives nobody access"),
    ("import:occurred_at", "access_review:decide", "who can date entries back does not attest access"),
];

/// What everyone may do: say what went wrong, for whomever.
const REPORT: Set = all(&["incident:report"]);

/// What everyone may do where it is about themselves.
const OWN: Set = Set {
    reach: Reach::Own,
    permissions: &["incident:comment", "incident:confirm", "incident:read", "incident:read_personal"],
};

/// What seeing the estate takes.
const ESTATE: Set = all(&["ci:read"]);

/// What working on incidents takes.
const DESK: Set = all(&[
    "incident:read",
    "incident:read_personal",
    "incident:comment",
    "incident:confirm",
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
    "user:read_personal",
    "group:read",
]);

/// What working in a group takes: its figures.
const TEAM: Set = Set { reach: Reach::Team, permissions: &["incident:measure"] };

/// What leading the desk takes beyond.
const LEAD: Set = all(&[
    "incident:cancel",
    "ci:create",
    "ci:update",
    "ci:operate",
    "ci:relate",
    "ci:retire",
    "organization:read",
    "incident:measure",
]);

/// What running a tenant takes beyond.
const RUN: Set = all(&[
    "ci:retire_force",
    "user:read_personal",
    "user:register",
    "user:update",
    "user:deactivate",
    "group:create",
    "group:update",
    "group:members",
    "group:retire",
    "organization:read_personal",
    "organization:update",
    "organization:members",
    "organization:close",
    "subscription:manage",
    "domain:create",
    "domain:update",
    "domain:retire",
    "team:create",
    "team:update",
    "team:members",
    "team:disband",
]);

/// What saying who may do what takes.
const ACCESS: Set = all(&[
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
    "session:read_personal",
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
    "access:explain",
]);

/// What seeing everything takes, but for what is personal in it.
const SEE: Set = all(&[
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
    "subscription:read",
    "domain:read",
    "team:read",
    "usage:read",
    "access:explain",
    "incident:measure",
]);

/// What running the platform takes.
const PLATFORM: Set = all(&[
    "organization:create",
    "organization:activate",
    "organization:update",
    "organization:members",
    "organization:suspend",
    "organization:close",
    "organization:read",
    "organization:read_personal",
    "tenant_host:claim",
    "tenant_host:verify",
    "tenant_host:release",
    "tenant_host:read",
    "plan:define",
    "plan:retire",
    "plan:read",
    "subscription:manage",
    "subscription:bill",
    "subscription:suspend",
    "subscription:read",
]);

/// What bringing a history in takes beyond the desk and the tenant.
const IMPORT: Set = all(&["import:occurred_at"]);

/// What acting as a policy takes beyond the commands that policies give.
const ACT: Set = all(&["policy:act"]);

/// The commands that policies give.
const ORDERS: Set =
    all(&["incident:comment", "incident:assign", "user:invite", "organization:activate", "usage:record"]);

/// What signing people in takes.
const SIGN_IN: Set = all(&[
    "sign_in:act",
    "user:sign_in",
    "user:consent",
    "user:read",
    "credential:sign_in",
    "credential:disable_mfa",
    "credential:read",
    "session:sign_in",
    "session:read",
    "idp:read",
]);

/// Permissions for all of the organisation.
const fn all(permissions: &'static [&'static str]) -> Set {
    Set { reach: Reach::Tenant, permissions }
}

const fn role(n: u128, name: &'static str, holder: Holder, sets: &'static [Set]) -> BuiltIn {
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
