//! Saving: what was admitted since the last time is written on a thread of its own, with the entry up to which it stands.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
};

use daybook_journal::Resume;
use daybook_kernel::{Tenant, book::storage::Unsaved};

use super::{
    context::{ContextStore, day_of},
    rows::{self, SlotRow, StandRow},
};
use crate::{
    watermarks::Unsaved as Marks,
    window::{Key, Remembered},
};

/// What one partition has to write, all or nothing.
pub struct Batch {
    /// The partition.
    pub partition: i32,
    /// The entry up to which it is all there is.
    pub at: Resume,
    /// The highest time of an entry by then.
    pub latest: i64,
    /// The books.
    pub books: Unsaved,
    /// The last numbers of tenants' books.
    pub book_numbers: Arc<BTreeMap<Tenant, u64>>,
    /// Accepted commands.
    pub remembered: Arc<BTreeMap<Key, Remembered>>,
    /// How far policies' sources were answered.
    pub marks: Marks,
}

/// How far the writing of a batch is.
enum Progress {
    UnderWay,
    Written,
    Failed(String),
}

/// A batch that is being written.
#[derive(Clone)]
pub struct Saving(Arc<Shared>);

struct Shared {
    batch: Batch,
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Saving {
    /// What is written.
    pub fn batch(&self) -> &Batch {
        &self.0.batch
    }

    /// Whether it is written by now.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn is_written(&self) -> Result<bool, String> {
        match &*self.progress() {
            Progress::UnderWay => Ok(false),
            Progress::Written => Ok(true),
            Progress::Failed(reason) => Err(reason.clone()),
        }
    }

    /// Waits until it is written or has failed.
    pub fn wait(&self) {
        let under_way = |progress: &mut Progress| matches!(progress, Progress::UnderWay);
        drop(self.0.changed.wait_while(self.progress(), under_way).unwrap_or_else(PoisonError::into_inner));
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch on its way to the thread.
pub struct Work {
    store: ContextStore,
    saving: Saving,
}

/// The thread that writes. It ends when nobody can give it work any more.
#[derive(Clone)]
pub struct Saver(mpsc::Sender<Work>);

impl Saver {
    pub(super) fn start() -> Self {
        let (give, work) = mpsc::channel::<Work>();
        let thread = std::thread::Builder::new().name("saver".into()).spawn(move || {
            for Work { store, saving } in work {
                let progress = match write(&store, &saving.0.batch) {
                    Ok(()) => Progress::Written,
                    Err(error) => Progress::Failed(error.to_string()),
                };
                *saving.progress() = progress;
                saving.0.changed.notify_all();
            }
        });
        thread.expect("a thread can be started");
        Self(give)
    }

    /// Has a batch written.
    pub fn save(&self, store: &ContextStore, batch: Batch) -> Saving {
        let (progress, changed) = (Mutex::new(Progress::UnderWay), Condvar::new());
        let saving = Saving(Arc::new(Shared { batch, progress, changed }));
        if self.0.send(Work { store: store.clone(), saving: saving.clone() }).is_err() {
            *saving.progress() = Progress::Failed("its thread has ended".to_owned());
        }
        saving
    }
}

fn write(store: &ContextStore, batch: &Batch) -> Result<(), fjall::Error> {
    let partition = batch.partition;
    let mut rows = store.batch();
    for (at, slot) in batch.books.slots.iter() {
        let datum = store.kind(at.1).to_datum(&slot.state);
        let row = SlotRow { version: slot.version, partition, number: slot.number, datum };
        rows.insert(&store.rows, rows::slot(at), rows::write(&row));
    }
    for (unique, holder) in batch.books.unique.iter() {
        match holder {
            Some(holder) => rows.insert(&store.rows, rows::unique(unique), holder.as_bytes().as_slice()),
            None => rows.remove(&store.rows, rows::unique(unique)),
        }
    }
    for (reference, is) in batch.books.references.iter() {
        match is {
            true => rows.insert(&store.rows, rows::reference(reference), [].as_slice()),
            false => rows.remove(&store.rows, rows::reference(reference)),
        }
    }
    for (series, number) in batch.books.numbers.iter() {
        rows.insert(&store.rows, rows::last_number(series), rows::write(number));
    }
    for (of, count) in batch.books.counts.iter() {
        rows.insert(&store.rows, rows::count(of), rows::write(count));
    }
    for (tenant, number) in batch.book_numbers.iter() {
        rows.insert(&store.rows, rows::book_number(tenant), rows::write(number));
    }
    for (source, mark) in batch.marks.watermarks.iter() {
        rows.insert(&store.rows, rows::watermark(source), rows::write(mark));
    }
    for step in batch.marks.retried.keys() {
        rows.insert(&store.rows, rows::retried(step), [].as_slice());
    }
    for (key, remembered) in batch.remembered.iter() {
        rows.insert(&store.day(day_of(remembered.time))?, key.bytes(), rows::write(remembered));
    }
    rows.insert(&store.rows, rows::stand(partition), rows::write(&StandRow::new(&batch.at, batch.latest)));
    rows.commit()?;
    // Of yesterday everything may still be asked for.
    store.forget_before(day_of(batch.latest) - 1)
}
