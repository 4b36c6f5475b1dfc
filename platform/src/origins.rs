//! Origins whose pages may read our answers: cross-origin resource sharing by a list, never by a wildcard.

use std::time::Duration;

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// What a page may send beside what every page may.
const SENT: [HeaderName; 6] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    IF_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("daybook-position"),
    HeaderName::from_static("x-request-id"),
];

/// What a page may read beside what every page may.
const READ: [HeaderName; 9] = [
    ETAG,
    LOCATION,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("daybook-position"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// How long a browser may remember that it may ask.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Origins in the form `https://desk.example.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Origins(Vec<String>);

/// What is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin such as https://desk.example.com")]
pub struct OriginError(String);

impl TryFrom<Vec<String>> for Origins {
    type Error = OriginError;

    fn try_from(said: Vec<String>) -> Result<Self, OriginError> {
        let is_origin = |text: &str| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
            // As browsers write it: lower case, no path, no wildcard.
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b))
        };
        match said.iter().find(|text| !is_origin(text)) {
            Some(wrong) => Err(OriginError(wrong.clone())),
            None => Ok(Self(said)),
        }
    }
}

impl From<Origins> for Vec<String> {
    fn from(origins: Origins) -> Self {
        origins.0
    }
}

impl Origins {
    /// Lets pages of these origins read what the routes answer. Cookies are no part of it: who calls is said by a token.
    pub(crate) fn around<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        if self.0.is_empty() {
            return routes;
        }
        let origins = self.0.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        routes.layer(
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(origins))
                .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
                .allow_headers(SENT)
                .expose_headers(READ)
                .max_age(REMEMBERED),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_is_one() {
        let of = |text: &str| Origins::try_from(vec![text.to_owned()]);
        for right in ["https://desk.example.com", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            assert!(of(right).is_ok(), "{right}");
        }
        for wrong in [
            "*",
            "",
            "null",
            "https://",
            "desk.example.com",
            "https://a.example/",
            "https://*.example",
            "https://A.example",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
