//! Looks at events on their way, without a part in it: what nobody listens to costs one look at a number, and what a
//! listener is too slow for passes it by.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::mpsc;

use crate::{Events, UnitId};

/// Listeners at a time.
const MOST_LISTENERS: usize = 4;

/// Memory that a listener's batches may keep alive before it has looked at them, in bytes. They are the batches
/// themselves, not copies.
const WAITING_BYTES: usize = 8 << 20;

/// Batches that may wait for a listener, whatever their size.
const WAITING_BATCHES: usize = 1024;

/// Whether a listener wants to look at a batch of that unit.
pub type Wanted = Box<dyn Fn(&UnitId, &Events) -> bool + Send + Sync>;

/// Where batches pass that may be listened to.
#[derive(Default)]
pub struct Tap {
    count: AtomicUsize,
    ends: Mutex<Vec<Arc<End>>>,
}

/// Who listens. Dropped, it listens no more.
pub struct Listener {
    tap: Arc<Tap>,
    end: Arc<End>,
    batches: mpsc::Receiver<Tapped>,
}

/// A batch on its way. It is counted among what its listener has still to look at as long as it lives.
pub struct Tapped {
    /// Whose.
    pub unit: UnitId,
    /// What.
    pub events: Arc<Events>,
    end: Arc<End>,
}

/// The outlets' end of one listener.
struct End {
    wanted: Wanted,
    batches: mpsc::Sender<Tapped>,
    waiting: AtomicUsize,
    missed: AtomicU64,
}

impl Tap {
    /// Listens to the batches that are `wanted`; nobody does if there are enough who listen.
    pub fn listen(self: &Arc<Self>, wanted: Wanted) -> Option<Listener> {
        let mut ends = self.ends();
        if ends.len() >= MOST_LISTENERS {
            return None;
        }
        let (sender, batches) = mpsc::channel(WAITING_BATCHES);
        let end = Arc::new(End { wanted, batches: sender, waiting: AtomicUsize::new(0), missed: AtomicU64::new(0) });
        ends.push(end.clone());
        self.count.store(ends.len(), Relaxed);
        Some(Listener { tap: self.clone(), end, batches })
    }

    /// Shows a batch to who listens.
    pub(crate) fn show(&self, unit: &UnitId, events: &Arc<Events>) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        let ends = self.ends().clone();
        ends.iter().filter(|end| (end.wanted)(unit, events)).for_each(|end| end.clone().offer(unit, events));
    }

    fn ends(&self) -> MutexGuard<'_, Vec<Arc<End>>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    fn offer(self: Arc<Self>, unit: &UnitId, events: &Arc<Events>) {
        let bytes = events.footprint();
        let before = self.waiting.fetch_add(bytes, Relaxed);
        // Its drop takes the bytes off again. One batch passes however large it is.
        let tapped = Tapped { unit: unit.clone(), events: events.clone(), end: self.clone() };
        let has_room = before == 0 || before + bytes <= WAITING_BYTES;
        if !has_room || self.batches.try_send(tapped).is_err() {
            self.missed.fetch_add(events.len() as u64, Relaxed);
        }
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        self.end.waiting.fetch_sub(self.events.footprint(), Relaxed);
    }
}

impl Listener {
    /// The next batch.
    pub async fn next(&mut self) -> Option<Tapped> {
        self.batches.recv().await
    }

    /// Events of wanted batches that passed by since this was asked last, for want of room.
    pub fn missed(&self) -> u64 {
        self.end.missed.swap(0, Relaxed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut ends = self.tap.ends();
        ends.retain(|end| !Arc::ptr_eq(end, &self.end));
        self.tap.count.store(ends.len(), Relaxed);
    }
}
