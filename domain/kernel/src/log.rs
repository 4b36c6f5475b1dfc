//! A growing list, such as comments: it has a table of its own, and the state keeps only its length.

use crate::{Datum, Malformed, RecordShape, Shape, Value};

/// A list that only grows. No rule may depend on its items, so the owner of a book forgets them once they are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Log<T> {
    length: u64,
    fresh: Vec<T>,
}

/// What an item of a [`Log`] must be: a record.
pub trait Item: Value {
    /// The record's shape.
    const RECORD: &'static RecordShape;
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { length: 0, fresh: Vec::new() }
    }
}

impl<T> Log<T> {
    /// Adds an item.
    pub fn push(&mut self, item: T) {
        self.length += 1;
        self.fresh.push(item);
    }

    /// How many items there are in all.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The items added since the state was loaded, or since [`Log::settle`].
    pub fn fresh(&self) -> &[T] {
        &self.fresh
    }

    /// Forgets the items, not their number.
    pub fn settle(&mut self) {
        self.fresh = Vec::new();
    }
}

impl<T: Item> Value for Log<T> {
    const SHAPE: Shape = Shape::Log(T::RECORD);

    fn to_datum(&self) -> Datum {
        Datum::Log { length: self.length, fresh: self.fresh.iter().map(Value::to_datum).collect() }
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Log { length, fresh } => {
                Ok(Self { length, fresh: fresh.into_iter().map(T::from_datum).collect::<Result<_, _>>()? })
            }
            other => Err(other.not("log", "a growing list")),
        }
    }
}
