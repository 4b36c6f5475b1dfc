//! The window of command ids: what was accepted in the last 24 hours is answered again, not done again.

use std::collections::{HashMap, VecDeque};

use daybook_kernel::Tenant;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How long a command id is remembered, in microseconds of entry time.
const KEPT: i64 = 24 * 3_600 * 1_000_000;

/// A tenant's command id, hashed: the window holds many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u128);

impl Key {
    /// The key of that tenant's command id.
    pub fn new(tenant: Tenant, command_id: &str) -> Self {
        let digest = Sha256::new().chain_update(tenant.as_bytes()).chain_update(command_id.as_bytes()).finalize();
        Self(u128::from_be_bytes(std::array::from_fn(|n| digest[n])))
    }
}

/// What is remembered of an accepted command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The first half of the request's fingerprint.
    fingerprint: [u8; 16],
    /// The aggregate of its receipt.
    pub id: Uuid,
    /// The version in its receipt.
    pub version: u64,
    /// The number of its entry.
    pub number: u64,
}

impl Seen {
    /// An accepted command with what its receipt says.
    pub fn new(fingerprint: &[u8; 32], id: Uuid, version: u64, number: u64) -> Self {
        Self { fingerprint: std::array::from_fn(|n| fingerprint[n]), id, version, number }
    }

    /// Whether it came from the same request.
    pub fn matches(&self, fingerprint: &[u8; 32]) -> bool {
        self.fingerprint == fingerprint[..16]
    }
}

/// The accepted commands of one partition, by their ids.
#[derive(Default)]
pub struct Window {
    seen: HashMap<Key, Seen>,
    order: VecDeque<(i64, Key)>,
}

impl Window {
    /// What is remembered of that command.
    pub fn find(&self, key: Key) -> Option<&Seen> {
        self.seen.get(&key)
    }

    /// Remembers an accepted command, and forgets those that are 24 hours older.
    pub fn remember(&mut self, key: Key, seen: Seen, time: i64) {
        self.seen.insert(key, seen);
        self.order.push_back((time, key));
        while let Some((then, old)) = self.order.front().copied()
            && then < time - KEPT
        {
            self.order.pop_front();
            self.seen.remove(&old);
        }
    }

    /// Forgets the newest: it was not admitted.
    pub fn take_back(&mut self, key: Key) {
        if self.order.back().is_some_and(|(_, newest)| *newest == key) {
            self.order.pop_back();
            self.seen.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: u64) -> Seen {
        Seen::new(&[7; 32], Uuid::from_u128(u128::from(n)), n, n)
    }

    #[test]
    fn remembers_for_a_day_of_entry_time() {
        let tenant = Uuid::from_u128(1);
        let (first, second) = (Key::new(tenant, "a"), Key::new(tenant, "b"));
        let mut window = Window::default();
        window.remember(first, seen(1), 0);
        window.remember(second, seen(2), KEPT);
        assert_eq!(window.find(first), Some(&seen(1)));
        window.remember(Key::new(tenant, "c"), seen(3), KEPT + 1);
        assert_eq!((window.find(first), window.find(second)), (None, Some(&seen(2))));
    }

    #[test]
    fn takes_back_the_newest_only() {
        let tenant = Uuid::from_u128(1);
        let (first, second) = (Key::new(tenant, "a"), Key::new(tenant, "b"));
        let mut window = Window::default();
        window.remember(first, seen(1), 0);
        window.remember(second, seen(2), 1);
        window.take_back(first);
        assert!(window.find(first).is_some());
        window.take_back(second);
        assert!(window.find(second).is_none());
    }

    #[test]
    fn the_same_id_of_two_tenants_is_two_commands() {
        assert_ne!(Key::new(Uuid::from_u128(1), "a"), Key::new(Uuid::from_u128(2), "a"));
    }
}
