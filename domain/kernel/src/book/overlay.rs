//! What differs from what is stored: values that were decided, or admitted and not saved yet.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::RangeInclusive,
};

/// Values over those of a store, each for as long as something holds it: a change that may be taken back, or one that
/// was admitted and is not saved yet. What nothing holds is let go, since the store says the same.
#[derive(Debug)]
pub struct Overlay<K, V> {
    held: BTreeMap<K, Held<V>>,
    /// What was admitted since the last [`Overlay::take_unsaved`].
    unsaved: Vec<K>,
}

#[derive(Debug)]
struct Held<V> {
    /// The newest value, admitted or not.
    value: V,
    /// How many changes hold it; all that were admitted and not taken for saving hold once.
    by: u32,
    admitted: Admitted<V>,
}

/// The value admitted last, until it is taken for saving.
#[derive(Debug)]
enum Admitted<V> {
    /// None since the last saving.
    Nothing,
    /// The newest value.
    Newest,
    /// One before the newest.
    Earlier(V),
}

impl<K, V> Default for Overlay<K, V> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), unsaved: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Overlay<K, V> {
    /// The newest value; `None` where the store's counts.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.held.get(key).map(|held| &held.value)
    }

    /// Everything that differs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.held.iter().map(|(key, held)| (key, &held.value))
    }

    /// What differs in a range of keys.
    pub fn range(&self, keys: RangeInclusive<K>) -> impl Iterator<Item = (&K, &V)> {
        self.held.range(keys).map(|(key, held)| (key, &held.value))
    }

    /// A change: a new value, held until it is taken back or saved.
    pub fn put(&mut self, key: K, value: V) {
        match self.held.entry(key) {
            Entry::Occupied(mut held) => {
                let held = held.get_mut();
                let before = std::mem::replace(&mut held.value, value);
                if matches!(held.admitted, Admitted::Newest) {
                    held.admitted = Admitted::Earlier(before);
                }
                held.by += 1;
            }
            Entry::Vacant(free) => drop(free.insert(Held { value, by: 1, admitted: Admitted::Nothing })),
        }
    }

    /// The newest change is taken back: the value is again what it was before it (`None`: the store's).
    pub fn take_back(&mut self, key: &K, before: Option<V>) {
        if let (Some(held), Some(before)) = (self.held.get_mut(key), before) {
            held.value = before;
        }
        self.let_go(key);
    }

    /// The oldest change that was not admitted yet is: this value is to be saved. Nothing happens where nothing was put.
    pub fn admit(&mut self, key: &K, value: V) {
        let Some(held) = self.held.get_mut(key) else { return };
        match std::mem::replace(&mut held.admitted, Admitted::Earlier(value)) {
            Admitted::Nothing => self.unsaved.push(key.clone()),
            Admitted::Newest | Admitted::Earlier(_) => held.by -= 1,
        }
    }

    /// A change that is admitted already, where no other is open: the quick way of a fold.
    pub fn put_admitted(&mut self, key: K, value: V) {
        match self.held.entry(key) {
            Entry::Occupied(mut held) => {
                let unsaved = held.key().clone();
                let held = held.get_mut();
                held.value = value;
                if matches!(std::mem::replace(&mut held.admitted, Admitted::Newest), Admitted::Nothing) {
                    held.by += 1;
                    self.unsaved.push(unsaved);
                }
            }
            Entry::Vacant(free) => {
                self.unsaved.push(free.key().clone());
                free.insert(Held { value, by: 1, admitted: Admitted::Newest });
            }
        }
    }

    /// A value that is admitted and not being saved, to be changed where it lies by what is admitted already.
    pub fn admitted_mut(&mut self, key: &K) -> Option<&mut V> {
        let held = self.held.get_mut(key)?;
        (held.by == 1 && matches!(held.admitted, Admitted::Newest)).then_some(&mut held.value)
    }

    /// What is to be saved; it is held until [`Overlay::saved`].
    pub fn take_unsaved(&mut self) -> BTreeMap<K, V> {
        let keys = std::mem::take(&mut self.unsaved).into_iter();
        let taken = keys.filter_map(|key| {
            let held = self.held.get_mut(&key)?;
            let value = match std::mem::replace(&mut held.admitted, Admitted::Nothing) {
                Admitted::Nothing => return None,
                Admitted::Newest => held.value.clone(),
                Admitted::Earlier(value) => value,
            };
            Some((key, value))
        });
        taken.collect()
    }

    /// These are saved; gives back what nothing holds any more.
    pub fn saved<'a>(&mut self, keys: impl Iterator<Item = &'a K>) -> Vec<(K, V)>
    where
        K: 'a,
    {
        keys.filter_map(|key| self.let_go(key)).collect()
    }

    fn let_go(&mut self, key: &K) -> Option<(K, V)> {
        let held = self.held.get_mut(key)?;
        held.by -= 1;
        if held.by > 0 {
            return None;
        }
        self.held.remove_entry(key).map(|(key, held)| (key, held.value))
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
        assert_eq!(saving, BTreeMap::from([("a", 1)]));
        assert_eq!(overlay.saved(saving.keys()), []);
        assert_eq!(overlay.get(&"a"), Some(&2), "a newer change holds it");
        overlay.admit(&"a", 2);
        let saving = overlay.take_unsaved();
        assert_eq!(overlay.saved(saving.keys()), [("a", 2)]);
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
        assert_eq!(overlay.take_unsaved(), BTreeMap::from([("a", 1)]));
    }

    #[test]
    fn changes_that_are_saved_together_hold_once() {
        let mut overlay = Overlay::default();
        for n in 1..=3 {
            overlay.put("a", n);
            overlay.admit(&"a", n);
        }
        let saving = overlay.take_unsaved();
        overlay.put("a", 4);
        overlay.admit(&"a", 4);
        assert_eq!(overlay.saved(saving.keys()), []);
        assert_eq!(overlay.get(&"a"), Some(&4));
        let saving = overlay.take_unsaved();
        assert_eq!(overlay.saved(saving.keys()), [("a", 4)]);
    }
}
