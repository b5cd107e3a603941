//! The internal channels: an outlet at the puller's end, an inlet at the sender's.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Notify, mpsc};

use crate::{
    BestEffort, Budget, Clock, Debt, Debts, Events, OutputSet, Receipt, Room, SenderCounts, Tap, UnitId, UnitLedger,
    Vitals, planted, receipt,
};

/// Batches that may wait between an outlet and a sender; their bytes are bounded by the budgets.
const CHANNEL_BATCHES: usize = 4096;

/// What moves: events, one output's receipt for them, and the room that they take.
pub struct Batch {
    /// The events, shared by the outputs.
    pub events: Arc<Events>,
    /// To be settled, or dropped: then the events are owed still.
    pub receipt: Receipt,
    /// To be dropped once the bytes are inside the connection.
    pub room: Arc<Room>,
}

/// The sender's end of one output.
pub struct Inlet {
    batches: mpsc::Receiver<Batch>,
    ready: Arc<Ready>,
    /// Which of the output's lines it is at the end of.
    line: u64,
    hurry: Arc<Notify>,
    counts: Arc<SenderCounts>,
    effort: Option<Arc<BestEffort>>,
}

impl Inlet {
    /// The next batch; `None` when every outlet is gone, or goes to another inlet now.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Batches that wait.
    pub fn waiting(&self) -> usize {
        self.batches.len()
    }

    /// What its sender has done, for whoever watches.
    pub fn counts(&self) -> &Arc<SenderCounts> {
        &self.counts
    }

    /// Says whether the destination is known to confirm. Until it is, nothing is received from any source. Once another inlet
    /// has taken its place, nobody listens.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(self.line, ready);
    }

    /// The account of an optional output; `None` for a required one.
    pub fn effort(&self) -> Option<&BestEffort> {
        self.effort.as_deref()
    }

    /// Where to hear that an engine needs its receipts early.
    pub fn hurry(&self) -> Hurry {
        Hurry(self.hurry.clone())
    }
}

/// Whether a destination is known to confirm. Whoever waits for it goes on in the order of waiting, so that a run can be
/// repeated.
#[derive(Default)]
struct Ready {
    /// The number of the line that counts, and in the lowest bit whether it is.
    now: AtomicU64,
    changed: Notify,
}

impl Ready {
    fn is(&self) -> bool {
        self.now.load(Ordering::Acquire) & 1 == 1
    }

    fn set(&self, line: u64, ready: bool) {
        let of_line = |now: u64| (now >> 1 == line).then_some(line << 1 | u64::from(ready));
        if self.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, of_line).is_ok() {
            self.changed.notify_waiters();
        }
    }

    /// Hears another line from now on, which is not ready yet.
    fn next_line(&self) -> u64 {
        let line = (self.now.load(Ordering::Acquire) >> 1) + 1;
        self.now.store(line << 1, Ordering::Release);
        line
    }

    /// Ends when it is so.
    async fn wait(&self) {
        loop {
            // Made before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            if self.is() {
                return;
            }
            changed.await;
        }
    }
}

/// Tells a sender that an engine needs its receipts early.
pub struct Hurry(Arc<Notify>);

impl Hurry {
    /// Ends when one does.
    pub async fn asked(&self) {
        self.0.notified().await;
    }
}

/// The outlets' end of one output.
#[derive(Clone)]
pub struct Output {
    name: Arc<str>,
    line: Arc<Mutex<Line>>,
    ready: Arc<Ready>,
    /// Of all senders that it had.
    counts: Arc<SenderCounts>,
    /// The same of an optional one.
    effort: Option<Arc<BestEffort>>,
}

/// The way to the sender that is at work.
#[derive(Clone)]
struct Line {
    batches: mpsc::Sender<Batch>,
    hurry: Arc<Notify>,
}

/// Whether an output is known to confirm, and what its sender has done, for whoever shows it.
#[derive(Clone)]
pub struct Readiness {
    name: Arc<str>,
    ready: Arc<Ready>,
    counts: Arc<SenderCounts>,
    effort: Option<Arc<BestEffort>>,
    /// It keeps no sender running.
    line: Weak<Mutex<Line>>,
}

impl Readiness {
    /// The output's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As last said by the sender.
    pub fn is_ready(&self) -> bool {
        self.ready.is()
    }

    /// The account of an optional output; `None` for a required one.
    pub fn effort(&self) -> Option<&BestEffort> {
        self.effort.as_deref()
    }

    /// What its sender has done.
    pub fn counts(&self) -> &SenderCounts {
        &self.counts
    }

    /// Batches that wait for it.
    pub fn waiting(&self) -> usize {
        let waiting = |line: Arc<Mutex<Line>>| {
            let line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.batches.max_capacity() - line.batches.capacity()
        };
        self.line.upgrade().map_or(0, waiting)
    }
}

impl Output {
    /// A view of this output's readiness.
    pub fn readiness(&self) -> Readiness {
        let Output { name, ready, counts, line, effort } = self.clone();
        Readiness { name, ready, counts, effort, line: Arc::downgrade(&line) }
    }

    /// Whether the source forgets no event before this output has it.
    pub fn is_required(&self) -> bool {
        self.effort.is_none()
    }

    /// Gives an optional output what it has room for; never waits.
    fn offer(&self, events: &Arc<Events>) {
        if let Some(batch) = self.effort.as_ref().and_then(|effort| effort.batch(events)) {
            // A full channel and a sender that is gone drop the batch, and so count it as lost.
            let _ = self.line().batches.try_send(batch);
        }
    }

    /// Puts another sender in the place of the one that is at work, for every outlet. Batches go to this inlet from now on, which
    /// is not ready until its sender says so; the one before gives what it has still, and ends.
    pub fn replace(&self) -> Inlet {
        let (line, inlet) = line(&self.ready, &self.counts, &self.effort, self.ready.next_line());
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
        inlet
    }

    fn line(&self) -> Line {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The two ends of the required output called `name`; it is not ready until its sender says so.
pub fn output(name: &str) -> (Output, Inlet) {
    ends(name, None)
}

/// The two ends of an optional output, for which `buffer` bytes of events may wait.
pub fn optional_output(name: &str, buffer: usize) -> (Output, Inlet) {
    ends(name, Some(Arc::new(BestEffort::new(buffer))))
}

fn ends(name: &str, effort: Option<Arc<BestEffort>>) -> (Output, Inlet) {
    let ready = Arc::new(Ready::default());
    let counts = Arc::new(SenderCounts::default());
    let (line, inlet) = line(&ready, &counts, &effort, 0);
    (Output { name: name.into(), line: Arc::new(Mutex::new(line)), ready, counts, effort }, inlet)
}

fn line(ready: &Arc<Ready>, counts: &Arc<SenderCounts>, effort: &Option<Arc<BestEffort>>, line: u64) -> (Line, Inlet) {
    let (batches, receiver) = mpsc::channel(CHANNEL_BATCHES);
    let hurry = Arc::new(Notify::new());
    (
        Line { batches, hurry: hurry.clone() },
        Inlet { batches: receiver, ready: ready.clone(), line, hurry, counts: counts.clone(), effort: effort.clone() },
    )
}

/// A unit's end of the channels to every output.
///
/// Debts, readiness and indices are those of the required ones, in their order; what they are given first, the optional ones
/// are offered too.
#[derive(Clone)]
pub struct Outlet {
    outputs: Arc<[Output]>,
    budget: Arc<Budget>,
    ledger: Arc<UnitLedger>,
    vitals: Arc<Vitals>,
    watched: Option<Watched>,
}

/// By whom an outlet is watched.
#[derive(Clone)]
struct Watched {
    unit: UnitId,
    clock: Arc<dyn Clock>,
    tap: Arc<Tap>,
}

impl Outlet {
    /// An outlet to `outputs` with room from `budget`, entered in `ledger`.
    pub fn new(outputs: Arc<[Output]>, budget: Arc<Budget>, ledger: Arc<UnitLedger>) -> Self {
        Outlet { outputs, budget, ledger, vitals: Arc::default(), watched: None }
    }

    /// The same, of a unit that shows its signs of life in `vitals`.
    pub fn with_vitals(self, vitals: Arc<Vitals>) -> Self {
        Outlet { vitals, ..self }
    }

    /// The same, whose batches pass `tap` as those of `unit`, and are entered with the time.
    pub fn watched(self, unit: UnitId, clock: Arc<dyn Clock>, tap: Arc<Tap>) -> Self {
        Outlet { watched: Some(Watched { unit, clock, tap }), ..self }
    }

    /// The names of the required outputs, in the order of their indices.
    pub fn names(&self) -> Vec<&str> {
        self.required().map(|output| &*output.name).collect()
    }

    fn required(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().filter(|output| output.is_required())
    }

    /// All required outputs.
    pub fn all(&self) -> OutputSet {
        OutputSet::first(self.required().count())
    }

    /// Gives `events` to the required outputs in `to`, when there is room and all of them are known to confirm.
    ///
    /// The engine hears of it through `debts`, exactly once, whatever happens.
    pub async fn emit(&self, events: Events, debt: Debt, to: OutputSet, debts: &Debts) {
        self.ready().await;
        let crowded = self.vitals.crowded();
        let room = Arc::new(self.budget.take(self.budget.weight(events.footprint(), events.len())).await);
        drop(crowded);
        let events = Arc::new(events);
        let now = self.watched.as_ref().map(|Watched { unit, clock, tap }| {
            tap.show(unit, &events);
            clock.now()
        });
        // What some have already is a repeat.
        if to == self.all() {
            self.outputs.iter().for_each(|output| output.offer(&events));
        }
        for (output, receipt) in receipt::receipts(&events, debt, to, debts, &self.ledger, now) {
            let batch = Batch { events: events.clone(), receipt, room: room.clone() };
            if planted("batch-for-the-first-output-alone") && output > 0 {
                batch.receipt.delivered(crate::Proof::Closed);
                continue;
            }
            if let Some(output) = self.required().nth(output) {
                // A sender that is gone drops the batch, and so returns it.
                let _ = output.line().batches.send(batch).await;
            }
        }
    }

    /// Ends when every required output is known to confirm.
    pub async fn ready(&self) {
        for output in self.required() {
            output.ready.wait().await;
        }
    }

    /// Whether every required output is known to confirm.
    pub fn is_ready(&self) -> bool {
        self.required().all(|output| output.ready.is())
    }

    /// Asks the senders for receipts now: the engine holds much, or stops.
    pub fn hurry(&self) {
        self.outputs.iter().for_each(|output| output.line().hurry.notify_one());
    }

    /// Where this unit shows its signs of life.
    pub fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    /// The account of this unit.
    pub fn ledger(&self) -> &UnitLedger {
        &self.ledger
    }
}
