//! The watermarks of policies: of each source book, the last step that was admitted here. What is not above it is done.
//!
//! They are kept for ever, one for each policy and source, so that a replay, a redelivery or a policy begun anew does
//! nothing twice. A policy answers the entries of a source book in their order, and each with its steps in theirs.

use std::collections::BTreeMap;

use daybook_kernel::{Rejection, Tenant, book::Overlay};
use daybook_schemas::envelope::Causation;
use serde::{Deserialize, Serialize};

use crate::store::ContextStore;

/// How many policies may stand between a command and a person's: more are policies that answer each other in a circle.
pub const MOST_DEPTH: u32 = 16;

/// A book that a policy hears, as the book knows it in which the policy acts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Whose book it is in which the policy acts.
    pub target: Tenant,
    /// The policy.
    pub policy: String,
    /// The context of the book it hears.
    pub context: String,
    /// The tenant of that book.
    pub tenant: Tenant,
    /// The finer book inside the tenant's, where its context declares one.
    pub book: Option<String>,
}

impl Source {
    /// The source of a command in that tenant's book.
    pub fn of(target: Tenant, causation: &Causation) -> Self {
        let Causation { policy, context, tenant, book, .. } = causation.clone();
        Self { target, policy, context, tenant, book }
    }
}

/// How far a source was answered. Later entries are greater, and so are later steps of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The number of the entry in its book.
    pub number: u64,
    /// The step of the answer to it.
    pub step: u32,
}

impl Mark {
    /// The mark of a command with this cause.
    pub fn of(causation: &Causation) -> Self {
        Self { number: causation.book_number, step: causation.step }
    }
}

/// A mark that a decided command has set, and the one before it.
#[derive(Debug)]
pub struct Marked {
    source: Source,
    mark: Mark,
    before: Option<Mark>,
}

/// The watermarks of one partition's books.
pub struct Watermarks {
    recent: Overlay<Source, Mark>,
    store: ContextStore,
}

impl Watermarks {
    /// The watermarks over what the store holds.
    pub fn over(store: ContextStore) -> Self {
        Self { recent: Overlay::default(), store }
    }

    fn find(&self, source: &Source) -> Option<Mark> {
        self.recent.get(source).copied().or_else(|| self.store.watermark(source))
    }

    /// Whether a command with this cause was admitted in that tenant's book, or one that comes after it.
    pub fn is_done(&self, target: Tenant, causation: &Causation) -> bool {
        self.find(&Source::of(target, causation)).is_some_and(|last| Mark::of(causation) <= last)
    }

    /// Sets the mark of a command that was decided.
    pub fn put(&mut self, target: Tenant, causation: &Causation) -> Marked {
        let (source, mark) = (Source::of(target, causation), Mark::of(causation));
        let before = self.find(&source);
        self.recent.put(source.clone(), mark);
        Marked { source, mark, before }
    }

    /// The newest mark is taken back: its command was not admitted.
    pub fn take_back(&mut self, marked: &Marked) {
        self.recent.take_back(&marked.source, marked.before);
    }

    /// The oldest mark that was set is admitted.
    pub fn admit(&mut self, marked: &Marked) {
        self.recent.admit(&marked.source, marked.mark);
    }

    /// What is to be saved.
    pub fn take_unsaved(&mut self) -> BTreeMap<Source, Mark> {
        self.recent.take_unsaved()
    }

    /// That has been saved.
    pub fn saved(&mut self, saved: &BTreeMap<Source, Mark>) {
        self.recent.saved(saved.keys());
    }
}

/// Insists that no more policies stand behind a command than may.
///
/// # Errors
/// `CAUSATION_TOO_DEEP`.
pub fn check_depth(causation: &Causation) -> Result<(), Rejection> {
    if causation.depth <= MOST_DEPTH {
        return Ok(());
    }
    let Causation { policy, context, tenant, book_number, depth, .. } = causation;
    tracing::error!(policy, context, %tenant, book_number, depth, "CAUSATION_TOO_DEEP: policies answer each other in a circle");
    let message = format!("{depth} policies stand between this command and a person's; at most {MOST_DEPTH} may");
    Err(Rejection::unprocessable("CAUSATION_TOO_DEEP", message))
}
