//! When a machine's admitted state goes to the local store: now and then, in the background, a batch at a time.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_journal::{Poison, Resume};
use daybook_kernel::{Tenant, book::storage::Unsaved};

use crate::{
    facts::Name,
    store::{Batch, ContextStore, Saver, Saving, Store},
    watermarks::Unsaved as Marks,
    window::{Key, Remembered},
};

/// A batch is written once so many entries have come, or some have and this time has gone by.
const ENTRIES: usize = 32_768;
const EVERY: Duration = Duration::from_secs(1);

/// With so many entries unsaved the machine waits for the store: memory is bounded.
const TOO_MANY: usize = ENTRIES + ENTRIES / 2;

/// What one machine has kept and is keeping.
pub struct Keeping {
    saver: Saver,
    /// Where it is kept.
    pub store: ContextStore,
    partition: i32,
    /// Where the machine began.
    pub resume: Option<Resume>,
    /// The highest time of an admitted entry, in microseconds since 1970.
    pub latest: i64,
    /// Entries admitted since the last batch.
    pub unsaved: usize,
    /// Facts published since then.
    pub facts: Vec<Name>,
    under_way: Option<Saved>,
    last: Instant,
}

/// A batch with the facts that it holds.
pub struct Saved {
    saving: Saving,
    /// The facts of its aggregates.
    pub facts: Vec<Name>,
}

impl Saved {
    /// What was written.
    pub fn batch(&self) -> &Batch {
        self.saving.batch()
    }
}

impl Keeping {
    /// What the store holds of that partition.
    pub fn new(all: &Store, store: ContextStore, partition: i32) -> Self {
        let (resume, latest) = match store.stand(partition) {
            Some((resume, latest)) => (Some(resume), latest),
            None => (None, 0),
        };
        Self {
            saver: all.saver.clone(),
            store,
            partition,
            resume,
            latest,
            unsaved: 0,
            facts: Vec::new(),
            under_way: None,
            last: Instant::now(),
        }
    }

    /// A batch that has been written since this was asked last.
    ///
    /// # Errors
    /// It cannot be written: nothing is kept any more.
    pub fn written(&mut self) -> Result<Option<Saved>, Poison> {
        let Some(Saved { saving, .. }) = &self.under_way else { return Ok(None) };
        if self.unsaved > TOO_MANY {
            saving.wait();
        }
        match saving.is_written() {
            Ok(false) => Ok(None),
            Ok(true) => Ok(self.under_way.take()),
            Err(reason) => Err(Poison(format!("the local store cannot be written: {reason}"))),
        }
    }

    /// Whether another batch should be written now.
    pub fn is_due(&self) -> bool {
        let due = self.unsaved >= ENTRIES || self.unsaved > 0 && self.last.elapsed() >= EVERY;
        due && self.under_way.is_none()
    }

    /// Has everything written that was admitted up to there.
    pub fn save(
        &mut self,
        at: &Resume,
        books: Unsaved,
        book_numbers: Arc<BTreeMap<Tenant, u64>>,
        remembered: Arc<BTreeMap<Key, Remembered>>,
        marks: Marks,
    ) {
        let (at, latest) = (at.clone(), self.latest);
        let batch = Batch { partition: self.partition, at, latest, books, book_numbers, remembered, marks };
        let saving = self.saver.save(&self.store, batch);
        self.under_way = Some(Saved { saving, facts: std::mem::take(&mut self.facts) });
        self.unsaved = 0;
        self.last = Instant::now();
    }
}
