//! The request being answered: its id, its deadline and the trace it came with.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use tokio::time::Instant;
use uuid::Uuid;

/// The header by which a request is named, by its client or by us, and which every answer carries.
pub const REQUEST_ID: &str = "x-request-id";

/// What the edge knows of the request being answered. Handlers take it as an argument.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The client's `X-Request-Id`, else `req_` and a UUIDv7.
    pub id: Arc<str>,
    /// Where it comes from: the other end of the connection, or whom a trusted proxy says it speaks for.
    pub address: Option<IpAddr>,
    /// Who sent it, once that is known.
    pub caller: Arc<OnceLock<Known>>,
    /// When the edge gives up and answers 504. A handler that has more to say then (a command id, say) answers a little before.
    pub deadline: Instant,
    /// The valid `traceparent` the client sent.
    pub traceparent: Option<Arc<str>>,
}

/// Who sent a request, by ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The tenant in which the caller acts.
    pub tenant: Uuid,
    /// The user.
    pub user: Uuid,
}

/// Says who sent the request that the current task answers.
pub(crate) fn known(tenant: Uuid, user: Uuid) {
    let _ = CURRENT.try_with(|request| request.caller.set(Known { tenant, user }));
}

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// The request that the current task answers, if it answers one.
pub fn current() -> Option<RequestContext> {
    CURRENT.try_with(RequestContext::clone).ok()
}

/// Runs the answering of a request, during which [`current`] knows it.
pub(crate) async fn during<T>(request: RequestContext, answering: impl Future<Output = T>) -> T {
    CURRENT.scope(request, answering).await
}

/// The id for a request: the client's own if it is sane (1 to 128 characters of `A-Za-z0-9._:/-`), for it goes into logs and
/// headers as it is.
pub(crate) fn id_for(headers: &HeaderMap) -> Arc<str> {
    let sane = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'-'))
    };
    match headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane) {
        Some(id) => id.into(),
        None => format!("req_{}", Uuid::now_v7().simple()).into(),
    }
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(current().unwrap_or_else(|| RequestContext {
            // A router without the edge around it, as in a unit test of a handler.
            id: id_for(&HeaderMap::new()),
            address: None,
            caller: Arc::default(),
            deadline: Instant::now() + std::time::Duration::from_secs(10),
            traceparent: None,
        }))
    }
}
