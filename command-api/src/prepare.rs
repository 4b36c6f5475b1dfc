//! From a request to a command: who may give it, in which book, with what body.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Duration};

use daybook_kernel::{Kind, PLATFORM, Tenant, book::Call, json};
use daybook_platform::{ApiError, Caller, trace_context::current_traceparent};
use daybook_schemas::{
    blind,
    sealing::{SealingError, is_in_clear, keys_in},
};
use daybook_vault::{Vault, VaultError};
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

/// How long a caller is asked to wait where there is no key to seal with.
const KEYLESS: Duration = Duration::from_secs(2);

/// The call with its body: permitted, parsed, sealed. What a policy has heard sealed in the books of `heard_of` is sealed anew
/// for this one.
///
/// # Errors
/// 403 naming the permission; 400 naming every field that is not as it should be; 503 where there is no key to seal with.
pub async fn call(
    call: Call,
    tenant: Tenant,
    body: &Json,
    heard_of: Option<Tenant>,
    caller: &Caller,
    vault: &Vault,
) -> Result<Call, ApiError> {
    caller.must(call.kind.permission(call.command))?;
    let shape = call.kind.commands()[call.command].body;
    let mut clear = Cow::Borrowed(body);
    if let Some(source) = heard_of {
        let mut keys = BTreeSet::new();
        keys_in(&clear, &mut keys);
        let ring = vault.ring(keys.into_iter().map(|key| (source, key))).await.map_err(keyless)?;
        ring.open_json(source, clear.to_mut()).map_err(|error| ApiError::validation(error.to_string()))?;
    }
    let mut body = json::parse(shape, &clear).map_err(malformed)?;
    blind::fill(vault.sealer(), tenant, shape, &mut body);
    let unfit = |error: SealingError| ApiError::validation(error.to_string());
    if is_in_clear(shape, &mut body).map_err(unfit)? {
        let key = vault.key_to_seal(tenant, call.id).await.map_err(keyless)?;
        key.seal(shape, &mut body).map_err(unfit)?;
    }
    Ok(Call { body, ..call })
}

/// Without a key nothing is sealed, so nothing is decided. The caller does not learn why there is none.
fn keyless(error: VaultError) -> ApiError {
    tracing::error!(%error, "personal data cannot be sealed; see docs/runbooks/keys.md");
    ApiError::unavailable("the keys of personal data are not there at present", KEYLESS)
}

/// The command of a request with these steps.
///
/// # Errors
/// 400 or 403 about a header.
pub fn command(ask: &Ask, tenant: Tenant, steps: Vec<Vec<Call>>, vault: &Vault) -> Result<Command, ApiError> {
    let caller = &ask.caller;
    let conditions = Conditions::read(&ask.headers, caller)?;
    let id = match &ask.cause {
        Some(cause) => cause.command_id().into(),
        None => conditions.key.into(),
    };
    let expected = conditions.expected.map(u64::to_be_bytes);
    let fingerprint = vault.sealer().fingerprint(&[
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
        second_factor: caller.second_factor,
        occurred_at: conditions.occurred_at,
        expected: conditions.expected,
        cause: ask.cause.clone().map(Arc::new),
        seed: Uuid::now_v7(),
        correlation: ask.context.id.clone(),
        traceparent: current_traceparent().or_else(|| ask.context.traceparent.as_deref().map(str::to_owned)),
        size: ask.body.len(),
    })
}
