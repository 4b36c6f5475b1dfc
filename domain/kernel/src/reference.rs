//! References to aggregates, typed by what they point to.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

use uuid::Uuid;

use crate::{Datum, Malformed, Shape, Value};

/// What a [`Ref`] can point to: an aggregate of the same context, or a fact of another.
pub trait Referable: 'static {
    /// The aggregate's type on the wire: `<context>.<Name>`.
    const TYPE: &'static str;
}

/// The id of an aggregate of type `T`.
pub struct Ref<T> {
    id: Uuid,
    of: PhantomData<fn() -> T>,
}

impl<T> Ref<T> {
    /// The reference to the aggregate of that id.
    pub const fn new(id: Uuid) -> Self {
        Self { id, of: PhantomData }
    }

    /// The id.
    pub const fn id(self) -> Uuid {
        self.id
    }
}

impl<T> From<Uuid> for Ref<T> {
    fn from(id: Uuid) -> Self {
        Self::new(id)
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<T> {}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<T> Eq for Ref<T> {}

impl<T> PartialOrd for Ref<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ref<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl<T> Hash for Ref<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}

impl<T> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}

impl<T: Referable> Value for Ref<T> {
    const SHAPE: Shape = Shape::Ref(T::TYPE);

    fn to_datum(&self) -> Datum {
        Datum::Id(self.id)
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        Uuid::from_datum(datum).map(Self::new)
    }
}
