//! From a request to a command: who may give it, in which book, with what body.

use std::{borrow::Cow, sync::Arc};

use daybook_kernel::{Kind, PLATFORM, Tenant, book::Call, json};
use daybook_platform::{ApiError, Caller, trace_context::current_traceparent};
use daybook_schemas::{blind, sealing::Sealer};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{command::Command, conditions::Conditions, reply::malformed, routes::ask::Ask};

/// The tenant in whose book the aggregate stands.
///
/// # Errors
/// 404 where it stands in the platform's and the caller is not of it, unless it is the caller's own organisation.
pub fn book_of(kind: &dyn Kind, id: Option<Uuid>, caller: &Caller) -> Result<Tenant, ApiError> {
    let of_platform = kind.meta().platform;
    match of_platform && !caller.is_platform() && id.is_some_and(|id| id != caller.tenant) {
        true => Err(ApiError::not_found(kind.meta().shape.name)),
        false if of_platform => Ok(PLATFORM),
        false => Ok(caller.tenant),
    }
}

/// The call with its body: permitted, parsed, sealed. What a policy has heard sealed in the books of `heard_of` is sealed anew
/// for this one.
///
/// # Errors
/// 403 naming the permission; 400 naming every field that is not as it should be.
pub fn call(
    call: Call,
    tenant: Tenant,
    body: &Json,
    heard_of: Option<Tenant>,
    caller: &Caller,
    sealer: &Sealer,
) -> Result<Call, ApiError> {
    caller.must(call.kind.permission(call.command))?;
    let shape = call.kind.commands()[call.command].body;
    let mut clear = Cow::Borrowed(body);
    if let Some(source) = heard_of {
        sealer.open_json(source, clear.to_mut()).map_err(|error| ApiError::validation(error.to_string()))?;
    }
    let mut body = json::parse(shape, &clear).map_err(malformed)?;
    blind::fill(sealer, tenant, shape, &mut body);
    sealer.seal(tenant, call.id, shape, &mut body).map_err(|error| ApiError::validation(error.to_string()))?;
    Ok(Call { body, ..call })
}

/// The command of a request with these steps.
///
/// # Errors
/// 400 or 403 about a header.
pub fn command(ask: &Ask, tenant: Tenant, steps: Vec<Vec<Call>>, sealer: &Sealer) -> Result<Command, ApiError> {
    let caller = &ask.caller;
    let conditions = Conditions::read(&ask.headers, caller)?;
    let id = match &ask.cause {
        Some(cause) => cause.command_id().into(),
        None => conditions.key.into(),
    };
    let expected = conditions.expected.map(u64::to_be_bytes);
    let fingerprint = sealer.fingerprint(&[
        ask.line.as_bytes(),
        caller.tenant.as_bytes(),
        caller.user.as_bytes(),
        expected.as_ref().map_or(&[], |bytes| bytes.as_slice()),
        &ask.body,
    ]);
    Ok(Command {
        tenant,
        steps: steps.into(),
        id,
        fingerprint,
        actor: ask.actor.clone(),
        member_of: ask.member_of,
        token: caller.permissions.clone(),
        occurred_at: conditions.occurred_at,
        expected: conditions.expected,
        cause: ask.cause.clone().map(Arc::new),
        seed: Uuid::now_v7(),
        correlation: ask.context.id.clone(),
        traceparent: current_traceparent().or_else(|| ask.context.traceparent.as_deref().map(str::to_owned)),
        size: ask.body.len(),
    })
}
