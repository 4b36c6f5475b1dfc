//! Tokens verified before, so that a caller's hundredth request costs a look-up and not an RSA operation.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use crate::auth::Caller;

/// The SHA-256 of a token: what a cache may keep of it.
pub(crate) type Fingerprint = [u8; 32];

/// A verified token's caller, until when (seconds since 1970) it holds, and by which generation of keys it was verified.
#[derive(Clone)]
pub(crate) struct Verified {
    pub caller: Caller,
    pub until: u64,
    pub generation: u64,
}

/// A bounded cache in two generations: when the young is full it becomes the old, and the old is forgotten. What is in use
/// is taken over into the young, so it stays.
pub(crate) struct TokenCache {
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    young: HashMap<Fingerprint, Verified>,
    old: HashMap<Fingerprint, Verified>,
}

impl TokenCache {
    /// Holds at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    /// The caller of a token verified before by this generation of keys that still holds at `now`.
    pub fn get(&self, token: &Fingerprint, generation: u64, now: u64) -> Option<Caller> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |verified: &&Verified| verified.until > now && verified.generation == generation;
        if let Some(verified) = entries.young.get(token) {
            return Some(verified).filter(holds).map(|verified| verified.caller.clone());
        }
        let verified = entries.old.remove(token)?;
        let caller = Some(&verified).filter(holds).map(|verified| verified.caller.clone());
        if caller.is_some() {
            self.keep(&mut entries, *token, verified);
        }
        caller
    }

    /// Keeps a verified token.
    pub fn put(&self, token: Fingerprint, verified: Verified) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep(&mut entries, token, verified);
    }

    fn keep(&self, entries: &mut Entries, token: Fingerprint, verified: Verified) {
        if entries.young.len() >= self.capacity / 2 {
            entries.old = mem::take(&mut entries.young);
        }
        entries.young.insert(token, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(until: u64) -> Verified {
        Verified { caller: Caller::default(), until, generation: 1 }
    }

    #[test]
    fn a_token_is_known_while_it_holds_and_its_keys_do() {
        let cache = TokenCache::new(8);
        cache.put([1; 32], verified(100));
        assert!(cache.get(&[1; 32], 1, 99).is_some());
        assert!(cache.get(&[1; 32], 1, 100).is_none(), "expired");
        assert!(cache.get(&[1; 32], 2, 99).is_none(), "other keys");
        assert!(cache.get(&[2; 32], 1, 99).is_none(), "another token");
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_in_use() {
        let cache = TokenCache::new(8);
        cache.put([255; 32], verified(100));
        for n in 0..100 {
            cache.put([n; 32], verified(100));
            assert!(cache.get(&[255; 32], 1, 1).is_some());
            let entries = cache.entries.lock().unwrap();
            assert!(entries.young.len() + entries.old.len() <= 8);
        }
    }
}
