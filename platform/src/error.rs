//! What HTTP says when a request is not answered as asked: one envelope for every error.
//!
//! `{"error": {"code": "VALIDATION_ERROR", "message": "…", "details": [{"field": "title", "message": "…"}], "request_id": "…"}}`

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::request;
use crate::trail::What;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path, such as `title` or `links[2].target`.
    pub field: String,
    /// One sentence saying what the field must be.
    pub message: String,
}

/// An error as HTTP says it. Its code is part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The error's code, for programs.
    pub code: Cow<'static, str>,
    /// What is wrong, in one sentence for people. Holds nothing secret and nothing of the inside of a service.
    pub message: String,
    /// What is wrong with which field.
    pub details: Vec<FieldError>,
    /// After what time the same request may succeed; said in whole seconds, at least one.
    pub retry_after: Option<Duration>,
    /// Further headers of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// An error with a code of its own.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            headers: Vec::new(),
        }
    }

    /// 400: the request's form is wrong.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// 400: one field is wrong.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::validation("the request is not valid").with_field(field, message)
    }

    /// 401: there is no token, or none that is believed. `challenge` is the value of `WWW-Authenticate`.
    pub fn unauthenticated(message: impl Into<String>, challenge: &str) -> Self {
        let error = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
        match HeaderValue::from_str(challenge) {
            Ok(value) => error.with_header(WWW_AUTHENTICATE, value),
            Err(_) => error.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        }
    }

    /// 403: the caller lacks a permission, which is named.
    pub fn forbidden(permission: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", format!("this needs the permission {permission}"))
    }

    /// 403: a header that only services of our own may send, and the client has shown no certificate of one.
    pub fn only_services(header: &str) -> Self {
        let message = format!("{header} is taken only from a service, known by its certificate");
        Self::new(StatusCode::FORBIDDEN, "SERVICE_CERTIFICATE_REQUIRED", message)
    }

    /// 404: there is no such thing, or none that the caller may know of. `what` is as in "incident 7f…".
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("there is no {what}"))
    }

    /// 409 with a code of its own: the state does not allow it.
    pub fn conflict(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 410: what the request refers to is no longer valid, such as a cursor of an older view.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "GONE", message)
    }

    /// 412: the aggregate has another version than `If-Match` says.
    pub fn stale_version(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "STALE_VERSION", message)
    }

    /// 413: the body is larger than `limit` bytes.
    pub fn body_too_large(limit: usize) -> Self {
        let message = format!("the body is larger than the limit of {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message)
    }

    /// 429: too many requests of this caller are under way.
    pub fn too_many_requests(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", message).with_retry_after(retry_after)
    }

    /// 500: a fault of ours. What it was stands in the log under the request id, not in the answer.
    pub fn internal() -> Self {
        let message = "the service failed; the operator finds the reason under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message)
    }

    /// 503: something this service needs is not there at present. Nothing was done.
    pub fn unavailable(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message).with_retry_after(retry_after)
    }

    /// 504: no answer within the time for a request. What was begun may still be done.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", message)
    }

    /// Adds what is wrong with a field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.details.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Says after what time to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The code for an error that says only its status, as the router's own do.
    pub(crate) fn code_of(status: StatusCode) -> &'static str {
        match status {
            StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
            StatusCode::FORBIDDEN => "FORBIDDEN",
            StatusCode::NOT_FOUND => "NOT_FOUND",
            StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
            StatusCode::PAYLOAD_TOO_LARGE => "BODY_TOO_LARGE",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "UNSUPPORTED_MEDIA_TYPE",
            StatusCode::TOO_MANY_REQUESTS => "TOO_MANY_REQUESTS",
            StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
            StatusCode::GATEWAY_TIMEOUT => "TIMEOUT",
            status if status.is_client_error() => "VALIDATION_ERROR",
            _ => "INTERNAL",
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    details: &'a [FieldError],
    request_id: &'a str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request = request::current();
        let envelope = Envelope {
            error: Body {
                code: &self.code,
                message: &self.message,
                details: &self.details,
                request_id: request.as_ref().map_or("", |request| &request.id),
            },
        };
        let refusal = What::of(self.status.as_u16(), &self.code, &self.message);
        let mut response = (self.status, Json(envelope)).into_response();
        if let Some(refusal) = refusal {
            response.extensions_mut().insert(refusal);
        }
        if let Some(after) = self.retry_after {
            // Rounded up: a client that comes back too early is refused again.
            let seconds = after.as_millis().div_ceil(1000).max(1) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_envelope_holds_code_message_details_and_request_id() {
        let error = ApiError::field("title", "must not be empty").with_retry_after(Duration::from_millis(1200));
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let bytes = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&bytes).unwrap(),
            serde_json::json!({ "error": {
                "code": "VALIDATION_ERROR",
                "message": "the request is not valid",
                "details": [{ "field": "title", "message": "must not be empty" }],
                "request_id": "",
            }})
        );
    }
}
