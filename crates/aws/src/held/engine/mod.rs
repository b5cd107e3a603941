//! The engine's task: receives, gives, settles, deletes and extends, until it is stopped.
//!
//! One task owns everything. Here are its loop, what wakes it and how it stops; each concern has a file with the state that
//! is its own, and the methods that act on it.

mod calls;
mod deleting;
mod giving;
mod hiding;
mod hurrying;
mod intake;
mod marking;
mod poison;
mod receiving;
mod refusing;
mod settling;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quittance_core::{Ended, Failure, Outlet, Settlements, World, codes::PANICKED, planted};
use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Queue, QueueFacts,
    held::{Limits, Memory, Quarantine, Tally, Work, holdings::Holdings, holdings::Outcome, lanes::Lanes},
};

use calls::Called;
use deleting::Deletes;
use giving::Passed;
use hiding::Hiding;
use hurrying::Hurries;
use marking::Marking;
use receiving::Receives;

/// Calls of one kind under way at a time.
const MOST_CALLS: usize = 16;

/// At a stop, how long a receive may still bring something: what it takes from the queue and we never see stays hidden.
const LAST_RECEIVE: Duration = Duration::from_secs(1);

/// At the end of a drain, how long the last calls may take.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// What a run works with; all of it constant, or shared beyond the run.
pub(crate) struct Hold<W> {
    pub(crate) work: W,
    pub(crate) queue: Box<dyn Queue>,
    pub(crate) facts: QueueFacts,
    pub(crate) limits: Limits,
    pub(crate) outlet: Outlet,
    pub(crate) world: World,
    pub(crate) quarantine: Quarantine,
    pub(crate) memory: Arc<Mutex<Memory>>,
    pub(crate) tally: Arc<Tally>,
}

/// Runs until `stop`, or until it fails. Its tasks end with it.
pub(crate) async fn run<W: Work>(hold: Hold<W>, settlements: Settlements, stop: CancellationToken) -> Ended {
    let mut engine = Engine::new(Arc::new(hold), settlements);
    let tally = engine.hold.tally.clone();
    engine.recall_marks().await;
    let ended = engine.run(stop).await;
    let counts: Vec<_> = tally.all().into_iter().filter(|(_, count)| *count > 0).collect();
    info!(?counts, "what was decided about messages, since the start");
    ended
}

/// How far a stop has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Receipts are waited for until then.
    Draining {
        until: Instant,
        /// Until when the last receives may bring something.
        receives: Instant,
    },
    /// Everything goes back; the last calls may take until then.
    Leaving(Instant),
}

struct Engine<W: Work> {
    hold: Arc<Hold<W>>,
    settlements: Settlements,
    stage: Stage,
    holdings: Holdings<W::Item>,
    lanes: Lanes,
    passes: JoinSet<Box<Passed<W::Item>>>,
    calls: JoinSet<Called>,
    receives: Receives,
    deletes: Deletes,
    hiding: Hiding,
    hurries: Hurries,
    marking: Marking,
    /// Messages on their way into the quarantine.
    set_asides: usize,
}

impl<W: Work> Engine<W> {
    fn new(hold: Arc<Hold<W>>, settlements: Settlements) -> Self {
        let (now, random) = (hold.world.clock.now(), &hold.world.random);
        Engine {
            settlements,
            stage: Stage::Running,
            holdings: Holdings::new(hold.outlet.all()),
            lanes: Lanes::new(random.fork()),
            passes: JoinSet::new(),
            calls: JoinSet::new(),
            receives: Receives::new(hold.limits.held_messages, random.fork(), now),
            deletes: Deletes::new(random.fork(), now),
            hiding: Hiding::new(hold.limits.visibility_timeout.max(hold.facts.visibility_timeout)),
            hurries: Hurries::new(),
            marking: Marking::new(hold.outlet.names().into_iter().map(str::to_owned).collect()),
            set_asides: 0,
            hold,
        }
    }

    async fn run(mut self, stop: CancellationToken) -> Ended {
        let hold = self.hold.clone();
        let (clock, outlet) = (&hold.world.clock, &hold.outlet);
        loop {
            let now = clock.now();
            if let Some(ended) = self.act(now) {
                return ended;
            }
            outlet.vitals().holds(self.holdings.len());
            // As of the same moment: what falls due in between would be neither begun nor waited for.
            let wake = self.next_wake(now);
            tokio::select! {
                biased;
                () = stop.cancelled(), if self.stage == Stage::Running => self.drain(clock.now()),
                Some(settlement) = self.settlements.recv() => {
                    let now = clock.now();
                    self.settled(settlement, now);
                    while let Ok(settlement) = self.settlements.try_recv() {
                        self.settled(settlement, now);
                    }
                }
                Some(passed) = self.passes.join_next() => match passed {
                    Ok(passed) => self.passed(*passed, clock.now()),
                    Err(error) => if let Some(ended) = died(error) { return ended },
                },
                Some(called) = self.calls.join_next() => match called {
                    Ok(called) => self.called(called, clock.now()),
                    Err(error) => if let Some(ended) = died(error) { return ended },
                },
                () = outlet.ready(), if !outlet.is_ready() => {}
                () = clock.sleep_until(wake) => {}
            }
        }
    }

    /// Begins whatever may begin at `now`. How the run ended, if it did.
    fn act(&mut self, now: Instant) -> Option<Ended> {
        match self.stage {
            Stage::Running => {
                if let Some(failure) = self.hopeless() {
                    return Some(Ended::Failed(failure));
                }
                self.try_lanes(now);
                self.start_passes(now);
                self.start_receives(now);
            }
            Stage::Draining { until, .. } if now >= until => self.leave(now),
            Stage::Draining { receives, .. } if now >= receives => self.receives.abort(now),
            Stage::Draining { .. } => {}
            Stage::Leaving(until) if now >= until => {
                let messages = self.holdings.len();
                warn!(messages, "stopped before the last calls came back; messages stay hidden");
                return Some(Ended::Stopped);
            }
            Stage::Leaving(_) => {}
        }
        self.hurry_on(now);
        self.start_deletes(now);
        self.start_extensions(now);
        self.start_returns(now);
        self.start_marks(now);
        (self.stage != Stage::Running && self.is_over()).then_some(Ended::Stopped)
    }

    /// When something is due next, whatever else happens.
    fn next_wake(&self, now: Instant) -> Instant {
        let running = self.stage == Stage::Running;
        let until = match self.stage {
            Stage::Running => None,
            Stage::Draining { until, .. } if self.receives.is_empty() => Some(until),
            Stage::Draining { until, receives } => Some(until.min(receives)),
            Stage::Leaving(until) => Some(until),
        };
        let candidates = [
            until,
            self.hiding.next(),
            self.deletes.next(),
            self.receives.next().filter(|at| running && *at > now),
            self.holdings.next_read().filter(|at| *at > now),
            self.lanes.next_try().filter(|at| running && *at > now),
            self.marking.next(),
            self.next_hurry(now),
            Some(self.receives.quiet_from()).filter(|at| *at > now),
        ];
        candidates.into_iter().flatten().fold(now + Duration::from_secs(60), Instant::min)
    }

    /// Begins nothing more: what is not under way goes back now, the rest when its receipts are in.
    fn drain(&mut self, now: Instant) {
        self.stage = Stage::Draining { until: now + self.hold.limits.drain, receives: now + LAST_RECEIVE };
        self.hurries.wish(now);
        self.hold.outlet.hurry();
        for key in self.holdings.stop() {
            let outcome = if planted("stop-deletes-all") { Outcome::Done(key) } else { Outcome::Idle(key) };
            self.conclude(Some(outcome), now);
        }
    }

    /// No receipt is waited for any longer: everything goes back but what only needs its delete.
    fn leave(&mut self, now: Instant) {
        self.stage = Stage::Leaving(now + LAST_CALLS);
        self.passes.abort_all();
        self.receives.abort(now);
        // Deletes may still wait for their turn, or for SQS: what comes again then is only deleted.
        for key in self.holdings.closed_messages() {
            self.mark(key);
        }
        for key in self.holdings.open_messages() {
            if planted("late-stop-deletes") {
                self.finish(key, now);
                continue;
            }
            self.mark(key);
            self.holdings.take_along(key);
            if let Some(held) = self.forget(key) {
                self.hiding.give_back(held.handle, Duration::ZERO);
            }
        }
    }

    /// Whether a stop has nothing left to wait for.
    fn is_over(&self) -> bool {
        self.holdings.len() == 0 && self.passes.is_empty() && self.is_settled()
    }

    /// Whether no call is under way, and none is to be made for messages that are held no more.
    fn is_settled(&self) -> bool {
        !self.hiding.has_returns() && !self.marking.has_writes() && self.calls.is_empty()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.hold.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a task's death means: nothing if we ended it. A panic is a bug: the unit starts afresh, and what it held comes back
/// by itself.
fn died(error: JoinError) -> Option<Ended> {
    (!error.is_cancelled()).then(|| Ended::Failed(Failure::passing(&PANICKED, error)))
}
