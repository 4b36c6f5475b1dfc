//! Human numbers: gap-free in a book, such as `INC0000001`.

use std::fmt;

use crate::{Datum, Malformed, Shape, Value};

/// A number of one of the book's series: a prefix and at least seven digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// The `n`th number of the series with that prefix.
    pub fn new(prefix: &str, n: u64) -> Self {
        Self(format!("{prefix}{n:07}").into())
    }

    /// The number as people say it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its place in the series, or 0 where it has none.
    pub fn place(&self) -> u64 {
        self.0.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Number {
    const SHAPE: Shape = Shape::Number;

    fn to_datum(&self) -> Datum {
        Datum::Text(self.0.clone())
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Text(text) => Ok(Self(text)),
            other => Err(other.not("number", "a text")),
        }
    }
}
