//! A store in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use quittance_core::{Change, Discarded, EventId, Fence, Quarantined, Record, SetAside, Store, StoreError};

/// Records and quarantine in memory, with faults on demand.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    records: BTreeMap<(String, &'static str, String), String>,
    /// By scope, cursor and hour.
    remembered: BTreeMap<(String, String, i64), Vec<EventId>>,
    quarantined: Vec<Quarantined>,
    writes: u64,
    full: bool,
    longest: Option<usize>,
    failing: bool,
    refusing_writes: bool,
    slow: Duration,
    watcher: Option<Watcher>,
    quarantine_watcher: Option<QuarantineWatcher>,
}

/// Who is told of every address that stands in the quarantine, whenever there is a new one.
type QuarantineWatcher = Arc<dyn Fn(Vec<String>) + Send + Sync>;

/// Who is told of every change, by its scope, at the moment it is written.
type Watcher = Arc<dyn Fn(&str, &Change) + Send + Sync>;

impl MemoryStore {
    /// All records: scope, kind, key, value.
    pub fn records(&self) -> Vec<(String, &'static str, String, String)> {
        self.state().records.iter().map(|((s, r, k), v)| (s.clone(), *r, k.clone(), v.clone())).collect()
    }

    /// Everything in quarantine.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.state().quarantined.clone()
    }

    /// Records written or removed so far.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// While full, the quarantine takes nothing more.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// The quarantine takes nothing that has more bytes.
    pub fn set_longest(&self, bytes: usize) {
        self.state().longest = Some(bytes);
    }

    /// While failing, nothing can be read or written.
    pub fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// While it refuses writes, it can only be read: the disk is full.
    pub fn refuse_writes(&self, refuse: bool) {
        self.state().refusing_writes = refuse;
    }

    /// Every operation takes so long.
    pub fn set_slow(&self, delay: Duration) {
        self.state().slow = delay;
    }

    /// From now on `watcher` is told of every change that is committed, by its scope. It must not call this store.
    pub fn watch(&self, watcher: impl Fn(&str, &Change) + Send + Sync + 'static) {
        self.state().watcher = Some(Arc::new(watcher));
    }

    /// The same, of all addresses in the quarantine, whenever there is a new one.
    pub fn watch_quarantine(&self, watcher: impl Fn(Vec<String>) + Send + Sync + 'static) {
        self.state().quarantine_watcher = Some(Arc::new(watcher));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn working(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        match state.failing {
            true => Err(StoreError::Failed { operation, source: "no space left on device".into() }),
            false => Ok(state),
        }
    }

    fn writable(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.working(operation)?;
        match state.refusing_writes {
            true => Err(StoreError::Failed { operation, source: "no space left on device".into() }),
            false => Ok(state),
        }
    }

    /// Takes the time that an operation takes.
    async fn turn(&self) {
        let slow = self.state().slow;
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, scope: &str, record: Record, key: &str) -> Result<Option<String>, StoreError> {
        self.turn().await;
        let key = (scope.to_owned(), record.name(), key.to_owned());
        Ok(self.working("reading a record")?.records.get(&key).cloned())
    }

    async fn list(&self, scope: &str, record: Record) -> Result<Vec<(String, String)>, StoreError> {
        self.turn().await;
        let state = self.working("listing records")?;
        let of_kind = state.records.iter().filter(|((s, r, _), _)| s == scope && *r == record.name());
        Ok(of_kind.map(|((_, _, key), value)| (key.clone(), value.clone())).collect())
    }

    async fn save(&self, _: Fence, scope: &str, record: Record, key: &str, value: &str) -> Result<(), StoreError> {
        self.turn().await;
        let key = (scope.to_owned(), record.name(), key.to_owned());
        let mut state = self.writable("writing a record")?;
        state.writes += 1;
        state.records.insert(key, value.to_owned());
        Ok(())
    }

    async fn remove(&self, _: Fence, scope: &str, record: Record, key: &str) -> Result<(), StoreError> {
        self.turn().await;
        let key = (scope.to_owned(), record.name(), key.to_owned());
        let mut state = self.writable("removing a record")?;
        state.writes += 1;
        state.records.remove(&key);
        Ok(())
    }

    async fn commit(&self, _: Fence, scope: &str, changes: Vec<Change>) -> Result<(), StoreError> {
        self.turn().await;
        let mut state = self.writable("writing a checkpoint")?;
        state.writes += 1;
        let watcher = state.watcher.clone();
        for change in changes {
            if let Some(watcher) = &watcher {
                watcher(scope, &change);
            }
            match change {
                Change::Checkpoint { cursor, value } => {
                    state.records.insert((scope.to_owned(), Record::Checkpoint.name(), cursor), value);
                }
                Change::Remember { cursor, hour, ids } => {
                    state.remembered.entry((scope.to_owned(), cursor, hour)).or_default().extend(ids);
                }
                Change::Forget { cursor, before } => {
                    state.remembered.retain(|(s, c, hour), _| s != scope || *c != cursor || *hour >= before);
                }
                Change::Reset { cursor } => {
                    let kept = |s: &str, c: &str| s != scope || cursor.as_deref().is_some_and(|cursor| c != cursor);
                    state.records.retain(|(s, kind, c), _| *kind != Record::Checkpoint.name() || kept(s, c));
                    state.remembered.retain(|(s, c, _), _| kept(s, c));
                }
            }
        }
        Ok(())
    }

    async fn remembered(&self, scope: &str, cursor: &str, hour: i64) -> Result<Vec<EventId>, StoreError> {
        self.turn().await;
        let key = (scope.to_owned(), cursor.to_owned(), hour);
        Ok(self.working("reading remembered events")?.remembered.get(&key).cloned().unwrap_or_default())
    }

    async fn remembered_hours(&self, scope: &str, cursor: &str) -> Result<Vec<(i64, u64)>, StoreError> {
        self.turn().await;
        let state = self.working("reading remembered events")?;
        let hours = state.remembered.iter().filter(|((s, c, _), _)| s == scope && c == cursor);
        Ok(hours.map(|((_, _, hour), ids)| (*hour, ids.len() as u64)).collect())
    }

    async fn quarantine(&self, _: Fence, item: &Quarantined) -> Result<(), StoreError> {
        self.turn().await;
        let mut state = self.writable("writing to the quarantine")?;
        if state.full || state.longest.is_some_and(|longest| item.bytes.len() > longest) {
            return Err(StoreError::Full { bytes: 0 });
        }
        if !state.quarantined.iter().any(|kept| kept.unit == item.unit && kept.address == item.address) {
            state.quarantined.push(item.clone());
            if let Some(watcher) = &state.quarantine_watcher {
                watcher(state.quarantined.iter().map(|item| item.address.clone()).collect());
            }
        }
        Ok(())
    }

    async fn discard_before(&self, _: Fence, then: SystemTime) -> Result<Discarded, StoreError> {
        let mut state = self.working("discarding from the quarantine")?;
        let mut discarded = Discarded::default();
        for item in state.quarantined.extract_if(.., |item| item.at < then) {
            discarded.items += 1;
            discarded.bytes += item.bytes.len() as u64;
        }
        Ok(discarded)
    }

    async fn set_aside(&self) -> Result<SetAside, StoreError> {
        let state = self.working("counting the quarantine")?;
        let bytes = state.quarantined.iter().map(|item| item.bytes.len() as u64).sum();
        Ok(SetAside { items: state.quarantined.len() as u64, bytes })
    }

    fn fence(&self) -> Fence {
        Fence(1)
    }
}
