//! Roles: which permissions a token of the development issuer carries for which role.
//!
//! The sets follow the matrix of the ITSM design: everyone reports; agents work; managers also close down, override and run
//! the CMDB; end users speak in what they reported. They serve until identity keeps roles of its own. Services look at
//! permissions only, never at a role's name.

use std::collections::BTreeSet;

use clap::ValueEnum;

/// A role that a token can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Runs the tenant: its people, groups, estate and work.
    Admin,
    /// Leads the service desk: all work, and the estate.
    Manager,
    /// Works on incidents; sees the estate.
    Agent,
    /// Reports what does not work, and says whether it works again.
    EndUser,
    /// Sees everything, changes nothing.
    Auditor,
    /// Runs the platform: organisations come and go.
    Platform,
    /// Brings a history in from another tool, with its own times.
    Importer,
    /// Gives the commands of policies; a service of the platform, not a person.
    Policy,
}

/// What everyone may do.
const EVERYONE: &[&str] = &["incident:report", "incident:comment", "incident:confirm", "incident:read"];

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

/// What seeing everything takes.
const SEE: &[&str] = &["incident:read", "ci:read", "user:read", "group:read", "organization:read"];

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

impl Role {
    /// The permissions of the role.
    pub fn permissions(self) -> impl Iterator<Item = &'static str> {
        let sets: &[&[&str]] = match self {
            Self::Admin => &[EVERYONE, DESK, LEAD, RUN],
            Self::Manager => &[EVERYONE, DESK, LEAD],
            Self::Agent => &[EVERYONE, DESK],
            Self::EndUser => &[EVERYONE],
            Self::Auditor => &[SEE],
            Self::Platform => &[PLATFORM],
            Self::Importer => &[EVERYONE, DESK, LEAD, RUN, IMPORT],
            Self::Policy => &[ACT, ORDERS],
        };
        sets.iter().copied().flatten().copied()
    }

    /// Its name in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Agent => "agent",
            Self::EndUser => "end-user",
            Self::Auditor => "auditor",
            Self::Platform => "platform",
            Self::Importer => "importer",
            Self::Policy => "policy",
        }
    }
}

/// Every permission there is: of every command, to read every kind, and those beside the aggregates.
pub fn catalogue() -> BTreeSet<String> {
    let of_commands = daybook_contents::kinds()
        .flat_map(|kind| (0..kind.commands().len()).map(|command| kind.permission(command).to_owned()));
    let of_readers = daybook_contents::kinds().map(|kind| format!("{}:read", kind.meta().events));
    let beside = IMPORT.iter().chain(ACT).map(|permission| (*permission).to_owned());
    of_commands.chain(of_readers).chain(beside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_a_role_exists() {
        let known = catalogue();
        for role in Role::value_variants() {
            for permission in role.permissions() {
                assert!(known.contains(permission), "{} of {} does not exist", permission, role.name());
            }
        }
    }

    #[test]
    fn every_permission_is_in_some_role() {
        let given: BTreeSet<_> = Role::value_variants().iter().flat_map(|role| role.permissions()).collect();
        for permission in catalogue() {
            assert!(given.contains(permission.as_str()), "no role has {permission}");
        }
    }

    #[test]
    fn the_matrix_of_the_design() {
        let may = |role: Role, permission: &str| role.permissions().any(|one| one == permission);
        for role in [Role::Admin, Role::Manager, Role::Agent, Role::EndUser] {
            assert!(may(role, "incident:report"), "{} reports", role.name());
            assert_eq!(may(role, "incident:assign"), role != Role::EndUser, "{} assigns", role.name());
            let manages = matches!(role, Role::Admin | Role::Manager);
            assert_eq!(may(role, "ci:update"), manages, "{} manages the estate", role.name());
            assert_eq!(may(role, "ci:read"), role != Role::EndUser, "{} sees the estate", role.name());
        }
        assert!(Role::Auditor.permissions().all(|permission| permission.ends_with(":read")));
    }

    #[test]
    fn a_role_is_called_in_a_token_as_on_the_command_line() {
        for role in Role::value_variants() {
            assert_eq!(role.to_possible_value().unwrap().get_name(), role.name());
        }
    }
}
