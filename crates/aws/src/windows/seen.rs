//! Which events of a cursor were delivered, so that a window that shows them again gives none twice.
//!
//! An id is *pending* from the moment its event is given, and *seen* only when it is delivered. Seen ids stand in buckets by
//! the hour in which their event happened: those of the windows under way in memory, all others only in the store.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
};

use quittance_core::{Change, EventId, OutputSet, Store, StoreError, planted};

/// Ids in memory beyond which hours that no window is in are left to the store.
const MOST_LOADED: usize = 100_000;

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

/// The events of one cursor.
pub(super) struct Seen {
    cursor: String,
    loaded: BTreeMap<i64, Bucket>,
    /// How many ids the store has of each hour, together with those that it shall have.
    counts: BTreeMap<i64, u64>,
    /// Under way, or owed to some outputs.
    pending: HashMap<EventId, Option<OutputSet>>,
    /// Ids that may be remembered.
    most: u64,
    forget: Option<i64>,
}

impl Seen {
    pub(super) async fn open(store: &dyn Store, scope: &str, cursor: &str, most: u64) -> Result<Seen, StoreError> {
        let counts = store.remembered_hours(scope, cursor).await?.into_iter().collect();
        Ok(Seen {
            cursor: cursor.to_owned(),
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
            bucket.ids.extend(ids);
            bucket.whole = true;
        }
        Ok(())
    }

    /// What is known of an event whose hour is loaded.
    pub(super) fn of(&self, id: EventId, hour: i64) -> Known {
        match self.pending.get(&id) {
            Some(None) => Known::Pending,
            Some(Some(owed)) => Known::Owed(*owed),
            None if self.loaded.get(&hour).is_some_and(|bucket| bucket.ids.contains(&id)) => Known::Seen,
            None => Known::New,
        }
    }

    /// It is given.
    pub(super) fn given(&mut self, id: EventId) {
        self.pending.insert(id, None);
    }

    /// It came back: `to` lack it.
    pub(super) fn owed(&mut self, id: EventId, to: OutputSet) {
        self.pending.insert(id, Some(to));
    }

    /// It is delivered, or needs no delivery.
    pub(super) fn settled(&mut self, id: EventId, hour: i64) {
        self.pending.remove(&id);
        let bucket = self.loaded.entry(hour).or_default();
        if bucket.ids.insert(id) {
            bucket.unsaved.push(id);
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
            self.loaded = self.loaded.split_off(&first);
            self.forget = Some(first);
        }
        over
    }

    /// Leaves hours to the store that no window in `from..to` is in.
    pub(super) fn unload(&mut self, from: i64, to: i64) {
        let loaded: usize = self.loaded.values().map(|bucket| bucket.ids.len()).sum();
        if loaded > MOST_LOADED {
            let near = hour(from)..=hour(to);
            self.loaded.retain(|hour, bucket| near.contains(hour) || !bucket.unsaved.is_empty());
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
