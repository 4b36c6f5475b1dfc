//! JSON in and out of data, driven by the shape; every error names its field.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Number, Value as Json, json};
use uuid::Uuid;

use crate::{Date, Datum, RecordShape, Sealed, Shape, Time, shape::TextFormat};

/// What is wrong with one field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The path of the field: `comment.body`, `ci_ids[2]`.
    pub field: String,
    /// What it should be.
    pub message: String,
}

impl FieldError {
    /// An error of that field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Where the JSON comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From a user: limits hold, unknown fields are errors, personal data is in clear.
    Input,
    /// From one of our own stores: personal data is sealed, growing lists are their length.
    Stored,
}

/// Parses a user's JSON into the record's datum.
///
/// # Errors
/// One [`FieldError`] for each thing wrong: unknown, missing, of the wrong type, too long, not one of the options.
pub fn parse(shape: &RecordShape, json: &Json) -> Result<Datum, Vec<FieldError>> {
    read(shape, json, Source::Input)
}

/// Reads a document written by [`write`] back into its datum.
///
/// # Errors
/// As [`parse`]; then the document is not one of ours.
pub fn restore(shape: &RecordShape, json: &Json) -> Result<Datum, Vec<FieldError>> {
    read(shape, json, Source::Stored)
}

fn read(shape: &RecordShape, json: &Json, source: Source) -> Result<Datum, Vec<FieldError>> {
    let mut reader = Reader { source, errors: Vec::new() };
    let datum = reader.record(shape, json, "");
    match datum {
        Some(datum) if reader.errors.is_empty() => Ok(datum),
        _ => Err(reader.errors),
    }
}

/// Writes a datum as JSON, sealed values as `{"sealed": …}`.
pub fn write(shape: &Shape, datum: &Datum) -> Json {
    match (shape, datum) {
        (Shape::Optional(of), datum) if *datum != Datum::Null => write(of, datum),
        (Shape::Personal(of), datum) if !matches!(datum, Datum::Sealed(_)) => write(of, datum),
        (Shape::Time, Datum::Whole(micros)) => Json::String(Time(*micros).to_string()),
        (Shape::Date, Datum::Whole(days)) => {
            Json::String(i32::try_from(*days).map_or_else(|_| days.to_string(), |days| Date(days).to_string()))
        }
        (Shape::List { of, .. }, Datum::List(items)) => items.iter().map(|item| write(of, item)).collect(),
        (Shape::Map { of, .. }, Datum::Map(items)) => {
            items.iter().map(|(name, item)| (name.clone(), write(of, item))).collect::<Map<_, _>>().into()
        }
        (Shape::Record(record), Datum::Record(_)) => write_record(record, datum),
        (_, Datum::Flag(flag)) => Json::Bool(*flag),
        (_, Datum::Whole(n)) => Json::from(*n),
        (_, Datum::Text(text)) => Json::String(text.to_string()),
        (_, Datum::Id(id)) => Json::String(id.to_string()),
        (_, Datum::Sealed(sealed)) => write_sealed(sealed),
        (_, Datum::Blind(hash)) => Json::String(hex(&**hash)),
        (_, Datum::Log { length, .. }) => Json::from(*length),
        _ => Json::Null,
    }
}

/// Writes a record's datum as a JSON object with its fields in order; a blind index only where there is one.
pub fn write_record(shape: &RecordShape, datum: &Datum) -> Json {
    match datum {
        Datum::Record(fields) => shape
            .fields
            .iter()
            .zip(fields)
            .filter(|(field, datum)| !(field.shape.is_blind() && **datum == Datum::Null))
            .map(|(field, datum)| (field.name.to_owned(), write(&field.shape, datum)))
            .collect::<Map<_, _>>()
            .into(),
        _ => Json::Null,
    }
}

fn write_sealed(sealed: &Sealed) -> Json {
    json!({ "sealed": { "key": sealed.key, "nonce": hex(&sealed.nonce), "ciphertext": hex(&sealed.ciphertext) } })
}

/// A sealed value from the JSON that [`write`] made of it.
pub fn read_sealed(json: &Json) -> Option<Sealed> {
    let sealed = json.get("sealed")?;
    Some(Sealed {
        key: sealed.get("key")?.as_str()?.parse().ok()?,
        nonce: unhex(sealed.get("nonce")?.as_str()?)?.try_into().ok()?,
        ciphertext: unhex(sealed.get("ciphertext")?.as_str()?)?.into(),
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

struct Reader {
    source: Source,
    errors: Vec<FieldError>,
}

impl Reader {
    fn fail(&mut self, at: &str, message: impl Into<String>) -> Option<Datum> {
        self.errors.push(FieldError::new(if at.is_empty() { "body" } else { at }, message));
        None
    }

    fn record(&mut self, shape: &RecordShape, json: &Json, at: &str) -> Option<Datum> {
        let Json::Object(object) = json else {
            return self.fail(at, format!("must be an object, not {}", kind(json)));
        };
        let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        if self.source == Source::Input {
            let known: Vec<_> = shape.fields.iter().filter(|field| !field.shape.is_blind()).map(|f| f.name).collect();
            for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
                let message = match known.is_empty() {
                    true => "unknown field; none is expected here".to_owned(),
                    false => format!("unknown field; known are {}", known.join(", ")),
                };
                self.fail(&path(name), message);
            }
        }
        let fields: Vec<_> = shape
            .fields
            .iter()
            .map(|field| match (object.get(field.name), &field.shape) {
                (None | Some(Json::Null), Shape::Optional(_)) => Some(Datum::Null),
                (Some(_), shape) if shape.is_blind() && self.source == Source::Input => None,
                (None, Shape::List { .. }) => Some(Datum::List(Vec::new())),
                (None, Shape::Map { .. }) => Some(Datum::Map(BTreeMap::new())),
                (None, Shape::Log(_)) => Some(Datum::Log { length: 0, fresh: Vec::new() }),
                (None, _) => self.fail(&path(field.name), "is required"),
                (Some(json), shape) => self.value(shape, json, &path(field.name)),
            })
            .collect();
        fields.into_iter().collect::<Option<Vec<_>>>().map(Datum::Record)
    }

    fn value(&mut self, shape: &Shape, json: &Json, at: &str) -> Option<Datum> {
        match (shape, json) {
            (Shape::Optional(_), Json::Null) => Some(Datum::Null),
            (Shape::Optional(of), json) => self.value(of, json, at),
            (Shape::Personal(of), json) => match (self.source, read_sealed(json)) {
                (Source::Stored, Some(sealed)) => Some(Datum::Sealed(Box::new(sealed))),
                _ => self.value(of, json, at),
            },
            (Shape::Blind, Json::String(text)) => match unhex(text).and_then(|bytes| bytes.try_into().ok()) {
                Some(hash) => Some(Datum::Blind(hash)),
                None => self.fail(at, "must be 32 bytes in hexadecimal"),
            },
            (Shape::Flag, Json::Bool(flag)) => Some(Datum::Flag(*flag)),
            (Shape::Whole { min, max }, Json::Number(n)) => match whole(n).filter(|n| (min..=max).contains(&n)) {
                Some(n) => Some(Datum::Whole(n)),
                None => self.fail(at, format!("must be a whole number from {min} to {max}")),
            },
            (Shape::Text { max, lines, format }, Json::String(text)) => self.text(text, *max, *lines, *format, at),
            (Shape::Choice { options, .. }, Json::String(text)) => match options.contains(&text.as_str()) {
                true => Some(Datum::text(text.as_str())),
                false => self.fail(at, format!("must be one of: {}", options.join(", "))),
            },
            (Shape::Time, Json::String(text)) => match Time::parse(text) {
                Some(time) => Some(Datum::Whole(time.0)),
                None => self.fail(at, "must be a time such as 2026-11-21T09:00:00Z (RFC 3339)"),
            },
            (Shape::Date, Json::String(text)) => match Date::parse(text) {
                Some(date) => Some(Datum::Whole(i64::from(date.0))),
                None => self.fail(at, "must be a date such as 2026-11-21"),
            },
            (Shape::Id | Shape::Ref(_), Json::String(text)) => match text.parse::<Uuid>() {
                Ok(id) => Some(Datum::Id(id)),
                Err(_) => self.fail(at, "must be an id (a UUID)"),
            },
            (Shape::Number, Json::String(text)) => self.text(text, 32, false, TextFormat::Free, at),
            (Shape::Scalar, Json::String(text)) => self.text(text, 1_000, false, TextFormat::Free, at),
            (Shape::Scalar, Json::Bool(flag)) => Some(Datum::Flag(*flag)),
            (Shape::Scalar, Json::Number(n)) => match whole(n) {
                Some(n) => Some(Datum::Whole(n)),
                None => self.fail(at, "must be a text, a whole number or a flag"),
            },
            (Shape::List { of, max }, Json::Array(items)) => {
                if self.source == Source::Input && items.len() > *max {
                    return self.fail(at, format!("must hold at most {max} items, not {}", items.len()));
                }
                let items: Vec<_> =
                    items.iter().enumerate().map(|(i, item)| self.value(of, item, &format!("{at}[{i}]"))).collect();
                items.into_iter().collect::<Option<Vec<_>>>().map(Datum::List)
            }
            (Shape::Map { of, max }, Json::Object(items)) => {
                if self.source == Source::Input && items.len() > *max {
                    return self.fail(at, format!("must hold at most {max} names, not {}", items.len()));
                }
                let items: Vec<_> = items
                    .iter()
                    .map(|(name, item)| match name.chars().count() {
                        // A store may refuse a control character, as Postgres does a zero byte.
                        1..=64 if self.source == Source::Stored || !name.chars().any(char::is_control) => {
                            self.value(of, item, &format!("{at}.{name}")).map(|item| (name.clone(), item))
                        }
                        _ => self
                            .fail(at, "a name in it must have 1 to 64 characters and no control characters")
                            .map(|_| (String::new(), Datum::Null)),
                    })
                    .collect();
                items.into_iter().collect::<Option<BTreeMap<_, _>>>().map(Datum::Map)
            }
            (Shape::Record(record), json) => self.record(record, json, at),
            (Shape::Log(_), Json::Number(n)) if self.source == Source::Stored => {
                Some(Datum::Log { length: n.as_u64().unwrap_or(0), fresh: Vec::new() })
            }
            (shape, json) => self.fail(at, format!("must be {}, not {}", expected(shape), kind(json))),
        }
    }

    fn text(&mut self, text: &str, max: usize, lines: bool, format: TextFormat, at: &str) -> Option<Datum> {
        if self.source == Source::Stored {
            return Some(Datum::text(text));
        }
        let count = text.chars().count();
        let control = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
        if text.trim().is_empty() {
            self.fail(at, "must not be empty")
        } else if count > max {
            self.fail(at, format!("must have at most {max} characters, not {count}"))
        } else if text.chars().any(control) {
            self.fail(
                at,
                if lines { "must not hold control characters" } else { "must be one line without control characters" },
            )
        } else if let Err(message) = format.check(text) {
            self.fail(at, message)
        } else {
            Some(Datum::text(text))
        }
    }
}

impl TextFormat {
    fn check(self, text: &str) -> Result<(), &'static str> {
        let (holds, message) = match self {
            TextFormat::Free => (true, ""),
            TextFormat::Email => (is_email(text), "must be an e-mail address"),
            TextFormat::Slug => {
                (is_slug(text), "must hold lower-case letters, digits and single hyphens, and begin with a letter")
            }
            TextFormat::Currency => (
                text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()),
                "must be a currency code such as EUR (ISO 4217)",
            ),
            TextFormat::Zone => {
                (jiff::tz::TimeZone::get(text).is_ok(), "must be a time zone such as Europe/Paris (IANA)")
            }
            TextFormat::Locale => (is_locale(text), "must be a language tag such as en or pt-BR (BCP 47)"),
            TextFormat::Permission => (is_permission(text), "must be a permission such as incident:report"),
            TextFormat::CivilTime => {
                (text.parse::<jiff::civil::DateTime>().is_ok(), "must be a local time such as 2026-11-21T09:00:00")
            }
        };
        if holds { Ok(()) } else { Err(message) }
    }
}

/// A number as a whole one, if it is: `2.0` is 2, as JSON Schema says. Beyond 2^53 a number with a point is none any more.
fn whole(n: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let with_point = || n.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < EXACT).map(|n| n as i64);
    n.as_i64().or_else(with_point)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c));
    let label = |part: &str| {
        !part.is_empty() && !part.starts_with('-') && part.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    local.len() <= 64 && local.split('.').all(atom) && domain.split('.').all(label)
}

fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language =
        parts.next().is_some_and(|tag| (2..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_lowercase()));
    language && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_permission(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split_once(':').is_some_and(|(resource, action)| word(resource) && word(action))
}

fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a flag",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Flag => "true or false",
        Shape::Whole { .. } => "a whole number",
        Shape::Text { .. } | Shape::Number => "a text",
        Shape::Choice { .. } => "one of its options, as a text",
        Shape::Time => "a time, as a text (RFC 3339)",
        Shape::Date => "a date, as a text",
        Shape::Id | Shape::Ref(_) => "an id (a UUID), as a text",
        Shape::Scalar => "a text, a whole number or a flag",
        Shape::Personal(of) | Shape::Optional(of) => expected(of),
        Shape::List { .. } => "a list",
        Shape::Map { .. } | Shape::Record(_) => "an object",
        Shape::Blind | Shape::Log(_) => "left out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let read = |text: &str| whole(&serde_json::from_str(text).unwrap());
        assert_eq!((read("2"), read("2.0"), read("-3.0"), read("2e3")), (Some(2), Some(2), Some(-3), Some(2_000)));
        assert_eq!((read("2.5"), read("1e300"), read("9007199254740992.0")), (None, None, None));
        assert_eq!(read("9223372036854775807"), Some(i64::MAX));
    }
}
