//! Which events of a cursor were delivered, so that a window that shows them again gives none twice.
//!
//! An id is *pending* from the moment its event is given, and *seen* only when it is delivered. Seen ids stand in buckets by
//! the hour in which their event happened: those of the windows under way in memory, all others only in the store. When the
//! cursors of a unit have too many in memory together, each leaves to the store whatever is written there, and reads it again
//! for the next page that needs it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use quittance_core::{Change, EventId, OutputSet, Store, StoreError, planted};

/// Ids of a unit in memory beyond which they are left to the store: about 20 MB.
pub(super) const MOST_LOADED: usize = 500_000;

/// Ids of a change: the store writes them as one value.
const MOST_TOGETHER: usize = 50_000;

const HOUR: i64 = 3_600_000;

/// The hour of a time in milliseconds.
pub(super) fn hour(at: i64) -> i64 {
    at.div_euclid(HOUR)
}

/// What is known of one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// Nothing: it was never given.
    New,
    /// It is under way.
    Pending,
    /// It came back: these outputs lack it.
    Owed(OutputSet),
    /// It was delivered.
    Seen,
}

/// An hour in memory.
#[derive(Default)]
struct Bucket {
    /// Whether everything that the store has of it is here.
    whole: bool,
    ids: HashSet<EventId>,
    unsaved: Vec<EventId>,
}

/// An event that was given and is not delivered.
struct Pending {
    hour: i64,
    /// The outputs that lack it, if it came back; else it is under way.
    owed: Option<OutputSet>,
}

/// How many ids of a cursor are in memory, as a part of those of its unit.
struct Part {
    unit: Arc<AtomicUsize>,
    own: usize,
}

impl Part {
    fn add(&mut self, ids: usize) {
        self.own += ids;
        self.unit.fetch_add(ids, Relaxed);
    }

    fn take(&mut self, ids: usize) {
        self.own -= ids;
        self.unit.fetch_sub(ids, Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.unit.fetch_sub(self.own, Relaxed);
    }
}

/// The events of one cursor.
pub(super) struct Seen {
    cursor: String,
    in_memory: Part,
    loaded: BTreeMap<i64, Bucket>,
    /// How many ids the store has of each hour, together with those that it shall have.
    counts: BTreeMap<i64, u64>,
    pending: HashMap<EventId, Pending>,
    /// Ids that may be remembered.
    most: u64,
    forget: Option<i64>,
}

impl Seen {
    /// `in_memory` counts the ids that all cursors of the unit have in memory.
    pub(super) async fn open(
        store: &dyn Store,
        scope: &str,
        cursor: &str,
        most: u64,
        in_memory: &Arc<AtomicUsize>,
    ) -> Result<Seen, StoreError> {
        let counts = store.remembered_hours(scope, cursor).await?.into_iter().collect();
        Ok(Seen {
            cursor: cursor.to_owned(),
            in_memory: Part { unit: in_memory.clone(), own: 0 },
            loaded: BTreeMap::new(),
            counts,
            pending: HashMap::new(),
            most,
            forget: None,
        })
    }

    /// Brings the hours of these times into memory.
    pub(super) async fn load(
        &mut self,
        store: &dyn Store,
        scope: &str,
        times: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let mut last = None;
        for hour in times.map(hour) {
            if last.replace(hour) == Some(hour) || self.loaded.get(&hour).is_some_and(|bucket| bucket.whole) {
                continue;
            }
            let ids = match self.counts.contains_key(&hour) && !planted("remembered-ids-not-read") {
                true => store.remembered(scope, &self.cursor, hour).await?,
                false => Vec::new(),
            };
            let bucket = self.loaded.entry(hour).or_default();
            let before = bucket.ids.len();
            bucket.ids.extend(ids);
            bucket.whole = true;
            self.in_memory.add(bucket.ids.len() - before);
        }
        Ok(())
    }

    /// What is known of an event whose hour is loaded.
    pub(super) fn of(&self, id: EventId, hour: i64) -> Known {
        match self.pending.get(&id) {
            Some(Pending { owed: None, .. }) => Known::Pending,
            Some(Pending { owed: Some(owed), .. }) => Known::Owed(*owed),
            None if self.loaded.get(&hour).is_some_and(|bucket| bucket.ids.contains(&id)) => Known::Seen,
            None => Known::New,
        }
    }

    /// It is given.
    pub(super) fn given(&mut self, id: EventId, hour: i64) {
        self.pending.insert(id, Pending { hour, owed: None });
    }

    /// It came back: `to` lack it.
    pub(super) fn owed(&mut self, id: EventId, hour: i64, to: OutputSet) {
        self.pending.insert(id, Pending { hour, owed: Some(to) });
    }

    /// It is delivered, or needs no delivery.
    pub(super) fn settled(&mut self, id: EventId, hour: i64) {
        self.pending.remove(&id);
        let bucket = self.loaded.entry(hour).or_default();
        if bucket.ids.insert(id) {
            bucket.unsaved.push(id);
            self.in_memory.add(1);
            *self.counts.entry(hour).or_default() += 1;
        }
    }

    /// Ids that only memory has.
    pub(super) fn unsaved(&self) -> usize {
        self.loaded.values().map(|bucket| bucket.unsaved.len()).sum()
    }

    /// Forgets what no window needs: everything before `needed`. If there is still more than may be remembered, the oldest
    /// hours go too; then the first time that is still remembered is answered.
    pub(super) fn forget(&mut self, needed: i64) -> Option<i64> {
        let mut first = hour(needed);
        // What is owed and was not shown again will not be: no window reaches it any more.
        self.pending.retain(|_, pending| pending.owed.is_none() || pending.hour >= first);
        let mut over = None;
        let mut total: u64 = self.counts.range(first..).map(|(_, count)| count).sum();
        for (hour, count) in self.counts.range(first..) {
            if total <= self.most {
                break;
            }
            total -= count;
            first = hour + 1;
            over = Some(first * HOUR);
        }
        if self.counts.range(..first).next().is_some() {
            self.counts = self.counts.split_off(&first);
            let kept = self.loaded.split_off(&first);
            let gone = mem::replace(&mut self.loaded, kept);
            self.in_memory.take(gone.values().map(|bucket| bucket.ids.len()).sum());
            self.forget = Some(first);
        }
        over
    }

    /// Leaves to the store what it has, if the unit has too many ids in memory.
    pub(super) fn unload(&mut self) {
        if self.in_memory.unit.load(Relaxed) > MOST_LOADED {
            let mut gone = 0;
            self.loaded.retain(|_, bucket| {
                let keep = !bucket.unsaved.is_empty();
                gone += if keep { 0 } else { bucket.ids.len() };
                keep
            });
            self.in_memory.take(gone);
        }
    }

    /// Takes what the store does not have yet. To be given [`back`](Self::keep) if it could not be written.
    pub(super) fn take_unsaved(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(before) = self.forget.take() {
            changes.push(Change::Forget { cursor: self.cursor.clone(), before });
        }
        for (hour, bucket) in &mut self.loaded {
            let unsaved = mem::take(&mut bucket.unsaved);
            for ids in unsaved.chunks(MOST_TOGETHER) {
                changes.push(Change::Remember { cursor: self.cursor.clone(), hour: *hour, ids: ids.to_vec() });
            }
        }
        changes
    }

    /// Takes back what could not be written.
    pub(super) fn keep(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Remember { hour, ids, .. } => self.loaded.entry(hour).or_default().unsaved.extend(ids),
                Change::Forget { before, .. } => self.forget = self.forget.max(Some(before)),
                // Never taken from here.
                Change::Checkpoint { .. } | Change::Reset { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quittance_testbed::store::MemoryStore;

    #[tokio::test]
    async fn what_came_back_and_is_not_shown_again_is_forgotten_with_its_hour() {
        let (store, in_memory) = (MemoryStore::default(), Arc::default());
        let mut seen = Seen::open(&store, "unit", "one", u64::MAX, &in_memory).await.unwrap();
        for (id, at) in [(1, 2), (2, 3), (3, 2)] {
            seen.given(id, at);
        }
        seen.owed(1, 2, OutputSet::first(1));
        seen.owed(2, 3, OutputSet::first(1));
        seen.forget(3 * HOUR);
        let known = [(1, 2), (2, 3), (3, 2)].map(|(id, at)| seen.of(id, at));
        assert_eq!(known, [Known::New, Known::Owed(OutputSet::first(1)), Known::Pending]);
    }

    #[tokio::test]
    async fn the_cursors_of_a_unit_keep_a_bounded_number_of_ids_in_memory_together() {
        let (store, in_memory) = (MemoryStore::default(), Arc::default());
        let mut cursors = Vec::new();
        for n in 0..200 {
            cursors.push(Seen::open(&store, "unit", &n.to_string(), u64::MAX, &in_memory).await.unwrap());
        }
        let (mut most, per_round) = (0, 5_000);
        for round in 0..3 {
            for (n, seen) in (0_u128..).zip(&mut cursors) {
                seen.load(&store, "unit", [0].into_iter()).await.unwrap();
                for event in 0..per_round {
                    let id = (n << 64) + round * per_round + event;
                    assert_eq!(seen.of(id, 0), Known::New);
                    seen.given(id, 0);
                    seen.settled(id, 0);
                }
                store.commit(store.fence(), "unit", seen.take_unsaved()).await.unwrap();
                seen.unload();
                most = most.max(in_memory.load(Relaxed));
            }
        }
        assert!(most <= MOST_LOADED + 3 * per_round as usize, "{most}");
        for (n, seen) in (0_u128..).zip(&mut cursors) {
            seen.load(&store, "unit", [0].into_iter()).await.unwrap();
            assert!((0..3 * per_round).all(|event| seen.of((n << 64) + event, 0) == Known::Seen));
            seen.unload();
        }
        drop(cursors);
        assert_eq!(in_memory.load(Relaxed), 0);
    }
}
