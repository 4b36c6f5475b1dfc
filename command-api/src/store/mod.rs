//! The local store: folded books, number series, indexes, command ids and watermarks, each with the entry up to which they stand.
//!
//! It is a cache in a folder of this process. Without it the journals are read from their beginning, and all comes to be
//! the same. What one batch writes is there wholly or not at all, so it never holds half of an entry.

mod context;
mod rows;
mod saving;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use daybook_contents::CONTEXTS;
use fjall::Database;

pub use context::{ContextStore, day_of};
pub use saving::{Batch, Saver, Saving, Work};

/// The form of the rows. To be raised when it changes, or when the kernel folds otherwise.
const LAYOUT: u32 = 4;

/// Why there is no local store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made, read or written.
    #[error("the local store in {folder}: {source}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it open.
    #[error(
        "the local store in {folder} is in use by another process: every instance needs a folder of its own (store.folder)"
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The database in it fails.
    #[error("the local store in {folder}: {source}")]
    Database {
        /// The folder.
        folder: PathBuf,
        /// What it says.
        source: fjall::Error,
    },
}

/// The local store of this process.
#[derive(Clone)]
pub struct Store {
    contexts: Arc<HashMap<&'static str, ContextStore>>,
    /// Writes batches on a thread of its own.
    pub saver: Saver,
}

impl Store {
    /// Opens the store in this folder, or makes it. One that cannot be read, or was written by code that folds otherwise, is
    /// begun anew. Blocks. So many bytes of it are kept in memory.
    ///
    /// # Errors
    /// The folder cannot be used, or another process uses it.
    pub fn open(folder: &Path, cache: u64) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Folder { folder: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let database = match open(folder, cache) {
            Ok(database) => database,
            Err(fjall::Error::Locked) => return Err(StoreError::InUse { folder: folder.to_owned() }),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the local store cannot be read and is begun anew");
                fs::remove_dir_all(folder).and_then(|()| fs::create_dir_all(folder)).map_err(failed)?;
                open(folder, cache).map_err(|source| StoreError::Database { folder: folder.to_owned(), source })?
            }
        };
        let contexts = CONTEXTS.iter().map(|context| Ok((context.name, ContextStore::open(&database, context)?)));
        let contexts: Result<_, fjall::Error> = contexts.collect();
        let contexts = contexts.map_err(|source| StoreError::Database { folder: folder.to_owned(), source })?;
        Ok(Self { contexts: Arc::new(contexts), saver: Saver::start() })
    }

    /// What it holds of a context.
    ///
    /// # Panics
    /// Never for a context of the contents.
    pub fn context(&self, name: &str) -> &ContextStore {
        self.contexts.get(name).expect("the store was opened with every context")
    }
}

fn open(folder: &Path, cache: u64) -> Result<Database, fjall::Error> {
    Database::builder(folder).cache_size(cache).max_journaling_size(64 << 20).worker_threads(2).open()
}
