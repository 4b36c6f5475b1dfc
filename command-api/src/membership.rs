//! Whether the tenant for which somebody acts takes commands at all.

use daybook_facts::Organization;
use daybook_kernel::{Facts, PLATFORM, Ref, Rejection};

use crate::command::Command;

/// Refuses commands of tenants that are unknown, suspended or being closed. The platform's own staff may always act:
/// somebody must be able to resume a tenant.
///
/// # Errors
/// Why the tenant takes no commands.
pub fn check(command: &Command, facts: &dyn Facts) -> Result<(), Rejection> {
    if command.member_of == PLATFORM {
        return Ok(());
    }
    match facts.get(Ref::<Organization>::new(command.member_of)) {
        Some(organization) => organization.takes_commands(),
        None => Err(Rejection::forbidden("TENANT_UNKNOWN", "there is no such organisation, or not yet")),
    }
}
