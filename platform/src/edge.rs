//! The edge: what every HTTP request passes, whatever it asks for.
//!
//! One middleware names the request, bounds its body and its time, follows its trace, catches a panic, puts every error in
//! the one envelope, protects every answer by headers, counts it and logs it. It is one layer rather than ten because it runs thousands of times a second.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::body::{self, BodyLimit};
use crate::error::ApiError;
use crate::limits::Limits;
use crate::network::{Networks, Peer};
use crate::request::{self, Known, REQUEST_ID, RequestContext};
use crate::sections::Http;
use crate::trail::{self, Record, What};
use crate::{headers, telemetry, trace_context};

/// The route under which requests are counted that match none.
const NO_ROUTE: &str = "none";

/// What only our own services may say: that they forward a request, that a policy asks, and in which tenant it acts.
static OF_SERVICES: [HeaderName; 3] = [
    HeaderName::from_static("daybook-forward"),
    HeaderName::from_static("daybook-cause"),
    HeaderName::from_static("daybook-tenant"),
];

struct Edge {
    body_limit: usize,
    timeout: Duration,
    access_log: bool,
    trusted_proxies: Networks,
    limits: Option<Arc<Limits>>,
    /// Whether clients may be told to come by TLS alone.
    has_tls: bool,
    /// Whether our own services are known by their certificates.
    knows_services: bool,
}

/// Puts the edge around a service's routes, and answers what matches none of them. Call it last: routes added later are
/// outside. Whoever calls is let through as often as they like; see [`limited`].
pub fn guard<S: Clone + Send + Sync + 'static>(routes: Router<S>, settings: &Http) -> Router<S> {
    around(routes, settings, None)
}

/// Puts the edge around a service's routes, as [`guard`] does, and counts requests for who sends them.
pub fn limited<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    settings: &Http,
    limits: &Arc<Limits>,
) -> Router<S> {
    around(routes, settings, Some(limits.clone()))
}

fn around<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    settings: &Http,
    limits: Option<Arc<Limits>>,
) -> Router<S> {
    let edge = Edge {
        body_limit: settings.body_limit,
        timeout: Duration::from_millis(settings.timeout_ms),
        access_log: settings.access_log,
        trusted_proxies: settings.trusted_proxies.clone(),
        limits,
        has_tls: settings.certificate_file.is_some(),
        knows_services: settings.client_ca_file.is_some(),
    };
    let routes = routes
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::new(edge), pass));
    settings.allowed_origins.around(routes)
}

async fn no_such_route(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("there is no route {method} {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}; the Allow header says what it takes", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
}

async fn pass(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let parent = trace_context::extract(request.headers());
    let peer = request.extensions().get::<Peer>().copied();
    let address = peer.map(|peer| edge.trusted_proxies.client(peer.address.ip(), request.headers()));
    let context = RequestContext {
        id: request::id_for(request.headers()),
        address,
        caller: Arc::default(),
        deadline: started + edge.timeout,
        traceparent: parent.as_ref().map(|parent| trace_context::format(parent).into()),
    };
    let mut passage = Passage {
        started,
        access_log: edge.access_log,
        method: request.method().clone(),
        route,
        path: request.uri().path().to_owned(),
        status: None,
        span: Span::none(),
    };
    passage.span = trace_context::request_span(&context.id, passage.method.as_str(), passage.route(), parent);
    let (id, caller) = (context.id.clone(), context.caller.clone());

    let span = passage.span.clone();
    let admission = edge.limits.as_ref().and_then(|limits| limits.admission(peer, address));
    let answering = async {
        match &admission {
            Some(admission) => admission.during(answer(&edge, request, next)).await,
            None => answer(&edge, request, next).await,
        }
    };
    let mut response = request::during(context, answering).instrument(span).await;
    let known = caller.get();
    let what = response.extensions_mut().remove::<What>().or_else(|| passage.permitted(response.status(), known));
    if let Some(what) = what {
        trail::keep(&Record {
            what,
            tenant: known.map(|known| known.tenant),
            actor: known.map(|known| known.user),
            method: passage.method(),
            route: passage.route().to_owned(),
            status: response.status().as_u16(),
            request: id.to_string(),
        });
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), id);
    }
    if let Some(admission) = admission {
        admission.tell(response.headers_mut());
    }
    headers::protect(response.headers_mut(), edge.has_tls);
    passage.status = Some(response.status());
    response
}

/// Has the request answered, within its limits, and every error in the envelope.
async fn answer(edge: &Edge, mut request: Request, next: Next) -> Response {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_large = declared.is_some_and(|length| length > edge.body_limit as u64);

    let body = std::mem::replace(request.body_mut(), Body::empty());
    *request.body_mut() = body::bounded(body, request.headers(), edge.body_limit);
    request.extensions_mut().insert(BodyLimit(edge.body_limit));
    if edge.knows_services && !request.extensions().get::<Peer>().is_some_and(|peer| peer.is_service) {
        let of_services = OF_SERVICES.iter().find(|name| request.headers().contains_key(*name));
        if let Some(name) = of_services {
            return ApiError::only_services(name.as_str()).into_response();
        }
    }
    if too_large {
        return ApiError::body_too_large(edge.body_limit).into_response();
    }

    let answering = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(edge.timeout, answering).await {
        Ok(Ok(response)) if is_bare_error(&response) => in_the_envelope(edge, response).await,
        Ok(Ok(response)) => response,
        // The panic hook has logged the reason and the place, under this request's id.
        Ok(Err(_panic)) => ApiError::internal().into_response(),
        Err(_) => {
            let message = format!("no answer within {} ms; what was begun may still be done", edge.timeout.as_millis());
            ApiError::timeout(message).into_response()
        }
    }
}

/// An error in plain text or with no body, as the router and its extractors make them.
fn is_bare_error(response: &Response) -> bool {
    (response.status().is_client_error() || response.status().is_server_error())
        && response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

async fn in_the_envelope(edge: &Edge, response: Response) -> Response {
    let status = response.status();
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
    let mut error = match (status, String::from_utf8_lossy(&text).into_owned()) {
        (StatusCode::PAYLOAD_TOO_LARGE, _) => ApiError::body_too_large(edge.body_limit),
        // A server's own words might tell of its inside.
        (status, _) if status.is_server_error() => ApiError { status, ..ApiError::internal() },
        (status, text) if text.is_empty() => ApiError::new(
            status,
            ApiError::code_of(status),
            status.canonical_reason().unwrap_or("error").to_lowercase(),
        ),
        (status, text) => ApiError::new(status, ApiError::code_of(status), text),
    };
    error.code = ApiError::code_of(status).into();
    let mut enveloped = error.into_response();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            enveloped.headers_mut().append(name, value.clone());
        }
    }
    enveloped
}

/// One request's passage, counted and logged at its end, also when its client goes away before.
struct Passage {
    started: Instant,
    access_log: bool,
    method: Method,
    route: Option<MatchedPath>,
    path: String,
    status: Option<StatusCode>,
    span: Span,
}

impl Passage {
    /// That somebody who is known was given what they asked for, where that leaves a record.
    fn permitted(&self, status: StatusCode, known: Option<&Known>) -> Option<What> {
        let is_given = known.is_some() && (status.is_success() || status == StatusCode::NOT_MODIFIED);
        // A path that was answered is one of ours: names of routes, and ids.
        (is_given && trail::keeps_permitted(self.method.is_safe())).then(|| What::Permitted(self.path.clone()))
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str)
    }

    /// A standard method's name; the number of others is not bounded, so they are counted as one.
    fn method(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        // 499 is what proxies write for a client that did not wait.
        let status = self.status.map_or(499, |status| status.as_u16());
        let took = self.started.elapsed();
        let (method, route) = (self.method(), self.route().to_owned());
        ::metrics::histogram!("http_request_duration_seconds", "method" => method, "route" => route.clone())
            .record(took.as_secs_f64());
        ::metrics::counter!("http_requests_total", "method" => method, "route" => route, "status" => status.to_string())
            .increment(1);
        if telemetry::is_exporting() {
            self.span.record("http.response.status_code", status);
            if status >= 500 {
                self.span.record("otel.status_code", "ERROR");
            }
        }
        let (path, ms) = (&self.path, took.as_micros() as f64 / 1000.0);
        let _in_span = self.span.enter();
        let is_probe = path.starts_with("/health/") || path == "/metrics";
        if status >= 500 && !is_probe {
            tracing::warn!(method, path, status, ms, "answered");
        } else if self.access_log && !is_probe {
            tracing::info!(method, path, status, ms, "answered");
        }
    }
}
