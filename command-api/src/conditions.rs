//! What the headers of a command say: its key, the version it expects, when it happened.

use axum::http::{HeaderMap, HeaderName, header::IF_MATCH};
use daybook_kernel::Time;
use daybook_platform::{ApiError, Caller};
use uuid::Uuid;

/// The client's key of a command (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// When it happened in the business, for imports.
pub const OCCURRED_AT: HeaderName = HeaderName::from_static("daybook-occurred-at");

/// The permission that [`OCCURRED_AT`] needs.
const IMPORT: &str = "import:occurred_at";

/// The conditions of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// The client's key, or a fresh one.
    pub key: Box<str>,
    /// The version the aggregate must have.
    pub expected: Option<u64>,
    /// When it happened, where that differs from now.
    pub occurred_at: Option<Time>,
}

impl Conditions {
    /// Reads them.
    ///
    /// # Errors
    /// 400 naming the header that is not as it should be; 403 where the caller may not say when it happened.
    pub fn read(headers: &HeaderMap, caller: &Caller) -> Result<Self, ApiError> {
        let key = match text(headers, &IDEMPOTENCY_KEY)? {
            None => Uuid::now_v7().to_string().into(),
            Some(key) if (1..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => key.into(),
            Some(_) => {
                return Err(ApiError::field(
                    "Idempotency-Key",
                    "must be 1 to 128 visible ASCII characters without spaces",
                ));
            }
        };
        let expected = match text(headers, &IF_MATCH)? {
            None | Some("*") => None,
            Some(tag) => {
                let version =
                    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
                match version {
                    Some(version) => Some(version),
                    None => return Err(ApiError::field("If-Match", "must be the version in quotes, such as \"3\"")),
                }
            }
        };
        let occurred_at = match text(headers, &OCCURRED_AT)? {
            None => None,
            Some(_) if !caller.may(IMPORT) => return Err(ApiError::forbidden(IMPORT)),
            Some(time) => match Time::parse(time) {
                Some(time) => Some(time),
                None => {
                    let message = "must be a time such as 2026-11-21T09:00:00Z (RFC 3339)";
                    return Err(ApiError::field("Daybook-Occurred-At", message));
                }
            },
        };
        Ok(Self { key, expected, occurred_at })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    match headers.get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.trim())),
        Some(Err(_)) => Err(ApiError::field(name.as_str(), "must be ASCII text")),
    }
}
