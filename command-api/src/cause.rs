//! The headers of a service that acts in a tenant: the tenant, and where it is a policy the entry that its command answers.
//!
//! `Daybook-Cause: policy=leaver;source=identity/<tenant>#4711;step=0;depth=1` names the policy, the context, tenant and
//! number of the entry in its book, the place of this command in the answer to it, and how many policies stand between it
//! and a person's. `;retry=1` behind it says that the command was rejected, and somebody asks for it once more.
//! `Daybook-Tenant: <tenant>` comes with it. Both are only for who may act as a policy. Alone, `Daybook-Tenant` is for sign-in,
//! whose commands answer a person and no entry.

use axum::http::{HeaderMap, HeaderName};
use daybook_kernel::{Actor, Tenant};
use daybook_platform::{ApiError, Caller};
use daybook_schemas::envelope::{Causation, Entry};
use uuid::Uuid;

/// The entry that a command answers.
pub const CAUSE: HeaderName = HeaderName::from_static("daybook-cause");

/// The tenant in which a service of the platform acts.
pub const TENANT: HeaderName = HeaderName::from_static("daybook-tenant");

/// The permission that both need, beside being of the platform.
pub const ACT: &str = "policy:act";

/// The permission to name the tenant alone, beside being of the platform.
pub const SIGN_IN: &str = "sign_in:act";

/// Why a policy gives a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The entry that it answers, and the command's place in the answer.
    pub causation: Causation,
    /// Whether the command was rejected before, and somebody asks for it once more.
    pub is_retry: bool,
}

impl Cause {
    /// The cause of an entry; none where no policy gave its command. That it was a retry stands in the command's id: the
    /// form of an envelope is final.
    pub fn of(entry: &Entry) -> Option<Self> {
        let retry = Self { causation: entry.causation.clone()?, is_retry: true };
        let is_retry = entry.command_id == retry.command_id();
        Some(Self { is_retry, ..retry })
    }

    /// The id of the command: the same whoever gives it and however often, so that sending it again is harmless.
    pub fn command_id(&self) -> String {
        let Causation { policy, context, tenant, book_number, step, .. } = &self.causation;
        let retry = if self.is_retry { "/retry" } else { "" };
        format!("{policy}/{context}/{tenant}#{book_number}/{step}{retry}")
    }
}

/// As whom a request acts.
#[derive(Debug, Clone)]
pub struct Acting {
    /// The caller, in the tenant whose books are meant.
    pub caller: Caller,
    /// Who gives the command, as its entry says.
    pub actor: Actor,
    /// The tenant the actor is of: suspended, it gives no commands. Who signs people in is the platform's own.
    pub member_of: Tenant,
    /// The entry that a policy answers.
    pub cause: Option<Cause>,
}

/// As whom the request acts: a service of the platform in the tenant it names. The request of anybody else stays as it is.
///
/// # Errors
/// 403 where the caller may not act as a policy, or as sign-in; 400 naming the header that is not as it should be.
pub fn acting(headers: &HeaderMap, caller: Caller) -> Result<Acting, ApiError> {
    let may = |permission: &str| caller.is_platform() && caller.may(permission);
    let (cause, tenant) = match (text(headers, &CAUSE)?, text(headers, &TENANT)?) {
        (None, None) => {
            let (actor, member_of) = (Actor::User(caller.user), caller.tenant);
            return Ok(Acting { caller, actor, member_of, cause: None });
        }
        (None, Some(tenant)) if may(SIGN_IN) => {
            let member_of = caller.tenant;
            let caller = Caller { tenant: named(tenant)?, ..caller };
            return Ok(Acting { caller, actor: Actor::Service("sign-in".into()), member_of, cause: None });
        }
        _ if !may(ACT) => return Err(ApiError::forbidden(ACT)),
        (Some(_), None) => return Err(ApiError::field("Daybook-Tenant", "is required beside Daybook-Cause")),
        (None, Some(_)) => return Err(ApiError::field("Daybook-Cause", "is required beside Daybook-Tenant")),
        (Some(cause), Some(tenant)) => (cause, tenant),
    };
    let tenant = named(tenant)?;
    let Some(cause) = parse(cause) else {
        let form = "must be policy=<name>;source=<context>/<tenant>#<number>;step=<number>;depth=<number>, \
                    and ;retry=1 for a retry";
        return Err(ApiError::field("Daybook-Cause", form));
    };
    let actor = Actor::Service(format!("policy/{}", cause.causation.policy).into());
    Ok(Acting { caller: Caller { tenant, ..caller }, actor, member_of: tenant, cause: Some(cause) })
}

fn named(tenant: &str) -> Result<Tenant, ApiError> {
    let message = "must be the id of an organisation, or platform";
    tenant_of(tenant).ok_or_else(|| ApiError::field("Daybook-Tenant", message))
}

fn parse(header: &str) -> Option<Cause> {
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
    let is_retry = match parts.next() {
        None => false,
        Some("retry=1") => true,
        Some(_) => return None,
    };
    let whole = named && parts.next().is_none() && causation.book_number > 0 && causation.depth > 0;
    whole.then_some(Cause { causation, is_retry })
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

    fn status(refused: Result<Acting, ApiError>) -> StatusCode {
        refused.map(|_| ()).unwrap_err().into_response().status()
    }

    #[test]
    fn a_policy_acts_in_the_tenant_it_names() {
        let given = headers(&[(CAUSE, LEFT), (TENANT, ORGANISATION)]);
        let acting = acting(&given, caller(Uuid::nil(), &[ACT])).unwrap();
        let cause = acting.cause.unwrap();
        assert_eq!(acting.caller.tenant.to_string(), ORGANISATION);
        assert_eq!(acting.member_of.to_string(), ORGANISATION);
        assert_eq!(acting.actor.to_string(), "service/policy/leaver");
        assert_eq!((cause.causation.book_number, cause.causation.step, cause.causation.depth), (4711, 1, 2));
        assert!(!cause.is_retry);
        assert_eq!(cause.command_id(), format!("leaver/identity/{ORGANISATION}#4711/1"));
    }

    #[test]
    fn a_retry_says_so_and_has_an_id_of_its_own() {
        let given = headers(&[(CAUSE, &format!("{LEFT};retry=1")), (TENANT, ORGANISATION)]);
        let cause = acting(&given, caller(Uuid::nil(), &[ACT])).unwrap().cause.unwrap();
        assert!(cause.is_retry);
        assert_eq!(cause.command_id(), format!("leaver/identity/{ORGANISATION}#4711/1/retry"));
    }

    #[test]
    fn the_entry_of_a_retry_is_told_from_that_of_a_step() {
        for is_retry in [false, true] {
            let cause = Cause { causation: parse(LEFT).unwrap().causation, is_retry };
            let (command_id, causation) = (cause.command_id(), Some(cause.causation.clone()));
            let entry = Entry { command_id, causation, ..Entry::barrier(daybook_kernel::Time(0)) };
            assert_eq!(Cause::of(&entry), Some(cause));
            assert_eq!(Cause::of(&Entry { causation: None, ..entry }), None, "a client may use any id");
        }
    }

    #[test]
    fn nobody_else_does() {
        let given = headers(&[(CAUSE, LEFT), (TENANT, ORGANISATION)]);
        let other = Uuid::from_u128(0x7f);
        assert_eq!(status(acting(&given, caller(other, &["*"]))), StatusCode::FORBIDDEN, "of a tenant");
        assert_eq!(status(acting(&given, caller(Uuid::nil(), &["incident:*"]))), StatusCode::FORBIDDEN);
        let tenant = headers(&[(TENANT, ORGANISATION)]);
        assert_eq!(status(acting(&tenant, caller(other, &["*"]))), StatusCode::FORBIDDEN);
        let same = acting(&HeaderMap::new(), caller(other, &[])).unwrap();
        assert_eq!((same.caller.tenant, same.cause), (other, None));
        assert!(matches!(same.actor, Actor::User(_)));
    }

    #[test]
    fn sign_in_names_the_tenant_alone() {
        let tenant = headers(&[(TENANT, ORGANISATION)]);
        let door = acting(&tenant, caller(Uuid::nil(), &[SIGN_IN])).unwrap();
        assert_eq!((door.caller.tenant.to_string().as_str(), door.member_of), (ORGANISATION, Uuid::nil()));
        assert_eq!((door.actor.to_string().as_str(), door.cause), ("service/sign-in", None));
        let platform = acting(&headers(&[(TENANT, "platform")]), caller(Uuid::nil(), &[SIGN_IN])).unwrap();
        assert!(platform.caller.is_platform());
        let other = Uuid::from_u128(0x7f);
        assert_eq!(status(acting(&tenant, caller(other, &[SIGN_IN]))), StatusCode::FORBIDDEN, "of a tenant");
        let both = headers(&[(CAUSE, LEFT), (TENANT, ORGANISATION)]);
        assert_eq!(status(acting(&both, caller(Uuid::nil(), &[SIGN_IN]))), StatusCode::FORBIDDEN, "no policy");
        let wrong = headers(&[(TENANT, "acme")]);
        assert_eq!(status(acting(&wrong, caller(Uuid::nil(), &[SIGN_IN]))), StatusCode::BAD_REQUEST);
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
        for wrong in [";retry=2", ";retry", ";again=1", ";retry=1;retry=1"] {
            let given = headers(&[(CAUSE, &format!("{LEFT}{wrong}")), (TENANT, ORGANISATION)]);
            assert_eq!(status(acting(&given, service())), StatusCode::BAD_REQUEST, "{wrong}");
        }
        let given = headers(&[(CAUSE, LEFT), (TENANT, "acme")]);
        assert_eq!(status(acting(&given, service())), StatusCode::BAD_REQUEST);
    }
}
