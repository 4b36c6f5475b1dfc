//! What differs from what is stored: values that were decided, or admitted and not saved yet.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::RangeBounds,
    sync::Arc,
};

/// Values over those of a store, in the order in which they come to be there: open until their entry is admitted, admitted
/// until they are taken for saving, and held until that is done. The newest counts.
///
/// Each lies in a map of its own, so that what is saved changes hands as a whole: to find and let go each value by itself
/// would be most of the work of a fold.
#[derive(Debug)]
pub struct Overlay<K, V> {
    open: BTreeMap<K, Open<V>>,
    /// Admitted since the last [`Overlay::take_unsaved`].
    admitted: BTreeMap<K, V>,
    /// On its way to the store.
    saving: Arc<BTreeMap<K, V>>,
}

/// A value that may still be taken back.
#[derive(Debug)]
struct Open<V> {
    /// The newest.
    value: V,
    /// How many changes are neither taken back nor admitted.
    changes: u32,
}

impl<K, V> Default for Overlay<K, V> {
    fn default() -> Self {
        Self { open: BTreeMap::new(), admitted: BTreeMap::new(), saving: Arc::default() }
    }
}

impl<K: Ord + Clone, V> Overlay<K, V> {
    /// The newest value; `None` where the store's counts.
    pub fn get(&self, key: &K) -> Option<&V> {
        let open = self.open.get(key).map(|open| &open.value);
        open.or_else(|| self.admitted.get(key)).or_else(|| self.saving.get(key))
    }

    /// Everything that differs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.range(..)
    }

    /// What differs in a range of keys.
    pub fn range(&self, keys: impl RangeBounds<K> + Clone) -> impl Iterator<Item = (&K, &V)> {
        let mut newest = BTreeMap::new();
        newest.extend(self.saving.range(keys.clone()));
        newest.extend(self.admitted.range(keys.clone()));
        newest.extend(self.open.range(keys).map(|(key, open)| (key, &open.value)));
        newest.into_iter()
    }

    /// A change: a new value, open until it is taken back or admitted.
    pub fn put(&mut self, key: K, value: V) {
        match self.open.entry(key) {
            Entry::Occupied(mut open) => {
                let open = open.get_mut();
                open.value = value;
                open.changes += 1;
            }
            Entry::Vacant(free) => drop(free.insert(Open { value, changes: 1 })),
        }
    }

    /// The newest change is taken back: the value is again what it was before it (`None`: what is not open counts).
    pub fn take_back(&mut self, key: &K, before: Option<V>) {
        if let (Some(open), Some(before)) = (self.open.get_mut(key), before) {
            open.value = before;
        }
        self.close(key);
    }

    /// The oldest change that was not admitted yet is: this value is to be saved. Nothing happens where nothing was put.
    pub fn admit(&mut self, key: &K, value: V) {
        if self.close(key) {
            self.admitted.insert(key.clone(), value);
        }
    }

    /// A change that is admitted already, where no other is open: the quick way of a fold.
    pub fn put_admitted(&mut self, key: K, value: V) {
        self.admitted.insert(key, value);
    }

    /// A value that is admitted and not being saved, to be changed where it lies by what is admitted already.
    pub fn admitted_mut(&mut self, key: &K) -> Option<&mut V> {
        self.admitted.get_mut(key)
    }

    /// What is to be saved; it is held until [`Overlay::saved`], which has to come before this is asked again.
    pub fn take_unsaved(&mut self) -> Arc<BTreeMap<K, V>> {
        debug_assert!(self.saving.is_empty(), "what was taken before is not saved yet");
        self.saving = Arc::new(std::mem::take(&mut self.admitted));
        self.saving.clone()
    }

    /// What was taken is saved: the store says the same, so it is let go and given back.
    pub fn saved(&mut self) -> Arc<BTreeMap<K, V>> {
        std::mem::take(&mut self.saving)
    }

    /// One change less is open; false where none was.
    fn close(&mut self, key: &K) -> bool {
        let Some(open) = self.open.get_mut(key) else { return false };
        open.changes -= 1;
        if open.changes == 0 {
            self.open.remove(key);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_until_it_is_saved() {
        let mut overlay = Overlay::default();
        overlay.put("a", 1);
        overlay.put("a", 2);
        overlay.admit(&"a", 1);
        let saving = overlay.take_unsaved();
        assert_eq!(*saving, BTreeMap::from([("a", 1)]));
        assert_eq!(overlay.saved(), saving);
        assert_eq!(overlay.get(&"a"), Some(&2), "a newer change holds it");
        overlay.admit(&"a", 2);
        let saving = overlay.take_unsaved();
        assert_eq!(overlay.get(&"a"), Some(&2), "it is not saved yet");
        assert_eq!(overlay.saved(), saving);
        assert_eq!(*saving, BTreeMap::from([("a", 2)]));
        assert_eq!(overlay.get(&"a"), None);
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let mut overlay = Overlay::default();
        overlay.put("a", 1);
        overlay.admit(&"a", 1);
        overlay.put("a", 2);
        overlay.put("b", 5);
        overlay.take_back(&"b", None);
        overlay.take_back(&"a", Some(1));
        assert_eq!(overlay.iter().collect::<Vec<_>>(), [(&"a", &1)]);
        assert_eq!(*overlay.take_unsaved(), BTreeMap::from([("a", 1)]));
    }

    #[test]
    fn changes_that_are_admitted_together_are_saved_once() {
        let mut overlay = Overlay::default();
        for n in 1..=3 {
            overlay.put("a", n);
            overlay.admit(&"a", n);
        }
        assert_eq!(*overlay.take_unsaved(), BTreeMap::from([("a", 3)]));
        overlay.put("a", 4);
        overlay.admit(&"a", 4);
        overlay.saved();
        assert_eq!(overlay.get(&"a"), Some(&4));
        assert_eq!(*overlay.take_unsaved(), BTreeMap::from([("a", 4)]));
    }

    #[test]
    fn the_newest_counts_wherever_it_lies() {
        let mut overlay = Overlay::default();
        (1..=3).for_each(|key| overlay.put_admitted(key, "saving"));
        overlay.take_unsaved();
        (2..=4).for_each(|key| overlay.put_admitted(key, "admitted"));
        (3..=5).for_each(|key| overlay.put(key, "open"));
        let newest = [(1, "saving"), (2, "admitted"), (3, "open"), (4, "open"), (5, "open")];
        assert_eq!(overlay.iter().collect::<Vec<_>>(), newest.each_ref().map(|(key, value)| (key, value)));
        assert_eq!(overlay.range(2..=3).collect::<Vec<_>>(), [(&2, &"admitted"), (&3, &"open")]);
        assert!(newest.iter().all(|(key, value)| overlay.get(key) == Some(value)));
        (3..=5).for_each(|key| overlay.take_back(&key, None));
        assert_eq!(overlay.get(&4), Some(&"admitted"));
        assert_eq!(overlay.get(&5), None);
    }
}
