//! A Devo receiver: takes mutual-TLS connections, parses what they carry, counts it, and goes wrong
//! on demand.
//!
//! An event is counted when it is parsed, whatever becomes of its connection afterwards: a real
//! receiver has it too, so a repeated delivery shows as `events > distinct`. Counts are always up to
//! date before the sink's own end becomes visible to the client: that end is the receipt.
//!
//! A receiver that is *down* is had in two ways: [`Sink::set_down`] resets every new connection at
//! once; or stop [`Sink::serve`], which drops the listener (connections are then refused), and serve
//! again on a listener bound to the same port.

mod connection;
mod counts;
mod faults;
mod fingerprint;
pub mod frames;
mod refusal;
mod server;
mod talk;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use connection::Connection;
pub use counts::{Comparison, Keep, Snapshot, TagCount, Totals};
pub use faults::Fault;
pub use fingerprint::fingerprint;

use counts::Counts;
use faults::Script;

/// A receiver's counts and faults, shared by all of its connections and by whoever watches it.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counts: Mutex<Counts>,
    changed: Notify,
    script: Mutex<Script>,
    down: AtomicBool,
    /// Learns of every event as it is counted.
    watcher: Watcher,
    /// Cancelled, and replaced by a fresh one, to reset what is open.
    open: Mutex<CancellationToken>,
}

impl Sink {
    /// A sink that nothing has reached yet.
    pub fn new(keep: Keep) -> Self {
        Self(Arc::new(Shared {
            counts: Mutex::new(Counts::new(keep)),
            changed: Notify::new(),
            script: Mutex::default(),
            down: AtomicBool::new(false),
            watcher: Watcher::default(),
            open: Mutex::default(),
        }))
    }

    /// The sums now.
    pub fn totals(&self) -> Totals {
        lock(&self.0.counts).totals
    }

    /// The sums and the counts of every tag now. Cheap: nothing is copied but a row a tag.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.0.counts).snapshot()
    }

    /// The certificate (DER) that the client of each connection showed, in the order in which they came.
    pub fn clients(&self) -> Vec<Vec<u8>> {
        lock(&self.0.counts).clients.clone()
    }

    /// Waits until the sums fulfil the condition and gives them.
    pub async fn wait_for(&self, mut condition: impl FnMut(&Totals) -> bool) -> Totals {
        loop {
            // Made before the look at the counts, so a change in between is not missed.
            let changed = self.0.changed.notified();
            let totals = self.totals();
            if condition(&totals) {
                return totals;
            }
            changed.await;
        }
    }

    /// Every message and its tag in the order of arrival; empty unless [`Keep::Messages`] is in force.
    pub fn messages(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.0.counts).messages()
    }

    /// When each message came, and its [`fingerprint`]; empty unless [`Keep::Arrivals`] is in force.
    pub fn arrivals(&self) -> Vec<(Instant, u64)> {
        lock(&self.0.counts).arrivals()
    }

    /// The first few items that were not events.
    pub fn malformed(&self) -> Vec<Vec<u8>> {
        lock(&self.0.counts).malformed_items()
    }

    /// Compares what arrived with the [`fingerprint`]s of what should have.
    pub fn compare(&self, expected: &HashSet<u64>) -> Comparison {
        lock(&self.0.counts).compare(expected)
    }

    /// Plans faults for the coming connections that carry events, one each, in order; `None` is a
    /// connection that goes well. Empty connections (probes) use none of them up, except that
    /// [`Fault::Refuse`], when it is next, takes whichever connection comes.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        lock(&self.0.script).extend(faults);
    }

    /// Sets the fault of every connection that comes when nothing is planned, empty ones included.
    pub fn always(&self, fault: Option<Fault>) {
        lock(&self.0.script).set_always(fault);
    }

    /// Forgets every fault that no connection has yet.
    pub fn clear_faults(&self) {
        lock(&self.0.script).clear();
    }

    /// How many planned faults no connection has met yet.
    pub fn faults_left(&self) -> usize {
        lock(&self.0.script).pending()
    }

    /// From now on `watcher` is told of every event, by its tag and its message, before its connection can be confirmed.
    /// It must not call this sink.
    pub fn watch(&self, watcher: impl Fn(&[u8], &[u8]) + Send + Sync + 'static) {
        *lock(&self.0.watcher.0) = Some(Arc::new(watcher));
    }

    /// While down, every new connection is accepted and reset at once; open ones go on.
    pub fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }

    /// Resets every open connection; what had arrived unread is lost.
    pub fn reset_open(&self) {
        std::mem::take(&mut *lock(&self.0.open)).cancel();
    }

    fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Relaxed)
    }

    /// Changes the counts and wakes who waits for them.
    fn count<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        let result = change(&mut lock(&self.0.counts));
        self.0.changed.notify_waiters();
        result
    }
}

/// Who is told of every event.
#[derive(Default)]
struct Watcher(Mutex<Option<Watch>>);

type Watch = Arc<dyn Fn(&[u8], &[u8]) + Send + Sync>;

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

/// A panic while a lock was held leaves counts that are still the best there are.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
