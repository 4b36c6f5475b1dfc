//! Positions: the places in the journals that an answer must have seen, as receipts name them.

use axum::http::HeaderMap;
use daybook_platform::ApiError;

/// The header by which a caller names the positions.
pub const HEADER: &str = "daybook-position";

/// Most positions one request may name: more than any chain of commands of one user.
const MOST: usize = 64;

/// The place of an entry: `journal.incident/3#4711`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The bounded context whose journal it is in.
    pub context: &'static str,
    /// The journal's partition.
    pub partition: i32,
    /// How many entries the partition has up to it.
    pub number: u64,
}

impl Position {
    /// The position of that text, in its one canonical form; `None` if it is none of our journals.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, number) = text.rsplit_once('#')?;
        let (topic, partition) = place.rsplit_once('/')?;
        let context = daybook_contents::context(topic.strip_prefix("journal.")?)?.name;
        Some(Self { context, partition: canonical(partition)?.try_into().ok()?, number: canonical(number)? })
    }

    /// The positions of a request, of all its headers of that name, separated by commas.
    ///
    /// # Errors
    /// 400 when one is malformed or there are too many.
    pub fn of(headers: &HeaderMap) -> Result<Vec<Self>, ApiError> {
        let refused = |message: String| ApiError::field("Daybook-Position", message);
        let mut positions = Vec::new();
        for header in headers.get_all(HEADER) {
            let header = header.to_str().map_err(|_| refused("must be plain text".to_owned()))?;
            for text in header.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                let malformed =
                    || refused(format!("must hold positions such as journal.incident/3#4711, not {text:?}"));
                positions.push(Self::parse(text).ok_or_else(malformed)?);
                if positions.len() > MOST {
                    return Err(refused(format!("must hold at most {MOST} positions")));
                }
            }
        }
        Ok(positions)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "journal.{}/{}#{}", self.context, self.partition, self.number)
    }
}

/// A number without sign or leading zero.
fn canonical(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (HEADER.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn all_headers_count() {
        let positions =
            Position::of(&headers(&["journal.incident/3#4711, journal.cmdb/0#1", "journal.tenancy/1#0"])).unwrap();
        let said: Vec<_> = positions.iter().map(Position::to_string).collect();
        assert_eq!(said, ["journal.incident/3#4711", "journal.cmdb/0#1", "journal.tenancy/1#0"]);
        assert!(Position::of(&HeaderMap::new()).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for wrong in [
            "x",
            "journal.incident/3",
            "journal.incident/3#+1",
            "journal.incident/03#1",
            "journal.moon/3#1",
            "incident/3#1",
            "journal.incident/3#99999999999999999999",
            "journal.incident/4294967296#1",
        ] {
            let error = Position::of(&headers(&[wrong])).unwrap_err();
            assert_eq!((error.status.as_u16(), error.details[0].field.as_str()), (400, "Daybook-Position"), "{wrong}");
        }
    }
}
