//! Roles: which permissions a token of the development issuer carries for which role.
//!
//! Each is a built-in role of the declaration under a name for the command line. Services look at permissions only, never
//! at a role's name.

use clap::ValueEnum;
use daybook_contents::permissions::built_in::{self, BuiltIn};

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
    /// Signs people in; a service, not a person.
    SignIn,
}

impl Role {
    /// The permissions of the role.
    pub fn permissions(self) -> impl Iterator<Item = &'static str> {
        self.built_in().into_iter().flat_map(BuiltIn::permissions)
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
            Self::SignIn => "sign-in",
        }
    }

    fn built_in(self) -> Option<&'static BuiltIn> {
        built_in::named(match self {
            Self::Admin => "Organization Admin",
            Self::Manager => "Service Desk Manager",
            Self::Agent => "Agent",
            Self::EndUser => "End User",
            Self::Auditor => "Viewer",
            Self::Platform => "Super Admin",
            Self::Importer => "Importer",
            Self::Policy => "Policy",
            Self::SignIn => "Sign-in",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_of_a_token_is_built_in() {
        for role in Role::value_variants() {
            assert!(role.built_in().is_some() && role.permissions().count() > 0, "{}", role.name());
        }
    }

    #[test]
    fn a_role_is_called_in_a_token_as_on_the_command_line() {
        for role in Role::value_variants() {
            assert_eq!(role.to_possible_value().unwrap().get_name(), role.name());
        }
    }
}
