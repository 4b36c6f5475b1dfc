//! Books: one tenant's aggregates in one context, and what a command may read of them while it is decided.

use std::sync::Arc;

use uuid::Uuid;

use crate::{Actor, Aggregate, Datum, Facts, Kind, Number, Recorded, Ref, Tenant, Time};

mod books;
mod overlay;
pub mod storage;

pub use books::{Applied, Books};
pub use overlay::Overlay;

/// Something that only one aggregate of the book may have, such as a name in a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unique {
    /// The field to name when it is taken.
    pub field: &'static str,
    /// The value, folded to the form in which two are the same.
    pub key: String,
}

impl Unique {
    /// That field has that value; where several fields make it unique, `key` joins them.
    pub fn new(field: &'static str, key: impl Into<String>) -> Self {
        Self { field, key: key.into() }
    }
}

/// A book as `decide` sees it: everything that is admitted, and what was decided before this command.
pub struct Book<'a> {
    books: &'a Books,
    tenant: Tenant,
}

impl Book<'_> {
    /// The aggregate of that id.
    pub fn get<A: Aggregate>(&self, to: Ref<A>) -> Option<Arc<A>> {
        self.books.get(self.tenant, to)
    }

    /// The aggregates whose indexed field refers to that id.
    pub fn referrers<A: Aggregate>(&self, field: &'static str, to: Uuid) -> impl Iterator<Item = Ref<A>> + use<A> {
        self.books.referrers(self.tenant, A::TYPE, field, to).into_iter().map(Ref::new)
    }

    /// Who has this, if anybody.
    pub fn holder<A: Aggregate>(&self, unique: &Unique) -> Option<Ref<A>> {
        let kind = self.books.place(A::TYPE)?;
        self.books.holder(self.tenant, kind, unique).map(Ref::new)
    }

    /// How many aggregates of that type there are that count against its quota.
    pub fn count<A: Aggregate>(&self) -> u64 {
        self.books.place(A::TYPE).map_or(0, |kind| self.books.count((self.tenant, kind)))
    }

    /// The next number of the series of `A`.
    pub fn next_number<A: Aggregate>(&self) -> Number {
        let last = self.books.place(A::TYPE).map_or(0, |kind| self.books.last_number((self.tenant, kind)));
        Number::new(A::META.number.unwrap_or_default(), last + 1)
    }
}

/// A command, without its type.
#[derive(Debug, Clone)]
pub struct Call {
    /// What kind of aggregate it is given to.
    pub kind: &'static dyn Kind,
    /// The aggregate; for a command that begins one, the id it will have.
    pub id: Uuid,
    /// The command's place in the declaration.
    pub command: usize,
    /// Its body.
    pub body: Datum,
}

/// Who gives commands and when, as [`Books::decide`] needs it.
pub struct Given<'a> {
    /// Who gives them.
    pub actor: &'a Actor,
    /// The entry's time.
    pub now: Time,
    /// When it happened in the business, where that differs.
    pub occurred_at: Option<Time>,
    /// Where fresh ids come from.
    pub seed: Uuid,
    /// What other contexts let us know.
    pub facts: &'a dyn Facts,
    /// The version the first command's aggregate must have (If-Match).
    pub expected: Option<u64>,
}

/// An event in its place: the aggregate's version after it.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The event.
    pub event: Recorded,
    /// The version of its aggregate after it, from 1.
    pub version: u64,
}

/// What was decided, applied already.
pub struct Decided {
    /// The events, in order.
    pub events: Vec<Placed>,
    /// What they changed.
    pub applied: Applied,
}
