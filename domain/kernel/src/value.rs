//! Value: a type that can be declared in a state, a command or an event.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Datum, Malformed, Shape};

/// A type with a [`Shape`] that can be written down as a [`Datum`] and read again.
///
/// `from_datum` does not check limits such as a text's length: what once was accepted stays readable when a limit
/// changes. Limits are checked where input is parsed, in [`crate::json`].
pub trait Value: Sized + Clone + Send + Sync + 'static {
    /// The form of every value of this type.
    const SHAPE: Shape;

    /// The value without its type.
    fn to_datum(&self) -> Datum;

    /// The value from its datum.
    ///
    /// # Errors
    /// When the datum does not have the form of this type.
    fn from_datum(datum: Datum) -> Result<Self, Malformed>;
}

/// A fixed set of names, such as a status. Derived.
pub trait Choice: Value + Copy + Eq {
    /// Every name, in the order of the declaration.
    const OPTIONS: &'static [&'static str];
    /// Every value, in the same order.
    const ALL: &'static [Self];

    /// The name of this value, in snake case.
    fn name(self) -> &'static str;
}

impl Value for bool {
    const SHAPE: Shape = Shape::Flag;

    fn to_datum(&self) -> Datum {
        Datum::Flag(*self)
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Flag(flag) => Ok(flag),
            other => Err(other.not("flag", "a flag")),
        }
    }
}

macro_rules! whole {
    ($($int:ty),*) => {$(
        impl Value for $int {
            const SHAPE: Shape = Shape::Whole { min: <$int>::MIN as i64, max: <$int>::MAX as i64 };

            fn to_datum(&self) -> Datum {
                Datum::Whole(i64::from(*self))
            }

            fn from_datum(datum: Datum) -> Result<Self, Malformed> {
                match datum {
                    Datum::Whole(n) => <$int>::try_from(n).map_err(|_| Datum::Whole(n).not("number", "a smaller number")),
                    other => Err(other.not("number", "a whole number")),
                }
            }
        }
    )*};
}
whole!(i64, u32, u8);

impl Value for uuid::Uuid {
    const SHAPE: Shape = Shape::Id;

    fn to_datum(&self) -> Datum {
        Datum::Id(*self)
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Id(id) => Ok(id),
            other => Err(other.not("id", "an id")),
        }
    }
}

impl<T: Value> Value for Option<T> {
    const SHAPE: Shape = Shape::Optional(&T::SHAPE);

    fn to_datum(&self) -> Datum {
        self.as_ref().map_or(Datum::Null, Value::to_datum)
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Null => Ok(None),
            present => T::from_datum(present).map(Some),
        }
    }
}

/// Lists and sets hold at most this many values; what grows without bound is a [`crate::Log`].
pub const LIST_MAX: usize = 1_000;

impl<T: Value> Value for Vec<T> {
    const SHAPE: Shape = Shape::List { of: &T::SHAPE, max: LIST_MAX };

    fn to_datum(&self) -> Datum {
        Datum::List(self.iter().map(Value::to_datum).collect())
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::List(items) => items.into_iter().map(T::from_datum).collect(),
            other => Err(other.not("list", "a list")),
        }
    }
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const SHAPE: Shape = Shape::List { of: &T::SHAPE, max: LIST_MAX };

    fn to_datum(&self) -> Datum {
        Datum::List(self.iter().map(Value::to_datum).collect())
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::List(items) => items.into_iter().map(T::from_datum).collect(),
            other => Err(other.not("set", "a list")),
        }
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    const SHAPE: Shape = Shape::Map { of: &T::SHAPE, max: LIST_MAX };

    fn to_datum(&self) -> Datum {
        Datum::Map(self.iter().map(|(name, value)| (name.clone(), value.to_datum())).collect())
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Map(items) => items.into_iter().map(|(name, value)| Ok((name, T::from_datum(value)?))).collect(),
            other => Err(other.not("map", "a map")),
        }
    }
}
