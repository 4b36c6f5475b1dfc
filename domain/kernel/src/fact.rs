//! Facts: what a context lets others know of its aggregates, so that their commands can refer to them.

use std::{any::Any, fmt, sync::Arc};

use uuid::Uuid;

use crate::{Ref, Referable};

/// A small published part of an aggregate's state: `facts::User` says whether a user is active.
pub trait Fact: Referable + Send + Sync {}

/// A fact as an aggregate publishes it.
#[derive(Clone)]
pub struct Published {
    /// The type of the aggregate it is about.
    pub of: &'static str,
    /// The fact itself.
    pub fact: Arc<dyn Any + Send + Sync>,
}

impl Published {
    /// Publishes that fact.
    pub fn new<F: Fact>(fact: F) -> Self {
        Self { of: F::TYPE, fact: Arc::new(fact) }
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a fact of {}", self.of)
    }
}

/// Where the facts of other contexts are looked up, for one tenant.
///
/// They may be stale by the time their journal needs to arrive; what must be exact lives in the book.
pub trait Facts {
    /// The fact of that type about that aggregate.
    fn find(&self, of: &'static str, id: Uuid) -> Option<Arc<dyn Any + Send + Sync>>;
}

impl dyn Facts + '_ {
    /// The fact about the aggregate referred to.
    pub fn get<F: Fact>(&self, to: Ref<F>) -> Option<Arc<F>> {
        self.find(F::TYPE, to.id())?.downcast().ok()
    }
}

/// No facts at all.
#[derive(Debug, Clone, Copy)]
pub struct NoFacts;

impl Facts for NoFacts {
    fn find(&self, _: &'static str, _: Uuid) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}
