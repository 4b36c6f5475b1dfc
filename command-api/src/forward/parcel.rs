//! A request on its way to another instance: what of it is meant for the owner, and not for the connection it came by.

use axum::{
    body::Bytes,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri,
        header::{
            CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
            TRANSFER_ENCODING, UPGRADE,
        },
    },
};
use daybook_platform::request::REQUEST_ID;

use crate::conditions::IDEMPOTENCY_KEY;

/// Headers of one connection only (RFC 9110, 7.6.1), and those that the client writes anew.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    CONTENT_LENGTH,
    EXPECT,
];

/// A request as it is forwarded, as often as needed.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Parcel {
    /// The request of a caller, with the key under which it may be repeated and the id by which it is found in logs.
    pub fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes, key: &str, request: &str) -> Self {
        let mut headers = end_to_end(headers);
        headers.remove(HOST);
        for (name, value) in [(IDEMPOTENCY_KEY, key), (HeaderName::from_static(REQUEST_ID), request)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Self { method: method.clone(), target, headers, body: body.clone() }
    }
}

/// The headers that are meant for who answers, not for the connection.
pub(super) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for named in headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()) {
        for name in named.split(',') {
            kept.remove(name.trim());
        }
    }
    HOP_BY_HOP.iter().for_each(|name| drop(kept.remove(name)));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_holds_what_is_meant_for_the_owner() {
        let given = [
            ("host", "public.example"),
            ("authorization", "Bearer x"),
            ("if-match", "\"3\""),
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "2"),
        ];
        let headers = given.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let uri: Uri = "/api/v1/incidents?x=1".parse().unwrap();
        let parcel = Parcel::new(&Method::POST, &uri, &headers, &Bytes::from_static(b"{}"), "key-1", "req-1");
        let mut names: Vec<_> = parcel.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "idempotency-key", "if-match", "x-request-id"]);
        assert_eq!(parcel.target, "/api/v1/incidents?x=1");
        assert_eq!(parcel.headers[IDEMPOTENCY_KEY], "key-1");
    }
}
