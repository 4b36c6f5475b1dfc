//! A value whose kind a class decides: an attribute of a configuration item.

use crate::{Datum, Malformed, Shape, Value};

/// A text, a whole number or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A text of at most 1,000 characters.
    Text(Box<str>),
    /// A whole number.
    Whole(i64),
    /// A flag.
    Flag(bool),
}

impl Value for Scalar {
    const SHAPE: Shape = Shape::Scalar;

    fn to_datum(&self) -> Datum {
        match self {
            Scalar::Text(text) => Datum::Text(text.clone()),
            Scalar::Whole(n) => Datum::Whole(*n),
            Scalar::Flag(flag) => Datum::Flag(*flag),
        }
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Text(text) => Ok(Scalar::Text(text)),
            Datum::Whole(n) => Ok(Scalar::Whole(n)),
            Datum::Flag(flag) => Ok(Scalar::Flag(flag)),
            other => Err(other.not("attribute", "a text, a whole number or a flag")),
        }
    }
}
