//! What an operator tells a projector before it starts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::follow::Bounds;

/// `[journal]`: what all processes must agree on about the journals.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Journal {
    /// Partitions of each journal; fixed for ever once the topics are made.
    pub partitions: i32,
}

impl Default for Journal {
    fn default() -> Self {
        Self { partitions: 4 }
    }
}

/// `[projector]`: how a projector follows the journals.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Projector {
    /// Most entries stored at once.
    pub batch_entries: usize,
    /// Most bytes of entries stored at once; one entry has up to 512 KiB.
    pub batch_bytes: usize,
    /// How long after a batch the next one begins at the earliest, in milliseconds. What comes after a pause is stored at once.
    pub pace_ms: u64,
    /// The name under which progress is kept. A second projector of the same kind needs another.
    pub sink: Option<String>,
    /// The Postgres role that query-api connects as; it is granted the right to read.
    pub reader: String,
    /// The prefix of tables, indexes and topics outside Postgres; empty but for tests.
    pub prefix: String,
}

impl Default for Projector {
    fn default() -> Self {
        Self {
            batch_entries: 2_000,
            batch_bytes: 2 << 20,
            pace_ms: 0,
            sink: None,
            reader: "daybook_app".into(),
            prefix: String::new(),
        }
    }
}

impl Projector {
    /// At that pace: a store whose batches cost much is better given few large ones.
    pub fn at_pace(pace_ms: u64) -> Self {
        Self { pace_ms, ..Self::default() }
    }

    /// The name under which progress is kept, for the life of the process.
    pub fn sink_name(&self, usual: &'static str) -> &'static str {
        self.sink.as_ref().map_or(usual, |name| Box::leak(name.clone().into_boxed_str()))
    }

    /// How long brokers may gather entries before they answer: no longer than is nothing beside the pace.
    pub fn gather(&self) -> Duration {
        Duration::from_millis(self.pace_ms / 4)
    }

    /// The bounds of a batch while a view is built: as much as there is, without a pause.
    pub fn build_bounds(&self) -> Bounds {
        Bounds { pace: Duration::ZERO, ..self.bounds() }
    }

    /// The bounds of a batch.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            entries: self.batch_entries.max(1),
            bytes: self.batch_bytes,
            pace: Duration::from_millis(self.pace_ms),
        }
    }
}
