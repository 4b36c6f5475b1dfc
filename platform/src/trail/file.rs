//! The file of the trail: lines only ever appended, a new file beyond a size, the oldest removed beyond a number.
//!
//! What waits in the queue (at most 4,096 records) is lost when the process is killed; what does not fit, and what the disk
//! does not take, is counted in `daybook_trail_lost_total`. Records reach the disk's cache at once and the disk within a second.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How many records wait at most.
const QUEUE: usize = 4_096;

/// How often what was written is made to reach the disk.
const SYNC: Duration = Duration::from_secs(1);

/// Why there is no trail.
#[derive(Debug, thiserror::Error)]
#[error("settings: trail.folder: {}: {source}", path.display())]
pub struct TrailError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

enum Word {
    Line(String),
    Flush(SyncSender<()>),
}

/// The way to the file; a thread of its own writes it.
pub(super) struct File {
    queue: SyncSender<Word>,
    is_full: AtomicBool,
}

impl File {
    pub fn open(folder: &Path, service: &str, file_bytes: u64, files: usize) -> Result<Self, TrailError> {
        let path = folder.join(format!("{service}.jsonl"));
        let wrong = |source| TrailError { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(wrong)?;
        let mut written =
            Written { path: path.clone(), file: append(&path).map_err(wrong)?, bytes: 0, file_bytes, files };
        written.bytes = written.file.metadata().map_err(wrong)?.len();
        let (queue, words) = sync_channel(QUEUE);
        std::thread::Builder::new().name("trail".into()).spawn(move || written.follow(&words)).map_err(wrong)?;
        Ok(Self { queue, is_full: AtomicBool::new(false) })
    }

    pub fn keep(&self, line: String) {
        let fits = self.queue.try_send(Word::Line(line)).is_ok();
        if !fits {
            lost();
        }
        if self.is_full.swap(!fits, Ordering::Relaxed) == fits && !fits {
            tracing::error!("the trail cannot be written as fast as it comes: records are lost");
        }
    }

    pub fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.queue.send(Word::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(Duration::from_secs(5));
        }
    }
}

fn lost() {
    ::metrics::counter!("daybook_trail_lost_total").increment(1);
}

fn append(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The file as it is written.
struct Written {
    path: PathBuf,
    file: fs::File,
    bytes: u64,
    file_bytes: u64,
    files: usize,
}

impl Written {
    fn follow(&mut self, words: &Receiver<Word>) {
        let (mut synced, mut is_failing) = (Instant::now(), false);
        loop {
            match words.recv_timeout(SYNC) {
                Ok(Word::Line(line)) => match self.write(line) {
                    Ok(()) => is_failing = false,
                    Err(error) => {
                        lost();
                        if !std::mem::replace(&mut is_failing, true) {
                            tracing::error!(%error, path = %self.path.display(), "the trail cannot be written: records are lost");
                        }
                    }
                },
                Ok(Word::Flush(done)) => {
                    let _ = self.file.sync_data();
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if synced.elapsed() >= SYNC {
                let _ = self.file.sync_data();
                synced = Instant::now();
            }
        }
    }

    fn write(&mut self, mut line: String) -> io::Result<()> {
        line.push('\n');
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.file_bytes {
            self.turn_over()?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// `x.jsonl` becomes `x.jsonl.1`, and so on; the last one goes.
    fn turn_over(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let numbered = |n: usize| PathBuf::from(format!("{}.{n}", self.path.display()));
        for n in (1..self.files.max(1)).rev() {
            if numbered(n).exists() {
                fs::rename(numbered(n), numbered(n + 1))?;
            }
        }
        fs::rename(&self.path, numbered(1))?;
        let beyond = numbered(self.files.max(1) + 1);
        if beyond.exists() {
            fs::remove_file(beyond)?;
        }
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_turned_over_and_the_oldest_go() {
        let folder = std::env::temp_dir().join(format!("daybook-trail-{}", uuid::Uuid::now_v7()));
        let file = File::open(&folder, "service", 100, 2).unwrap();
        for n in 0..10 {
            file.keep(format!("{n:0>39}"));
        }
        file.flush();
        let lines = |name: &str| {
            fs::read_to_string(folder.join(name))
                .unwrap_or_default()
                .lines()
                .map(|line| line.trim_start_matches('0').to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(lines("service.jsonl"), ["8", "9"]);
        assert_eq!(lines("service.jsonl.1"), ["6", "7"]);
        assert_eq!(lines("service.jsonl.2"), ["4", "5"]);
        assert!(!folder.join("service.jsonl.3").exists());

        // A process that starts again goes on where the file ends.
        drop(file);
        let again = File::open(&folder, "service", 1_000, 2).unwrap();
        again.keep("more".to_owned());
        again.flush();
        assert_eq!(lines("service.jsonl"), ["8", "9", "more"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
