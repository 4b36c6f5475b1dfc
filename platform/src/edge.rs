//! The edge: what every HTTP request passes, whatever it asks for.
//!
//! One middleware names the request, bounds its body and its time, follows its trace, catches a panic, puts every error in
//! the one envelope, counts it and logs it. It is one layer rather than ten because it runs thousands of times a second.

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
use crate::request::{self, REQUEST_ID, RequestContext};
use crate::sections::Http;
use crate::{telemetry, trace_context};

/// The route under which requests are counted that match none.
const NO_ROUTE: &str = "none";

#[derive(Debug, Clone, Copy)]
struct Edge {
    body_limit: usize,
    timeout: Duration,
    access_log: bool,
}

/// Puts the edge around a service's routes, and answers what matches none of them. Call it last: routes added later are
/// outside.
pub fn guard<S: Clone + Send + Sync + 'static>(routes: Router<S>, settings: &Http) -> Router<S> {
    let edge = Edge {
        body_limit: settings.body_limit,
        timeout: Duration::from_millis(settings.timeout_ms),
        access_log: settings.access_log,
    };
    routes
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::new(edge), pass))
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
    let context = RequestContext {
        id: request::id_for(request.headers()),
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
    let id = HeaderValue::from_str(&context.id);

    let span = passage.span.clone();
    let mut response = request::during(context, answer(&edge, request, next)).instrument(span).await;
    if let Ok(id) = id {
        response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), id);
    }
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
