//! The headers that protect every answer, after OWASP's REST Security Cheat Sheet and ASVS 5.0 V3.4. What a route says itself
//! stays as it says it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const POLICY: &str =
    "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

static PROTECTION: [(HeaderName, HeaderValue); 6] = [
    // Answers hold personal data: no cache keeps them, neither a browser's nor one on the way.
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    // An answer is data: shown as a page it loads nothing, runs nothing and is in nobody's frame.
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// For two years, as the lists that browsers bring along ask (RFC 6797). Meaningless without TLS, so not said then.
static BY_TLS_ALONE: (HeaderName, HeaderValue) =
    (STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));

/// Adds what the answer does not say yet.
pub(crate) fn protect(headers: &mut HeaderMap, has_tls: bool) {
    let by_tls_alone = has_tls.then_some(&BY_TLS_ALONE);
    for (name, value) in PROTECTION.iter().chain(by_tls_alone) {
        if !headers.contains_key(name) {
            headers.insert(name, value.clone());
        }
    }
}
