//! Request bodies: read whole, bounded, and told apart when they are not what they should be.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Frame, SizeHint};
use serde_json::Value;

use crate::error::ApiError;

/// The limit in force for a request's body, in bytes; the edge leaves it with the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub usize);

/// How much of an unwanted body is still taken from a client, and for how long, so that it comes to read its answer.
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(5);

/// The whole body of a request, for handlers that parse it themselves. Too large is 413, broken off is 400.
#[derive(Debug, Clone)]
pub struct RawBody(pub Bytes);

impl<S: Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let limit = request.extensions().get::<BodyLimit>().copied();
        match request.into_body().collect().await {
            Ok(collected) => Ok(Self(collected.to_bytes())),
            Err(error) if is_too_large(&error) => Err(ApiError::body_too_large(limit.map_or(0, |limit| limit.0))),
            Err(_) => Err(ApiError::validation("the body broke off before its end")),
        }
    }
}

/// The body of a request as JSON, checked for its content type.
#[derive(Debug, Clone)]
pub struct JsonBody(pub Value);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        json(&headers, &bytes).map(Self)
    }
}

/// Reads a body as JSON: 415 if it says to be something else, 400 with line and column if it is not JSON.
pub fn json(headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    check_content_type(headers)?;
    if body.is_empty() {
        return Err(ApiError::validation("the body is empty; it must be JSON"));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::validation(format!("the body is not valid JSON: {error}")))
}

/// Accepts `application/json` and what ends in `+json`, in UTF-8; a missing content type is taken for JSON.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let given = String::from_utf8_lossy(given.as_bytes()).to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_json =
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let is_utf8 = parts
        .filter_map(|parameter| parameter.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    if is_json && is_utf8 {
        return Ok(());
    }
    let message = format!("the body must be application/json in UTF-8, not {given}");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message))
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Bounds a body by `limit` bytes, whether or not it says its length.
pub(crate) fn bounded(body: Body, headers: &HeaderMap, limit: usize) -> Body {
    if body.is_end_stream() {
        return body;
    }
    // Who asked for leave to send is told by the answer and sends nothing.
    let linger = !headers.contains_key(EXPECT);
    Body::new(Limited::new(Lingering { body: Some(body), linger }, limit))
}

/// A body whose unread rest is still taken from the client when an answer is given early. Closing the connection on a client
/// that is still sending would reset it, and the client would never see why it was refused.
struct Lingering {
    body: Option<Body>,
    linger: bool,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| self.linger && !body.is_end_stream()) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(tokio::time::timeout(LINGER_TIME, async move {
            let mut taken = 0;
            while let Some(Ok(frame)) = body.frame().await {
                taken += frame.data_ref().map_or(0, |data| data.len() as u64);
                if taken > LINGER_BYTES {
                    break;
                }
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn a_syntax_error_is_said_with_its_place() {
        let error = json(&HeaderMap::new(), b"{\n  \"title\": oops\n}").unwrap_err();
        assert!(error.message.contains("line 2 column 12"), "{error}");
        assert_eq!(json(&HeaderMap::new(), b"").unwrap_err().status, StatusCode::BAD_REQUEST);
        assert_eq!(json(&typed("application/json; charset=UTF-8"), b"{}").unwrap(), serde_json::json!({}));
        assert!(json(&typed("application/merge-patch+json"), b"{}").is_ok());
    }

    #[test]
    fn another_content_type_is_refused() {
        for wrong in ["text/plain", "application/xml", "application/json; charset=latin1", ""] {
            assert_eq!(json(&typed(wrong), b"{}").unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{wrong}");
        }
    }
}
