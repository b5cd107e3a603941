//! What is due when.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use tokio::time::Instant;

/// Keys by the time at which each is due; a key stands in it once.
pub(crate) struct Schedule<K> {
    order: BTreeSet<(Instant, K)>,
    at: HashMap<K, Instant>,
}

impl<K> Default for Schedule<K> {
    fn default() -> Self {
        Schedule { order: BTreeSet::new(), at: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> Schedule<K> {
    /// Makes `key` due at `at`, whenever it was due before.
    pub(crate) fn set(&mut self, key: K, at: Instant) {
        if let Some(before) = self.at.insert(key, at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((at, key));
    }

    /// Takes `key` out.
    pub(crate) fn remove(&mut self, key: K) {
        if let Some(at) = self.at.remove(&key) {
            self.order.remove(&(at, key));
        }
    }

    /// Whether `key` is due at some time.
    pub(crate) fn contains(&self, key: K) -> bool {
        self.at.contains_key(&key)
    }

    /// When the next key is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The next key, if it is due by `now`.
    pub(crate) fn due(&self, now: Instant) -> Option<K> {
        self.order.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)
    }

    /// Takes the next key out, if it is due by `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<K> {
        let key = self.due(now)?;
        self.remove(key);
        Some(key)
    }

    /// How many are due by `now`, counted up to `most`.
    pub(crate) fn count(&self, now: Instant, most: usize) -> usize {
        self.order.iter().take_while(|(at, _)| *at <= now).take(most).count()
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// Takes the next key out, whenever it is due.
    pub(crate) fn pop_any(&mut self) -> Option<K> {
        let (_, key) = self.order.pop_first()?;
        self.at.remove(&key);
        Some(key)
    }

    /// Every key, in the order in which they are due.
    pub(crate) fn into_keys(self) -> impl Iterator<Item = K> {
        self.order.into_iter().map(|(_, key)| key)
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.at.clear();
    }
}
