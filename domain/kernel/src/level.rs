//! Levels: small whole numbers between two bounds, such as an impact from 1 to 3.

use std::fmt;

use crate::{Datum, Malformed, Shape, Value};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level<const MIN: u8, const MAX: u8>(u8);

impl<const MIN: u8, const MAX: u8> Level<MIN, MAX> {
    /// That level; a number outside the bounds becomes the nearest one inside.
    pub fn new(level: u8) -> Self {
        Self(level.clamp(MIN, MAX))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl<const MIN: u8, const MAX: u8> fmt::Display for Level<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<const MIN: u8, const MAX: u8> Value for Level<MIN, MAX> {
    const SHAPE: Shape = Shape::Whole { min: MIN as i64, max: MAX as i64 };

    fn to_datum(&self) -> Datum {
        self.0.to_datum()
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        u8::from_datum(datum).map(Self)
    }
}
