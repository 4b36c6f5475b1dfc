//! A value made of files, such as a certificate with its key: made anew when they change, so that what is renewed on disk is
//! used without a restart.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

/// How often the files are looked at, at most; a renewed certificate has time.
const LOOK: Duration = Duration::from_secs(1);

/// Why a value cannot be made of its files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl FileError {
    /// What is wrong with that file.
    pub fn new(path: &Path, why: impl std::fmt::Display) -> Self {
        Self { path: path.to_owned(), why: why.to_string() }
    }
}

type Make<T> = Box<dyn Fn() -> Result<T, FileError> + Send + Sync>;

/// The value as the files had it when they were looked at last.
pub(crate) struct OfFiles<T> {
    value: ArcSwap<T>,
    files: Vec<PathBuf>,
    make: Make<T>,
    began: Instant,
    /// When the files were looked at last, in milliseconds since `began`.
    looked: AtomicU64,
    as_of: Mutex<Vec<Option<SystemTime>>>,
}

impl<T> OfFiles<T> {
    /// The value of these files.
    ///
    /// # Errors
    /// It cannot be made of them.
    pub fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, FileError> + Send + Sync + 'static,
    ) -> Result<Self, FileError> {
        let as_of = Mutex::new(times(&files));
        let value = ArcSwap::from_pointee(make()?);
        Ok(Self { value, files, make: Box::new(make), began: Instant::now(), looked: AtomicU64::new(0), as_of })
    }

    /// The value. While the files are in a state of which none can be made, the one before stays.
    pub fn get(&self) -> Arc<T> {
        let now = self.began.elapsed().as_millis() as u64;
        let looked = self.looked.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(looked) >= LOOK.as_millis() as u64;
        if is_due && self.looked.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.look();
        }
        self.value.load_full()
    }

    fn look(&self) {
        let mut as_of = self.as_of.lock().unwrap_or_else(PoisonError::into_inner);
        let times = times(&self.files);
        if *as_of == times {
            return;
        }
        match (self.make)() {
            Ok(value) => {
                self.value.store(Arc::new(value));
                tracing::info!(files = ?self.files, "read anew");
            }
            Err(error) => {
                tracing::warn!(%error, "a file has changed and cannot be used; what it said before stays in force")
            }
        }
        *as_of = times;
    }
}

fn times(files: &[PathBuf]) -> Vec<Option<SystemTime>> {
    files.iter().map(|file| std::fs::metadata(file).and_then(|file| file.modified()).ok()).collect()
}
