//! The watermarks of policies: of each source book, the last step that was admitted here. What is not above it is done.
//!
//! They are kept for ever, one for each policy and source, so that a replay, a redelivery or a policy begun anew does
//! nothing twice. A policy answers the entries of a source book in their order, and each with its steps in theirs.
//!
//! A step that was rejected lies below the watermark once a later one is admitted. Given once more by a person's wish, it
//! is decided nevertheless, and its own mark is kept for ever: such retries are rare.

use std::{collections::BTreeMap, sync::Arc};

use daybook_kernel::{Rejection, Tenant, book::Overlay};
use daybook_schemas::envelope::Causation;
use serde::{Deserialize, Serialize};

use crate::{cause::Cause, store::ContextStore};

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

/// A step of a source that was done by a retry below the watermark.
pub type Retried = (Source, Mark);

/// What a decided command has set.
#[derive(Debug)]
pub enum Marked {
    /// The watermark, with the one before it.
    Raised(Source, Mark, Option<Mark>),
    /// A mark below it.
    Retried(Retried),
}

/// What differs from the store, and is to be saved.
#[derive(Debug, Default)]
pub struct Unsaved {
    /// Watermarks.
    pub watermarks: Arc<BTreeMap<Source, Mark>>,
    /// Marks of retries below them.
    pub retried: Arc<BTreeMap<Retried, ()>>,
}

/// The watermarks of one partition's books.
pub struct Watermarks {
    recent: Overlay<Source, Mark>,
    retried: Overlay<Retried, ()>,
    store: ContextStore,
}

impl Watermarks {
    /// The watermarks over what the store holds.
    pub fn over(store: ContextStore) -> Self {
        Self { recent: Overlay::default(), retried: Overlay::default(), store }
    }

    fn find(&self, source: &Source) -> Option<Mark> {
        self.recent.get(source).copied().or_else(|| self.store.watermark(source))
    }

    /// Whether a command with this cause was admitted in that tenant's book. A step is done also where a later one is; a
    /// retry only where it was admitted itself.
    pub fn is_done(&self, target: Tenant, cause: &Cause) -> bool {
        let (source, mark) = (Source::of(target, &cause.causation), Mark::of(&cause.causation));
        match self.find(&source) {
            Some(last) if mark < last && cause.is_retry => self.is_retried((source, mark)),
            Some(last) => mark <= last,
            None => false,
        }
    }

    fn is_retried(&self, step: Retried) -> bool {
        self.retried.get(&step).is_some() || self.store.is_retried(&step)
    }

    /// Sets the mark of a command that was decided.
    pub fn put(&mut self, target: Tenant, cause: &Cause) -> Marked {
        let (source, mark) = (Source::of(target, &cause.causation), Mark::of(&cause.causation));
        let before = self.find(&source);
        if cause.is_retry && before.is_some_and(|last| mark <= last) {
            self.retried.put((source.clone(), mark), ());
            return Marked::Retried((source, mark));
        }
        self.recent.put(source.clone(), mark);
        Marked::Raised(source, mark, before)
    }

    /// The newest mark is taken back: its command was not admitted.
    pub fn take_back(&mut self, marked: &Marked) {
        match marked {
            Marked::Raised(source, _, before) => self.recent.take_back(source, *before),
            Marked::Retried(step) => self.retried.take_back(step, None),
        }
    }

    /// The oldest mark that was set is admitted.
    pub fn admit(&mut self, marked: &Marked) {
        match marked {
            Marked::Raised(source, mark, _) => self.recent.admit(source, *mark),
            Marked::Retried(step) => self.retried.admit(step, ()),
        }
    }

    /// What is to be saved.
    pub fn take_unsaved(&mut self) -> Unsaved {
        Unsaved { watermarks: self.recent.take_unsaved(), retried: self.retried.take_unsaved() }
    }

    /// What was taken has been saved.
    pub fn saved(&mut self) {
        self.recent.saved();
        self.retried.saved();
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
