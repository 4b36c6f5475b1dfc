//! The rows of the local store: keys that lie side by side where they are read together, values as small as they can be.

use daybook_journal::{Checkpoint, Resume};
use daybook_kernel::{
    Datum, Kind, State, Tenant, Unique,
    book::storage::{Address, Reference, Series, UniqueKey},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::watermarks::{Mark, Retried, Source};

/// What an aggregate's row holds.
#[derive(Serialize, Deserialize)]
pub struct SlotRow {
    /// How many events made it.
    pub version: u64,
    /// The partition of the entry that changed it last.
    pub partition: i32,
    /// That entry's number.
    pub number: u64,
    /// The state.
    pub datum: Datum,
}

impl SlotRow {
    /// The state.
    ///
    /// # Panics
    /// When it is none of this declaration: the store is not what it was written as.
    pub fn state(self, kind: &dyn Kind) -> State {
        kind.from_datum(self.datum).expect("a stored state is one of this declaration")
    }
}

/// Where a partition's rows stand.
#[derive(Serialize, Deserialize)]
pub struct StandRow {
    checkpoint: String,
    highest_code: u32,
    owner_url: String,
    /// The highest time of an entry, in microseconds since 1970.
    pub latest: i64,
}

impl StandRow {
    pub fn new(at: &Resume, latest: i64) -> Self {
        let Resume { checkpoint, highest_code, owner_url } = at;
        Self { checkpoint: checkpoint.to_string(), highest_code: *highest_code, owner_url: owner_url.clone(), latest }
    }

    /// Where to read on; none for a row that is not one.
    pub fn resume(&self) -> Option<Resume> {
        let checkpoint: Checkpoint = self.checkpoint.parse().ok()?;
        Some(Resume { checkpoint, highest_code: self.highest_code, owner_url: self.owner_url.clone() })
    }
}

/// The row that says by which code the others were written.
pub const MADE_BY: &[u8] = b"m";

pub fn stand(partition: i32) -> Vec<u8> {
    key(b'c', &[&partition.to_be_bytes()])
}

pub fn slot((tenant, kind, id): &Address) -> Vec<u8> {
    key(b's', &[&place(*kind), tenant.as_bytes(), id.as_bytes()])
}

/// How the rows of all aggregates of a kind begin; what comes then is the tenant and the id.
pub fn slots(kind: usize) -> Vec<u8> {
    key(b's', &[&place(kind)])
}

pub fn unique((tenant, kind, Unique { field, key: value }): &UniqueKey) -> Vec<u8> {
    key(b'u', &[&place(*kind), tenant.as_bytes(), field.as_bytes(), &[0], value.as_bytes()])
}

pub fn reference((tenant, kind, field, to, from): &Reference) -> Vec<u8> {
    let mut bytes = references(*tenant, *kind, field, *to);
    bytes.extend(from.as_bytes());
    bytes
}

/// How the rows of all references to an aggregate begin; what comes then is who refers to it.
pub fn references(tenant: Tenant, kind: usize, field: &str, to: Uuid) -> Vec<u8> {
    key(b'r', &[&place(kind), tenant.as_bytes(), field.as_bytes(), &[0], to.as_bytes()])
}

pub fn last_number((tenant, kind): &Series) -> Vec<u8> {
    key(b'n', &[&place(*kind), tenant.as_bytes()])
}

pub fn count((tenant, kind): &Series) -> Vec<u8> {
    key(b'q', &[&place(*kind), tenant.as_bytes()])
}

pub fn book_number(tenant: &Tenant) -> Vec<u8> {
    key(b'b', &[tenant.as_bytes()])
}

pub fn watermark(source: &Source) -> Vec<u8> {
    of_source(b'w', source)
}

pub fn retried((source, Mark { number, step }): &Retried) -> Vec<u8> {
    let mut bytes = of_source(b'd', source);
    bytes.extend(number.to_be_bytes());
    bytes.extend(step.to_be_bytes());
    bytes
}

fn of_source(tag: u8, source: &Source) -> Vec<u8> {
    let Source { target, policy, context, tenant, book } = source;
    let book = book.as_deref().unwrap_or_default();
    // Neither names of policies nor those of contexts hold a zero.
    let (policy, context) = (policy.as_bytes(), context.as_bytes());
    key(tag, &[target.as_bytes(), policy, &[0], context, &[0], tenant.as_bytes(), book.as_bytes()])
}

/// The value of a row.
///
/// # Panics
/// Never: what is given here can all be written.
pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("rows are plain values")
}

/// A row's value.
///
/// # Panics
/// When it is none: the store is not what it was written as, and nothing may be decided on it.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes).expect("the local store holds rows of this form; delete its folder if it does not")
}

fn place(kind: usize) -> [u8; 2] {
    u16::try_from(kind).expect("a context has few kinds").to_be_bytes()
}

fn key(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    bytes.push(tag);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}
