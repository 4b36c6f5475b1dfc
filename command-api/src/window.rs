//! The window of command ids: what was accepted in the last 24 hours is answered again, not done again.

use std::{collections::BTreeMap, sync::Arc};

use daybook_kernel::{Tenant, book::Overlay};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::store::{ContextStore, day_of};

/// How long a command id is remembered, in microseconds of entry time.
const KEPT: i64 = 24 * 3_600 * 1_000_000;

/// A tenant's command id, hashed: the window holds many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    /// The key of that tenant's command id.
    pub fn new(tenant: Tenant, command_id: &str) -> Self {
        let digest = Sha256::new().chain_update(tenant.as_bytes()).chain_update(command_id.as_bytes()).finalize();
        Self(u128::from_be_bytes(std::array::from_fn(|n| digest[n])))
    }

    /// The hash; in the order of the keys.
    pub fn bytes(&self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// What is remembered of an accepted command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The first half of the request's fingerprint.
    fingerprint: [u8; 16],
    /// The aggregate of its receipt.
    pub id: Uuid,
    /// The version in its receipt.
    pub version: u64,
    /// The number of its entry.
    pub number: u64,
    /// The time of its entry, in microseconds since 1970.
    pub time: i64,
}

impl Remembered {
    /// An accepted command with what its receipt says.
    pub fn new(fingerprint: &[u8; 32], id: Uuid, version: u64, number: u64, time: i64) -> Self {
        Self { fingerprint: std::array::from_fn(|n| fingerprint[n]), id, version, number, time }
    }

    /// Whether it came from the same request.
    pub fn matches(&self, fingerprint: &[u8; 32]) -> bool {
        self.fingerprint == fingerprint[..16]
    }
}

/// The accepted commands of one partition, by their ids.
pub struct Window {
    recent: Overlay<Key, Remembered>,
    store: ContextStore,
}

impl Window {
    /// The window of what the store holds.
    pub fn over(store: ContextStore) -> Self {
        Self { recent: Overlay::default(), store }
    }

    /// What is remembered of that command at this time.
    pub fn find(&self, key: &Key, now_micros: i64) -> Option<Remembered> {
        let oldest = now_micros - KEPT;
        let days = (day_of(oldest)..=day_of(now_micros)).rev();
        let found = self.recent.get(key).copied().or_else(|| self.store.remembered(key, days));
        found.filter(|remembered| remembered.time >= oldest)
    }

    /// Whether what was accepted then may still be asked for at this time.
    pub fn covers(time: i64, now_micros: i64) -> bool {
        // Twice as long, since a clock may be wrong.
        time >= now_micros - 2 * KEPT
    }

    /// Remembers a command that was decided.
    pub fn remember(&mut self, key: Key, remembered: Remembered) {
        self.recent.put(key, remembered);
    }

    /// Remembers a command that is admitted already.
    pub fn remember_admitted(&mut self, key: Key, remembered: Remembered) {
        self.recent.put_admitted(key, remembered);
    }

    /// Forgets the newest: it was not admitted.
    pub fn take_back(&mut self, key: &Key) {
        self.recent.take_back(key, None);
    }

    /// The oldest that was remembered is admitted.
    pub fn admit(&mut self, key: &Key, remembered: Remembered) {
        self.recent.admit(key, remembered);
    }

    /// What is to be saved.
    pub fn take_unsaved(&mut self) -> Arc<BTreeMap<Key, Remembered>> {
        self.recent.take_unsaved()
    }

    /// What was taken has been saved.
    pub fn saved(&mut self) {
        self.recent.saved();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn window() -> (tempfile::TempDir, Window) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 1 << 20).unwrap();
        (folder, Window::over(store.context("incident").clone()))
    }

    fn remembered(n: u64, time: i64) -> Remembered {
        Remembered::new(&[7; 32], Uuid::from_u128(u128::from(n)), n, n, time)
    }

    #[test]
    fn remembers_for_a_day_of_entry_time() {
        let (_folder, mut window) = window();
        let tenant = Uuid::from_u128(1);
        let (first, second) = (Key::new(tenant, "a"), Key::new(tenant, "b"));
        window.remember(first, remembered(1, 0));
        window.remember(second, remembered(2, KEPT));
        assert_eq!(window.find(&first, KEPT), Some(remembered(1, 0)));
        assert_eq!(window.find(&first, KEPT + 1), None);
        assert_eq!(window.find(&second, KEPT + 1), Some(remembered(2, KEPT)));
    }

    #[test]
    fn what_is_taken_back_is_forgotten() {
        let (_folder, mut window) = window();
        let key = Key::new(Uuid::from_u128(1), "a");
        window.remember(key, remembered(1, 0));
        window.take_back(&key);
        assert_eq!(window.find(&key, 0), None);
    }

    #[test]
    fn the_same_id_of_two_tenants_is_two_commands() {
        assert_ne!(Key::new(Uuid::from_u128(1), "a"), Key::new(Uuid::from_u128(2), "a"));
    }
}
