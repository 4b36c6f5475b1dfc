//! Datum: any declared value without its type, as it travels between the domain and the codecs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{Sealed, Value};

/// A value of some [`crate::Shape`]. Records are positional: the shape holds the names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Datum {
    /// An absent optional value.
    Null,
    /// A flag.
    Flag(bool),
    /// A whole number, a [`crate::Time`] in microseconds or a [`crate::Date`] in days.
    Whole(i64),
    /// Text, the name of a choice, a number of a series.
    Text(Box<str>),
    /// An id.
    Id(Uuid),
    /// A list.
    List(Vec<Datum>),
    /// Values by name.
    Map(BTreeMap<String, Datum>),
    /// A record's fields in the order of its shape.
    Record(Vec<Datum>),
    /// A sealed personal value. In clear it is its plain datum.
    Sealed(Box<Sealed>),
    /// A growing list: its whole length, and the items added since the state was loaded.
    Log {
        /// How many items there are in all.
        length: u64,
        /// Those added since the state was loaded, oldest first.
        fresh: Vec<Datum>,
    },
    /// A keyed hash of a personal text.
    Blind(Box<[u8; 32]>),
}

/// A datum did not have the form its type asks for: the bytes come from elsewhere or a schema was broken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: expected {expected}, found {found}")]
pub struct Malformed {
    /// The type or field.
    pub at: String,
    /// What the type asks for.
    pub expected: &'static str,
    /// What was found.
    pub found: &'static str,
}

impl Datum {
    /// A text datum.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Datum::Text(text.into())
    }

    /// The kind of this datum, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Datum::Null => "nothing",
            Datum::Flag(_) => "a flag",
            Datum::Whole(_) => "a whole number",
            Datum::Text(_) => "a text",
            Datum::Id(_) => "an id",
            Datum::List(_) => "a list",
            Datum::Map(_) => "a map",
            Datum::Record(_) => "a record",
            Datum::Sealed(_) => "a sealed value",
            Datum::Log { .. } => "a growing list",
            Datum::Blind(_) => "a keyed hash",
        }
    }

    /// The error that says this datum is not what was expected.
    pub fn not(&self, at: &str, expected: &'static str) -> Malformed {
        Malformed { at: at.to_owned(), expected, found: self.kind() }
    }

    /// The fields of a record of `count` fields.
    ///
    /// # Errors
    /// When it is no record, or one of another length.
    pub fn into_fields(self, of: &'static str, count: usize) -> Result<Fields, Malformed> {
        match self {
            Datum::Record(fields) if fields.len() == count => Ok(Fields { of, fields: fields.into_iter() }),
            other => Err(other.not(of, "a record of its fields")),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The fields of a record, taken one after the other by the derived code.
pub struct Fields {
    of: &'static str,
    fields: std::vec::IntoIter<Datum>,
}

impl Fields {
    /// The next field, as its type.
    ///
    /// # Errors
    /// When it does not have the form of its type; the error names the field.
    pub fn take<T: Value>(&mut self, name: &'static str) -> Result<T, Malformed> {
        let datum = self.fields.next().unwrap_or(Datum::Null);
        T::from_datum(datum).map_err(|mut error| {
            error.at = format!("{}.{name}", self.of);
            error
        })
    }
}
