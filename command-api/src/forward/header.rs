//! `Daybook-Forward`: what an instance says of a request that it hands to the owner of its partition.
//!
//! `incident/3;term=17;hops=2`: the partition, the term in which the sender believes it to be owned by the receiver, and
//! how many have sent the request so far, its client included. It grants nothing: the caller's token does.

use std::{fmt, str::FromStr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use daybook_platform::ApiError;

/// The name of the header.
pub const FORWARD: HeaderName = HeaderName::from_static("daybook-forward");

/// In a 421: the term that its sender knows of.
pub const TERM: HeaderName = HeaderName::from_static("daybook-term");

/// The code of a 421.
pub const MISDIRECTED: &str = "MISDIRECTED";

/// How many may send a request: its client, and the instance that forwards it to the owner.
pub const MOST_HOPS: u8 = 2;

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The context whose journal it is.
    pub context: Box<str>,
    /// The partition of the journal.
    pub partition: i32,
    /// The term of the receiver's claim, as the sender knows it.
    pub term: u64,
    /// How many have sent the request.
    pub hops: u8,
}

impl Forward {
    /// Reads it; none where the request comes from its client.
    ///
    /// # Errors
    /// 400 naming the header if it is malformed; 421 if the request was handed on too often.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let mut given = headers.get_all(FORWARD).iter();
        let Some(value) = given.next() else { return Ok(None) };
        let read = value.to_str().ok().and_then(Self::parse);
        match read.filter(|_| given.next().is_none()) {
            None => Err(ApiError::field("Daybook-Forward", "must be one such as incident/3;term=17;hops=2")),
            Some(forward) if forward.hops > MOST_HOPS => {
                let message =
                    format!("the request was handed on {} times; at most {MOST_HOPS} are possible", forward.hops);
                Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, MISDIRECTED, message))
            }
            forward => Ok(forward),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (partition, rest) = text.split_once(";term=")?;
        let (term, hops) = rest.split_once(";hops=")?;
        let (context, partition) = partition.split_once('/')?;
        let forward = Self {
            context: context.into(),
            partition: number(partition)?,
            term: number(term)?,
            hops: number(hops).filter(|hops| *hops > 0)?,
        };
        let is_name = !context.is_empty() && context.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_name.then_some(forward)
    }
}

/// Stricter than the parser of numbers, which takes a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// 421: this instance is not the owner that the request was sent to. `term` is what it knows.
pub fn misdirected(term: Option<u64>) -> ApiError {
    let message = "this instance is not the owner that the request was forwarded to; nothing was decided here";
    let error = ApiError::new(StatusCode::MISDIRECTED_REQUEST, MISDIRECTED, message);
    match term {
        Some(term) => error.with_header(TERM, HeaderValue::from(term)),
        None => error,
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { context, partition, term, hops } = self;
        write!(f, "{context}/{partition};term={term};hops={hops}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<Forward>, ApiError> {
        Forward::read(&values.iter().map(|value| (FORWARD, value.parse().unwrap())).collect())
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let forward = Forward { context: "incident".into(), partition: 3, term: 17, hops: 2 };
        assert_eq!(forward.to_string(), "incident/3;term=17;hops=2");
        assert_eq!(read(&[&forward.to_string()]), Ok(Some(forward)));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let wrong = [
            "",
            "incident/3",
            "incident/3;term=1",
            "incident/3;hops=2;term=1",
            "incident/-3;term=1;hops=2",
            "incident/3;term=+1;hops=2",
            "incident/3;term=;hops=2",
            "incident/3;term=1;hops=0",
            "incident/3;term=1;hops=300",
            "incident/3;term=1;hops=2;more",
            "/3;term=1;hops=2",
            "INCIDENT/3;term=1;hops=2",
            "incident/3;term=99999999999999999999;hops=2",
        ];
        for wrong in wrong {
            let error = read(&[wrong]).unwrap_err();
            assert_eq!(
                (error.status, error.details[0].field.as_str()),
                (StatusCode::BAD_REQUEST, "Daybook-Forward"),
                "{wrong}"
            );
        }
        let twice = read(&["incident/3;term=1;hops=2", "incident/3;term=1;hops=2"]);
        assert_eq!(twice.unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn a_third_hop_is_misdirected() {
        let error = read(&["incident/3;term=1;hops=3"]).unwrap_err();
        assert_eq!((error.status, error.code.as_ref()), (StatusCode::MISDIRECTED_REQUEST, MISDIRECTED));
    }
}
