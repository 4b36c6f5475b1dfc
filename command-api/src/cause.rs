//! The headers of a policy's command: the entry it answers, and the tenant in whose name it acts.
//!
//! `Daybook-Cause: policy=leaver;source=identity/<tenant>#4711;step=0;depth=1` names the policy, the context, tenant and
//! number of the entry in its book, the place of this command in the answer to it, and how many policies stand between it
//! and a person's. `Daybook-Tenant: <tenant>` comes with it. Both are only for who may act as a policy.

use axum::http::{HeaderMap, HeaderName};
use daybook_kernel::Tenant;
use daybook_platform::{ApiError, Caller};
use daybook_schemas::envelope::Causation;
use uuid::Uuid;

/// The entry that a command answers.
pub const CAUSE: HeaderName = HeaderName::from_static("daybook-cause");

/// The tenant in whose name a policy acts.
pub const TENANT: HeaderName = HeaderName::from_static("daybook-tenant");

/// The permission that both need, beside being of the platform.
pub const ACT: &str = "policy:act";

/// The caller as which the request acts, and the entry it answers: a policy acts in the tenant it names. The request of
/// anybody else stays as it is.
///
/// # Errors
/// 403 where the caller may not act as a policy; 400 naming the header that is not as it should be.
pub fn acting(headers: &HeaderMap, caller: Caller) -> Result<(Caller, Option<Causation>), ApiError> {
    let (cause, tenant) = match (text(headers, &CAUSE)?, text(headers, &TENANT)?) {
        (None, None) => return Ok((caller, None)),
        _ if !caller.is_platform() || !caller.may(ACT) => return Err(ApiError::forbidden(ACT)),
        (Some(_), None) => return Err(ApiError::field("Daybook-Tenant", "is required beside Daybook-Cause")),
        (None, Some(_)) => return Err(ApiError::field("Daybook-Cause", "is required beside Daybook-Tenant")),
        (Some(cause), Some(tenant)) => (cause, tenant),
    };
    let Some(tenant) = tenant_of(tenant) else {
        return Err(ApiError::field("Daybook-Tenant", "must be the id of an organisation, or platform"));
    };
    let Some(causation) = parse(cause) else {
        let form = "must be policy=<name>;source=<context>/<tenant>#<number>;step=<number>;depth=<number>";
        return Err(ApiError::field("Daybook-Cause", form));
    };
    Ok((Caller { tenant, ..caller }, Some(causation)))
}

/// The id of a policy's command: the same whoever gives it and however often, so that sending it again is harmless.
pub fn command_id(causation: &Causation) -> String {
    let Causation { policy, context, tenant, book_number, step, .. } = causation;
    format!("{policy}/{context}/{tenant}#{book_number}/{step}")
}

fn parse(header: &str) -> Option<Causation> {
    let mut parts = header.split(';').map(str::trim);
    let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let (policy, source) = (part("policy")?, part("source")?);
    let (step, depth) = (part("step")?.parse().ok()?, part("depth")?.parse().ok()?);
    let (book, number) = source.split_once('#')?;
    let (context, tenant) = book.split_once('/')?;
    let causation = Causation {
        policy: policy.to_owned(),
        context: daybook_contents::context(context)?.name.to_owned(),
        tenant: tenant_of(tenant)?,
        // No context declares a finer book yet.
        book: None,
        book_number: number.parse().ok()?,
        step,
        depth,
    };
    let named = (1..=40).contains(&policy.len()) && policy.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let whole = named && parts.next().is_none() && causation.book_number > 0 && causation.depth > 0;
    whole.then_some(causation)
}

fn tenant_of(text: &str) -> Option<Tenant> {
    match text {
        "platform" => Some(daybook_kernel::PLATFORM),
        id => id.parse::<Uuid>().ok().filter(|id| !id.is_nil()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut given = headers.get_all(name).iter();
    match (given.next().map(|value| value.to_str()), given.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text.trim())),
        _ => Err(ApiError::field(name.as_str(), "must be ASCII text, and given once")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{http::StatusCode, response::IntoResponse};

    use super::*;

    const ORGANISATION: &str = "018f0000-0000-7000-8000-00000000007e";
    const LEFT: &str = "policy=leaver;source=identity/018f0000-0000-7000-8000-00000000007e#4711;step=1;depth=2";

    fn caller(tenant: Uuid, permissions: &[&str]) -> Caller {
        let permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect();
        Caller { tenant, permissions: Arc::new(permissions), ..Caller::default() }
    }

    fn headers(given: &[(HeaderName, &str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn status(refused: Result<(Caller, Option<Causation>), ApiError>) -> StatusCode {
        refused.map(|_| ()).unwrap_err().into_response().status()
    }

    #[test]
    fn a_policy_acts_in_the_tenant_it_names() {
        let given = headers(&[(CAUSE, LEFT), (TENANT, ORGANISATION)]);
        let (acting, causation) = acting(&given, caller(Uuid::nil(), &[ACT])).unwrap();
        let causation = causation.unwrap();
        assert_eq!(acting.tenant.to_string(), ORGANISATION);
        assert_eq!((causation.book_number, causation.step, causation.depth), (4711, 1, 2));
        assert_eq!(command_id(&causation), format!("leaver/identity/{ORGANISATION}#4711/1"));
    }

    #[test]
    fn nobody_else_does() {
        let given = headers(&[(CAUSE, LEFT), (TENANT, ORGANISATION)]);
        let other = Uuid::from_u128(0x7f);
        assert_eq!(status(acting(&given, caller(other, &["*"]))), StatusCode::FORBIDDEN, "of a tenant");
        assert_eq!(status(acting(&given, caller(Uuid::nil(), &["incident:*"]))), StatusCode::FORBIDDEN);
        let tenant = headers(&[(TENANT, ORGANISATION)]);
        assert_eq!(status(acting(&tenant, caller(other, &["*"]))), StatusCode::FORBIDDEN);
        let (same, causation) = acting(&HeaderMap::new(), caller(other, &[])).unwrap();
        assert_eq!((same.tenant, causation), (other, None));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let service = || caller(Uuid::nil(), &[ACT]);
        assert_eq!(status(acting(&headers(&[(CAUSE, LEFT)]), service())), StatusCode::BAD_REQUEST);
        assert_eq!(status(acting(&headers(&[(TENANT, ORGANISATION)]), service())), StatusCode::BAD_REQUEST);
        for wrong in ["identity", "leaver", "#4711", "step=1", ";depth=2"] {
            let cause = LEFT.replacen(wrong, "", 1);
            let given = headers(&[(CAUSE, &cause), (TENANT, ORGANISATION)]);
            assert_eq!(status(acting(&given, service())), StatusCode::BAD_REQUEST, "{cause}");
        }
        let given = headers(&[(CAUSE, LEFT), (TENANT, "acme")]);
        assert_eq!(status(acting(&given, service())), StatusCode::BAD_REQUEST);
    }
}
