//! The internal channels: an outlet at the puller's end, an inlet at the sender's.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{Notify, mpsc};

use crate::{BestEffort, Budget, Debt, Debts, Events, OutputSet, Receipt, Room, UnitLedger, Vitals, planted, receipt};

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
    hurry: Arc<Notify>,
    effort: Option<Arc<BestEffort>>,
}

impl Inlet {
    /// The next batch; `None` when every outlet is gone.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Batches that wait.
    pub fn waiting(&self) -> usize {
        self.batches.len()
    }

    /// Says whether the destination is known to confirm. Until it is, nothing is received from any source.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(ready);
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
    now: AtomicBool,
    changed: Notify,
}

impl Ready {
    fn is(&self) -> bool {
        self.now.load(Ordering::Acquire)
    }

    fn set(&self, ready: bool) {
        self.now.store(ready, Ordering::Release);
        self.changed.notify_waiters();
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
    batches: mpsc::Sender<Batch>,
    ready: Arc<Ready>,
    hurry: Arc<Notify>,
    effort: Option<Arc<BestEffort>>,
}

/// Whether an output is known to confirm, for whoever shows it.
#[derive(Clone)]
pub struct Readiness {
    name: Arc<str>,
    ready: Arc<Ready>,
    effort: Option<Arc<BestEffort>>,
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
}

impl Output {
    /// A view of this output's readiness.
    pub fn readiness(&self) -> Readiness {
        Readiness { name: self.name.clone(), ready: self.ready.clone(), effort: self.effort.clone() }
    }

    /// Whether the source forgets no event before this output has it.
    pub fn is_required(&self) -> bool {
        self.effort.is_none()
    }

    /// Gives an optional output what it has room for; never waits.
    fn offer(&self, events: &Arc<Events>) {
        if let Some(batch) = self.effort.as_ref().and_then(|effort| effort.batch(events)) {
            // A full channel and a sender that is gone drop the batch, and so count it as lost.
            let _ = self.batches.try_send(batch);
        }
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
    let (batches, receiver) = mpsc::channel(CHANNEL_BATCHES);
    let ready = Arc::new(Ready::default());
    let hurry = Arc::new(Notify::new());
    (
        Output { name: name.into(), batches, ready: ready.clone(), hurry: hurry.clone(), effort: effort.clone() },
        Inlet { batches: receiver, ready, hurry, effort },
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
}

impl Outlet {
    /// An outlet to `outputs` with room from `budget`, entered in `ledger`.
    pub fn new(outputs: Arc<[Output]>, budget: Arc<Budget>, ledger: Arc<UnitLedger>) -> Self {
        Outlet { outputs, budget, ledger, vitals: Arc::default() }
    }

    /// The same, of a unit that shows its signs of life in `vitals`.
    pub fn with_vitals(self, vitals: Arc<Vitals>) -> Self {
        Outlet { vitals, ..self }
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
        // What some have already is a repeat.
        if to == self.all() {
            self.outputs.iter().for_each(|output| output.offer(&events));
        }
        for (output, receipt) in receipt::receipts(&events, debt, to, debts, &self.ledger) {
            let batch = Batch { events: events.clone(), receipt, room: room.clone() };
            if planted("batch-for-the-first-output-alone") && output > 0 {
                batch.receipt.delivered(crate::Proof::Closed);
                continue;
            }
            if let Some(output) = self.required().nth(output) {
                // A sender that is gone drops the batch, and so returns it.
                let _ = output.batches.send(batch).await;
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
        self.outputs.iter().for_each(|output| output.hurry.notify_one());
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
