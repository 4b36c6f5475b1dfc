//! Whether the tenant for which somebody acts takes commands at all.

use daybook_facts::{Organization, organization::Status};
use daybook_kernel::{Facts, PLATFORM, Ref, Rejection};

use crate::command::Command;

/// Refuses commands of tenants that are unknown, suspended or being closed, but for those that are possible while its data
/// can only be read. The platform's own staff may always act: somebody must be able to resume a tenant; and so may policies
/// while it is being set up.
///
/// # Errors
/// Why the tenant takes no commands.
pub fn check(command: &Command, facts: &dyn Facts) -> Result<(), Rejection> {
    if command.member_of == PLATFORM {
        return Ok(());
    }
    match facts.get(Ref::<Organization>::new(command.member_of)) {
        Some(organization) if command.cause.is_some() && organization.status == Status::Provisioning => Ok(()),
        Some(organization) => {
            let calls = command.steps.iter().flatten();
            calls.map(|call| call.kind.permission(call.command)).try_for_each(|needed| organization.takes(needed))
        }
        None => Err(Rejection::forbidden("TENANT_UNKNOWN", "there is no such organisation, or not yet")),
    }
}
