//! What the local store holds of one context: the rows of its books, and its command ids by the day.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use daybook_contents::{BoundedContext, book_fingerprint};
use daybook_journal::Resume;
use daybook_kernel::{
    Kind, Tenant, Unique,
    book::storage::{Address, Series, Slot, Storage},
};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, compaction::Leveled, config::CompressionPolicy};
use uuid::Uuid;

use super::{
    LAYOUT,
    rows::{self, SlotRow, StandRow},
};
use crate::{
    watermarks::{Mark, Retried, Source},
    window::{Key, Remembered},
};

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// The rows of one context.
#[derive(Clone)]
pub struct ContextStore {
    database: Database,
    name: &'static str,
    kinds: &'static [&'static dyn Kind],
    pub(super) rows: Keyspace,
    /// Command ids, by the day of their entry, since whole days are forgotten.
    days: Arc<RwLock<BTreeMap<i64, Keyspace>>>,
}

impl ContextStore {
    /// Opens it; rows that were written by other code are dropped.
    pub(super) fn open(database: &Database, context: &'static BoundedContext) -> Result<Self, fjall::Error> {
        let made_by = format!("{LAYOUT}:{}", book_fingerprint(context.name));
        let mut rows = database.keyspace(context.name, books)?;
        let found = rows.get(rows::MADE_BY)?;
        if found.as_deref().is_some_and(|found| found != made_by.as_bytes()) {
            tracing::info!(context = context.name, "the local store is of other code; reading the journal anew");
            for (_, ids) in days(database, context.name)? {
                database.delete_keyspace(ids)?;
            }
            database.delete_keyspace(rows)?;
            rows = database.keyspace(context.name, books)?;
        }
        rows.insert(rows::MADE_BY, made_by.as_bytes())?;
        let days = days(database, context.name)?;
        Ok(Self {
            database: database.clone(),
            name: context.name,
            kinds: context.kinds,
            rows,
            days: Arc::new(RwLock::new(days)),
        })
    }

    /// Where the rows of a partition stand, and the highest time of an entry by then.
    pub fn stand(&self, partition: i32) -> Option<(Resume, i64)> {
        let row: StandRow = rows::read(&self.get(&rows::stand(partition))?);
        Some((row.resume()?, row.latest))
    }

    /// An aggregate's row.
    pub fn row(&self, at: &Address) -> Option<SlotRow> {
        Some(rows::read(&self.get(&rows::slot(at))?))
    }

    /// The rows of all aggregates of a kind, of every tenant. To be asked for at a start, of kinds with few.
    pub fn rows_of(&self, kind: usize) -> Vec<(Tenant, Uuid, SlotRow)> {
        let prefix = rows::slots(kind);
        let found = self.rows.prefix(&prefix).map(|row| {
            let (key, row) = row.into_inner().unwrap_or_else(|error| unreadable(&error));
            let id = |at: usize| Uuid::from_slice(&key[at..at + 16]).expect("a stored id has 16 bytes");
            (id(prefix.len()), id(prefix.len() + 16), rows::read(&row))
        });
        found.collect()
    }

    /// The last number of a tenant's book; 0 before the first.
    pub fn book_number(&self, tenant: Tenant) -> u64 {
        self.get(&rows::book_number(&tenant)).map_or(0, |row| rows::read(&row))
    }

    /// How far a policy's source was answered.
    pub fn watermark(&self, source: &Source) -> Option<Mark> {
        Some(rows::read(&self.get(&rows::watermark(source))?))
    }

    /// Whether a step was done by a retry below the watermark.
    pub fn is_retried(&self, step: &Retried) -> bool {
        self.get(&rows::retried(step)).is_some()
    }

    /// What is remembered of a command that was accepted on one of these days.
    pub fn remembered(&self, key: &Key, days: impl Iterator<Item = i64>) -> Option<Remembered> {
        let known = self.days.read().unwrap_or_else(PoisonError::into_inner);
        days.filter_map(|day| known.get(&day)).find_map(|ids| {
            let row = ids.get(key.bytes()).unwrap_or_else(|error| unreadable(&error));
            Some(rows::read(&row?))
        })
    }

    /// Where the command ids of a day lie.
    pub(super) fn day(&self, day: i64) -> Result<Keyspace, fjall::Error> {
        let mut known = self.days.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ids) = known.get(&day) {
            return Ok(ids.clone());
        }
        let opened = self.database.keyspace(&format!("{}.{day}", self.name), ids)?;
        known.insert(day, opened.clone());
        Ok(opened)
    }

    /// Forgets the command ids of the days before.
    pub(super) fn forget_before(&self, day: i64) -> Result<(), fjall::Error> {
        let old = {
            let mut known = self.days.write().unwrap_or_else(PoisonError::into_inner);
            let later = known.split_off(&day);
            std::mem::replace(&mut *known, later)
        };
        old.into_values().try_for_each(|ids| self.database.delete_keyspace(ids))
    }

    pub(super) fn kind(&self, place: usize) -> &'static dyn Kind {
        self.kinds[place]
    }

    pub(super) fn batch(&self) -> fjall::OwnedWriteBatch {
        self.database.batch()
    }

    fn get(&self, key: &[u8]) -> Option<fjall::Slice> {
        self.rows.get(key).unwrap_or_else(|error| unreadable(&error))
    }
}

impl Storage for ContextStore {
    fn slot(&self, at: &Address) -> Option<Slot> {
        let row = self.row(at)?;
        let (version, number) = (row.version, row.number);
        Some(Slot { state: row.state(self.kinds[at.1]), version, number })
    }

    fn holder(&self, tenant: Tenant, kind: usize, unique: &Unique) -> Option<Uuid> {
        let row = self.get(&rows::unique(&(tenant, kind, unique.clone())))?;
        Some(Uuid::from_slice(&row).expect("a stored id has 16 bytes"))
    }

    fn referrers(&self, tenant: Tenant, kind: usize, field: &'static str, to: Uuid) -> Vec<Uuid> {
        let prefix = rows::references(tenant, kind, field, to);
        let found = self.rows.prefix(&prefix).map(|row| {
            let key = row.key().unwrap_or_else(|error| unreadable(&error));
            Uuid::from_slice(&key[prefix.len()..]).expect("a stored id has 16 bytes")
        });
        found.collect()
    }

    fn last_number(&self, of: Series) -> u64 {
        self.get(&rows::last_number(&of)).map_or(0, |row| rows::read(&row))
    }

    fn count(&self, of: Series) -> u64 {
        self.get(&rows::count(&of)).map_or(0, |row| rows::read(&row))
    }
}

/// The day of a time in microseconds since 1970.
pub fn day_of(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

fn unreadable(error: &fjall::Error) -> ! {
    panic!("the local store cannot be read: {error}")
}

fn books() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(16 << 20)
        .data_block_compression_policy(CompressionPolicy::disabled())
}

/// Ids come in any order, each is written once and hardly ever read: to sort them among each other again and again would
/// be most of the work.
fn ids() -> KeyspaceCreateOptions {
    let rarely = Leveled::default().with_l0_threshold(12);
    books().max_memtable_size(32 << 20).compaction_strategy(Arc::new(rarely))
}

fn days(database: &Database, context: &str) -> Result<BTreeMap<i64, Keyspace>, fjall::Error> {
    let mut found = BTreeMap::new();
    for name in database.list_keyspace_names() {
        let day = name.strip_prefix(context).and_then(|rest| rest.strip_prefix('.')).and_then(|day| day.parse().ok());
        if let Some(day) = day {
            found.insert(day, database.keyspace(&name, ids)?);
        }
    }
    Ok(found)
}
