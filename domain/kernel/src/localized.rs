//! Text in several languages.

use std::collections::BTreeMap;

use crate::{Datum, Line, Malformed, Shape, Value};

/// A line of text by locale (BCP 47 tag, such as `de-CH`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Localized<const MAX: usize>(pub BTreeMap<String, Line<MAX>>);

impl<const MAX: usize> Value for Localized<MAX> {
    const SHAPE: Shape = Shape::Map { of: &<Line<MAX> as Value>::SHAPE, max: 64 };

    fn to_datum(&self) -> Datum {
        self.0.to_datum()
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        BTreeMap::from_datum(datum).map(Self)
    }
}
