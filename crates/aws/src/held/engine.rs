//! The engine's task: receives, gives, settles, deletes and extends, until it is stopped.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use quittance_core::{Backoff, Class, Ended, Failure, Outlet, Record, Settlements, StoreError, World};
use tokio::{
    task::{AbortHandle, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    AwsError, Message, Queue, QueueFacts, Rejected,
    held::{
        Intake, ItemKey, Limits, Memory, OnMissingObject, PassEnd, Quarantine, Tally, Work,
        fault::Fault,
        holdings::{Held, Holdings, MessageKey, Next, Outcome},
        lanes::{Lanes, Refusal},
        marks::{MARK_EVERY, MarkWrite, Marks},
        schedule::Schedule,
    },
    sqs::BATCH,
};

/// How long SQS lets a message be hidden in all since its receive, less what clocks and calls may take.
const LONGEST_HOLD: Duration = Duration::from_secs(12 * 3600 - 120);

/// The largest body of a message: a receive may bring ten.
const LARGEST_BODY: usize = 1 << 20;

/// How long a delete waits for others to fill its batch.
const DELETE_LINGER: Duration = Duration::from_millis(200);

/// Calls of one kind under way at a time.
const MOST_CALLS: usize = 16;

/// Between two wishes for early receipts: each ends a connection.
const HURRY_EVERY: Duration = Duration::from_secs(1);

/// How long an item that is not there is asked for: notifications overtake writes, and lifecycles move things.
const MISSING_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Passes in a row that may see other bytes each time before the item counts as broken.
const MOST_CHANGES: u32 = 5;

/// After `OverLimit`, until more messages are held again.
const GROW_EVERY: Duration = Duration::from_secs(60);

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
    engine.recall_marks().await;
    engine.run(stop).await
}

/// What a call brings back.
enum Called {
    Received(Result<Vec<Message>, AwsError>),
    Deleted(Vec<(MessageKey, String)>, Result<Vec<Rejected>, AwsError>),
    Extended(Vec<MessageKey>, Result<Vec<Rejected>, AwsError>),
    Returned(Result<Vec<Rejected>, AwsError>),
    /// The way back of a message that could not be set aside, or could not be deleted after it was.
    SetAside(Option<(String, Duration)>),
    Marked(Result<(), StoreError>),
}

/// A pass that ended.
struct Passed<I> {
    item: ItemKey,
    what: Arc<I>,
    end: PassEnd,
}

/// A message that can never be processed.
struct Poison {
    id: String,
    handle: String,
    receives: u32,
    /// What in it is broken, if that is known.
    address: Option<String>,
    reason: String,
    /// The body, if it says more than the address.
    body: String,
}

/// How far a stop has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Receipts are waited for until then.
    Draining(Instant),
    /// Everything goes back; the last calls may take until then.
    Leaving(Instant),
}

struct Engine<W: Work> {
    hold: Arc<Hold<W>>,
    settlements: Settlements,
    stage: Stage,
    holdings: Holdings<W::Item>,
    lanes: Lanes,
    /// When each message must be hidden anew.
    leases: Schedule<MessageKey>,
    visibility: Duration,
    passes: JoinSet<Box<Passed<W::Item>>>,
    calls: JoinSet<Called>,

    receives: Vec<AbortHandle>,
    /// Receives whose messages are not taken in yet.
    receiving: usize,
    /// Receives that the backlog deserves.
    receivers: usize,
    receive_from: Instant,
    receive_backoff: Backoff,
    /// Why nothing can be received until a person acts.
    refusal: Option<AwsError>,
    /// Messages that may be held; less than the setting after SQS said that too many are in flight.
    held_limit: usize,
    grow_at: Instant,
    hurry_from: Instant,

    /// Messages to be deleted.
    finished: VecDeque<MessageKey>,
    /// Until when the first of them waits for others.
    delete_linger: Instant,
    delete_from: Instant,
    delete_backoff: Backoff,
    deletes: usize,
    /// Messages that go back: handle, and how long they stay hidden.
    returns: VecDeque<(String, Duration)>,
    /// Changes of visibility under way.
    hides: usize,

    marks: Marks,
    /// When each message's progress is looked at.
    marks_due: Schedule<MessageKey>,
    /// Whether a mark is being written.
    marking: bool,
}

impl<W: Work> Engine<W> {
    fn new(hold: Arc<Hold<W>>, settlements: Settlements) -> Self {
        let now = hold.world.clock.now();
        let backoff = |first, last| {
            Backoff::new(Duration::from_millis(first), Duration::from_secs(last), hold.world.random.fork())
        };
        Engine {
            settlements,
            stage: Stage::Running,
            holdings: Holdings::new(hold.outlet.all()),
            lanes: Lanes::new(hold.world.random.fork()),
            leases: Schedule::default(),
            visibility: hold.limits.visibility_timeout.max(hold.facts.visibility_timeout),
            passes: JoinSet::new(),
            calls: JoinSet::new(),
            receives: Vec::new(),
            receiving: 0,
            receivers: 1,
            receive_from: now,
            receive_backoff: backoff(500, 60),
            refusal: None,
            held_limit: hold.limits.held_messages,
            grow_at: now,
            hurry_from: now,
            finished: VecDeque::new(),
            delete_linger: now,
            delete_from: now,
            delete_backoff: backoff(250, 30),
            deletes: 0,
            returns: VecDeque::new(),
            hides: 0,
            marks: Marks::new(hold.outlet.names().into_iter().map(str::to_owned).collect()),
            marks_due: Schedule::default(),
            marking: false,
            hold,
        }
    }

    async fn run(mut self, stop: CancellationToken) -> Ended {
        let hold = self.hold.clone();
        let (clock, outlet) = (&hold.world.clock, &hold.outlet);
        loop {
            let now = clock.now();
            match self.stage {
                Stage::Running => {
                    if let Some(failure) = self.hopeless() {
                        return Ended::Failed(failure);
                    }
                    self.try_lanes(now);
                    self.start_passes(now);
                    self.start_receives(now);
                }
                Stage::Draining(until) if now >= until => self.leave(now),
                Stage::Leaving(until) if now >= until => {
                    warn!(
                        messages = self.holdings.len(),
                        "stopped before the last calls came back; messages stay hidden"
                    );
                    return Ended::Stopped;
                }
                Stage::Draining(until) => {
                    if now + hold.limits.drain >= until + LAST_RECEIVE {
                        self.receives.drain(..).for_each(|receive| receive.abort());
                    }
                }
                Stage::Leaving(_) => {}
            }
            self.start_deletes(now);
            self.start_extensions(now);
            self.start_returns();
            self.start_marks(now);
            if self.stage != Stage::Running && self.is_over() {
                return Ended::Stopped;
            }
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

    // Receiving.

    fn start_receives(&mut self, now: Instant) {
        let limits = &self.hold.limits;
        self.receives.retain(|receive| !receive.is_finished());
        while self.receiving < self.receivers
            && now >= self.receive_from
            && self.hold.outlet.is_ready()
            && self.has_room()
            // No more is taken than can be begun soon: what waits its turn ages at SQS instead.
            && self.holdings.readable(now, 4 * limits.readers) < 4 * limits.readers
        {
            let (hold, visibility) = (self.hold.clone(), self.visibility);
            let receive = async move { Called::Received(hold.queue.receive(visibility).await) };
            self.receives.push(self.calls.spawn(receive));
            self.receiving += 1;
        }
    }

    /// Whether another receive's messages may be held.
    fn has_room(&self) -> bool {
        let coming = (self.receiving + 1) * BATCH;
        let held = self.holdings.len();
        // Items of buckets that refuse us keep others from nothing, up to as many again.
        let active = held.saturating_sub(self.lanes.parked());
        let bytes = self.holdings.bytes() + coming * LARGEST_BODY;
        let alone = held == 0 && self.receiving == 0;
        active + coming <= self.held_limit
            && held + coming <= 2 * self.held_limit
            && (bytes <= self.hold.limits.held_bytes || alone)
    }

    fn received(&mut self, messages: Vec<Message>, now: Instant) {
        self.receive_backoff.reset();
        self.refusal = None;
        self.receivers = match messages.len() {
            BATCH => (self.receivers + 1).min(self.hold.limits.receivers),
            0 => 1,
            _ => self.receivers,
        };
        let most = self.hold.limits.held_messages;
        if self.held_limit < most && now >= self.grow_at {
            self.held_limit = (self.held_limit + most.div_ceil(20)).min(most);
            self.grow_at = now + GROW_EVERY;
        }
        self.hold.tally.received.add(messages.len() as u64);
        for message in messages {
            self.take_in(message, now);
        }
        let limits = &self.hold.limits;
        if self.holdings.len() >= self.held_limit / 2 || self.holdings.bytes() >= limits.held_bytes / 2 {
            self.hurry(now);
        }
    }

    fn take_in(&mut self, message: Message, now: Instant) {
        let Message { id, handle, body, receives } = message;
        let tally = self.hold.tally.clone();
        if let Some(key) = self.holdings.came_again(&id, &handle, receives, now) {
            tally.duplicates.add(1);
            self.leases.set(key, now + self.visibility / 2);
            return;
        }
        if self.stage != Stage::Running {
            self.returns.push_back((handle, Duration::ZERO));
            return;
        }
        let items = match self.hold.work.intake(body) {
            Intake::Items { items, others, skipped } => {
                tally.others.add(others as u64);
                tally.skipped.add(skipped as u64);
                items
            }
            Intake::Control(what) => {
                tally.control.add(1);
                info!(message = id, what, "message of the service itself, deleted");
                Vec::new()
            }
            Intake::Unknown { why, body } => {
                self.poison(Poison { id, handle, receives, address: None, reason: why.to_owned(), body });
                return;
            }
        };
        let progress = self.memory().recall(&id, items.len());
        if progress.is_some() {
            tally.resumed.add(1);
        }
        let weigh = |item| (self.hold.work.weight(&item), item);
        let items = items.into_iter().map(weigh).collect();
        let (key, outcome) = self.holdings.hold((id, handle, receives), items, progress, now);
        self.leases.set(key, now + self.visibility / 2);
        self.marks_due.set(key, now + MARK_EVERY);
        self.conclude(outcome, now);
    }

    fn not_received(&mut self, error: AwsError, now: Instant) {
        let mut wait = self.receive_backoff.wait();
        if let AwsError::Api { code: Some(code), .. } = &error
            && code.ends_with("OverLimit")
        {
            // Whoever holds the rest: less of ours in flight is what we can do.
            self.held_limit = (self.holdings.len().min(self.held_limit) / 2).max(BATCH);
            self.grow_at = now + GROW_EVERY;
            self.hurry(now);
        }
        let helpless = matches!(error.class(), Class::NeedsPerson | Class::SignIn);
        if helpless {
            wait = wait.max(Duration::from_secs(30));
        }
        warn!(error = error.chain(), retry_in = ?wait, "cannot receive");
        self.receivers = 1;
        self.receive_from = now + wait;
        self.refusal = helpless.then_some(error);
    }

    /// Nothing can be received until a person acts, and nothing is held: the supervisor shall begin with the setup again.
    fn hopeless(&mut self) -> Option<Failure> {
        let idle = self.holdings.len() == 0 && self.returns.is_empty() && self.calls.is_empty();
        self.refusal.take_if(|_| idle).map(Failure::from)
    }

    // Giving.

    fn try_lanes(&mut self, now: Instant) {
        while let Some(item) = self.lanes.try_one(now) {
            if !self.holdings.release(item, now) {
                self.lanes.gone(item);
            }
        }
    }

    fn start_passes(&mut self, now: Instant) {
        let work = &self.hold.work;
        while self.hold.outlet.is_ready()
            && let Some((item, what)) = self.holdings.next(now)
        {
            // Parked even if nothing can be begun now: what may not be read must not look as if it could.
            if let Some(lane) = work.lane(what)
                && !self.lanes.admit(lane, item, now)
            {
                self.holdings.park(item);
                continue;
            }
            if self.passes.len() >= self.hold.limits.readers {
                return;
            }
            let Some(task) = self.holdings.begin(item) else { continue };
            let (hold, what) = (self.hold.clone(), task.what.clone());
            self.passes.spawn(async move {
                let end = Box::pin(hold.work.pass(task)).await;
                Box::new(Passed { item, what, end })
            });
        }
    }

    fn passed(&mut self, passed: Passed<W::Item>, now: Instant) {
        let Passed { item, what, mut end } = passed;
        let result = std::mem::replace(&mut end.result, Ok(()));
        let next = match result {
            Ok(()) => self.went_well(item, &what, now),
            Err(error) => self.broke(item, &what, &error, end.reached, now),
        };
        let outcome = self.holdings.passed(item, end, next, now);
        self.conclude(outcome, now);
    }

    fn went_well(&mut self, item: ItemKey, what: &W::Item, now: Instant) -> Next {
        self.lane_is_open(what, now);
        match self.holdings.history(item) {
            Some(history) if history.fault.is_some() => {
                // The bytes are sound, so those of the pass before were not, and who knows which of them.
                warn!(%what, "damage was not found again: the transfer was at fault, all is given again");
                Next::Afresh(now)
            }
            _ => Next::Settle,
        }
    }

    /// What to do about an item whose pass broke.
    fn broke(&mut self, item: ItemKey, what: &W::Item, error: &AwsError, reached: u64, now: Instant) -> Next {
        let fault = Fault::of(error);
        if fault == Fault::Refused {
            return self.refused(item, what, error, now);
        }
        match fault {
            Fault::Passing => {
                if let Some(lane) = self.hold.work.lane(what) {
                    self.lanes.tried(lane, item);
                }
            }
            _ => self.lane_is_open(what, now),
        }
        let random = self.hold.world.random.clone();
        let Some(history) = self.holdings.history(item) else { return Next::Settle };
        history.reason = Some(error.chain());
        let range = Duration::from_millis(500) * 2_u32.pow(history.failures.min(7));
        let wait = range / 2 + random.up_to(range / 2);
        let next = match fault {
            Fault::Passing | Fault::Refused => Next::Again(now + wait),
            Fault::Unfit => Next::Stuck,
            Fault::Damaged if history.fault == Some(reached) || history.failures > MOST_CHANGES => Next::Stuck,
            Fault::Damaged if history.fault.is_some() => Next::Afresh(now + wait),
            Fault::Damaged => {
                // A second look tells a damaged object from a damaged transfer.
                history.fault = Some(reached);
                Next::Again(now)
            }
            Fault::Changed if history.failures > MOST_CHANGES && matches!(error, AwsError::Checksum { .. }) => {
                Next::Stuck
            }
            Fault::Changed if history.failures == 0 => Next::Afresh(now),
            Fault::Changed => Next::Afresh(now + wait),
            Fault::Missing => {
                let since = *history.missing_since.get_or_insert(now);
                let patient = now - since < MISSING_PATIENCE;
                match self.hold.limits.on_missing_object {
                    _ if patient => Next::Again(now + Duration::from_secs(30)),
                    OnMissingObject::Retry => Next::Again(now + MISSING_PATIENCE),
                    OnMissingObject::DeadLetter => {
                        self.hold.tally.missing.add(1);
                        Next::Stuck
                    }
                    OnMissingObject::Drop => {
                        self.hold.tally.missing.add(1);
                        Next::Enough
                    }
                }
            }
        };
        warn!(%what, error = error.chain(), next = next.name(), "not read");
        next
    }

    /// What to do about an item that we may not read: not its fault. The bucket rests, its messages stay held, the others
    /// flow.
    fn refused(&mut self, item: ItemKey, what: &W::Item, error: &AwsError, now: Instant) -> Next {
        let lane = self.hold.work.lane(what);
        let Some(history) = self.holdings.history(item) else { return Next::Settle };
        let failures = history.failures;
        let first = *history.refused_at.get_or_insert(now);
        let refusal = lane.map_or(Refusal::Item, |lane| self.lanes.refused(lane, item, first, now));
        match refusal {
            Refusal::Lane { news } => {
                if news {
                    warn!(
                        bucket = lane,
                        error = error.chain(),
                        fix =
                            "allow s3:GetObject on the bucket, and kms:Decrypt on its key if it is encrypted with one",
                        "bucket refuses us: its messages are held, and it is tried again from time to time"
                    );
                }
                Next::Park
            }
            Refusal::Item => {
                let wait = (Duration::from_secs(30) * 2_u32.pow(failures.min(7))).min(Duration::from_secs(3600));
                warn!(
                    %what,
                    error = error.chain(),
                    retry_in = ?wait,
                    fix = "it may be gone, which s3:ListBucket on the bucket would tell, or have a key of its own, which \
                           needs kms:Decrypt",
                    "refused, though others of its bucket are read"
                );
                Next::Again(now + wait)
            }
        }
    }

    /// Something in the item's bucket could be read, or asked for in vain: we are let in.
    fn lane_is_open(&mut self, what: &W::Item, now: Instant) {
        let Some(lane) = self.hold.work.lane(what) else { return };
        if let Some((parked, news)) = self.lanes.read(lane, now) {
            if news {
                info!(bucket = lane, objects = parked.len(), "bucket can be read again");
            }
            for item in parked {
                self.holdings.release(item, now);
            }
        }
    }

    // Settling.

    fn settled(&mut self, settlement: quittance_core::Settlement, now: Instant) {
        let (outcome, overwritten) = self.holdings.settled(settlement, now);
        if overwritten > 0 {
            self.hold.tally.overwritten.add(overwritten);
            warn!(events = overwritten, "events were not delivered before their object was overwritten");
        }
        self.conclude(outcome, now);
    }

    fn conclude(&mut self, outcome: Option<Outcome>, now: Instant) {
        match outcome {
            Some(Outcome::Done(key)) => self.finish(key, now),
            Some(Outcome::Stuck(key)) => {
                let reason = self.holdings.reason(key).unwrap_or("it cannot be delivered").to_owned();
                let address = Some(self.holdings.dead(key)).filter(|address| !address.is_empty());
                if let Some(Held { id, handle, receives, .. }) = self.give_up(key) {
                    self.poison(Poison { id, handle, receives, address, reason, body: String::new() });
                }
            }
            Some(Outcome::Idle(key)) => {
                if let Some(held) = self.give_up(key) {
                    self.returns.push_back((held.handle, Duration::ZERO));
                }
            }
            None => {}
        }
    }

    /// Holds a message no longer. How far it came is remembered, should it come again.
    fn give_up(&mut self, key: MessageKey) -> Option<Held> {
        let progress = self.holdings.progress(key);
        let moved = self.holdings.mark(key).is_some();
        let held = self.forget(key)?;
        if moved {
            self.marks.keep(&held.id, &progress, self.seconds());
        }
        self.memory().keep(held.id.clone(), progress);
        Some(held)
    }

    fn forget(&mut self, key: MessageKey) -> Option<Held> {
        let held = self.holdings.forget(key)?;
        self.leases.remove(key);
        self.marks_due.remove(key);
        held.items.iter().for_each(|item| self.lanes.gone(*item));
        Some(held)
    }

    /// A message that can never be processed. A queue with a redrive policy takes it, after it went back a few times,
    /// hidden for longer each time so that it costs little; without one it is set aside here, and deleted.
    fn poison(&mut self, poison: Poison) {
        self.hold.tally.poison.add(1);
        let Poison { id, handle, receives, address, reason, body } = poison;
        let most = self.hold.facts.max_receive_count;
        let hidden = hidden_poison(receives, most);
        if most.is_some() {
            warn!(message = id, reason, receives, of = most, hidden_for = ?hidden, "message left to the queue's redrive policy");
            self.returns.push_back((handle, hidden));
            return;
        }
        let hold = self.hold.clone();
        self.calls.spawn(async move {
            let address = address.unwrap_or_else(|| format!("message {id}"));
            if let Err(error) = hold.quarantine.put(address.clone(), reason.clone(), body.into_bytes()).await {
                warn!(message = id, address, reason, %error, hidden_for = ?hidden, "message stays: it cannot be set aside");
                return Called::SetAside(Some((handle, hidden)));
            }
            warn!(message = id, address, reason, "message set aside, since its queue has no redrive policy");
            hold.tally.quarantined.add(1);
            match hold.queue.delete(std::slice::from_ref(&handle)).await {
                Ok(rejected) if rejected.is_empty() => hold.tally.deleted.add(1),
                // It comes again, and is then kept once.
                _ => return Called::SetAside(Some((handle, hidden))),
            }
            Called::SetAside(None)
        });
    }

    // Marking.

    /// Remembers what an earlier process marked.
    async fn recall_marks(&mut self) {
        let Quarantine { unit, store, .. } = &self.hold.quarantine;
        let marks = match store.list(unit.as_str(), Record::Progress).await {
            Ok(marks) => marks,
            Err(error) => {
                warn!(%error, "progress marks cannot be read: what was delivered in part is given again whole");
                return;
            }
        };
        let now = self.seconds();
        for (id, text) in marks {
            if let Some(progress) = self.marks.recall(id.clone(), text, now) {
                self.memory().keep(id, progress);
            }
        }
    }

    /// Marks messages that take longer than a confirmation, one write at a time.
    fn start_marks(&mut self, now: Instant) {
        while let Some(key) = self.marks_due.pop(now) {
            self.mark(key);
            if self.holdings.message(key).is_some() {
                self.marks_due.set(key, now + MARK_EVERY);
            }
        }
        if self.marking {
            return;
        }
        let Some(write) = self.marks.next() else { return };
        self.marking = true;
        let hold = self.hold.clone();
        self.calls.spawn(async move {
            let Quarantine { unit, store, .. } = &hold.quarantine;
            let (fence, unit) = (store.fence(), unit.as_str());
            Called::Marked(match write {
                MarkWrite::Save { id, text } => store.save(fence, unit, Record::Progress, &id, &text).await,
                MarkWrite::Remove { id } => store.remove(fence, unit, Record::Progress, &id).await,
            })
        });
    }

    /// Keeps how far a message is, if something of it was delivered.
    fn mark(&mut self, key: MessageKey) {
        let now = self.seconds();
        if let Some(progress) = self.holdings.mark(key)
            && let Some(held) = self.holdings.message(key)
        {
            self.marks.keep(&held.id, &progress, now);
        }
    }

    /// Seconds since 1970.
    fn seconds(&self) -> u64 {
        self.hold.world.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    // Deleting.

    fn finish(&mut self, key: MessageKey, now: Instant) {
        if self.finished.is_empty() {
            self.delete_linger = now + DELETE_LINGER;
        }
        self.finished.push_back(key);
    }

    fn start_deletes(&mut self, now: Instant) {
        while !self.finished.is_empty() && self.deletes < MOST_CALLS && now >= self.delete_from {
            let full = self.finished.len() >= BATCH;
            if now < self.delete_linger && !full && self.stage == Stage::Running {
                return;
            }
            let keys = self.finished.drain(..self.finished.len().min(BATCH));
            let batch: Vec<_> =
                keys.filter_map(|key| Some((key, self.holdings.message(key)?.handle.clone()))).collect();
            if batch.is_empty() {
                continue;
            }
            let hold = self.hold.clone();
            self.deletes += 1;
            self.calls.spawn(async move {
                let handles: Vec<_> = batch.iter().map(|(_, handle)| handle.clone()).collect();
                let result = hold.queue.delete(&handles).await;
                Called::Deleted(batch, result)
            });
        }
    }

    fn deleted(&mut self, batch: Vec<(MessageKey, String)>, result: Result<Vec<Rejected>, AwsError>, now: Instant) {
        let rejected = match result {
            Ok(rejected) => {
                self.delete_backoff.reset();
                rejected
            }
            Err(error) if is_gone(&error) => {
                warn!(error = error.chain(), "the queue is gone, and its messages with it");
                batch.iter().for_each(|(key, _)| self.forget_deleted(*key));
                return;
            }
            Err(error) => {
                let wait = self.delete_backoff.wait();
                warn!(error = error.chain(), retry_in = ?wait, "cannot delete");
                self.finished.extend(batch.iter().map(|(key, _)| *key));
                self.delete_from = now + wait;
                return;
            }
        };
        let mut again = false;
        for (index, (key, handle)) in batch.into_iter().enumerate() {
            let Some(held) = self.holdings.message(key) else { continue };
            match rejected.iter().find(|r| r.index == index) {
                Some(r) if r.retry => {
                    self.finished.push_back(key);
                    again = true;
                }
                // It came again meanwhile: only its newest handle is sure to delete it.
                _ if held.handle != handle => self.finish(key, now),
                Some(r) => {
                    warn!(message = held.id, code = r.code, "delete refused: the message may come again");
                    self.give_up(key);
                }
                // Others may have seen it, and an outdated handle deletes nothing.
                None if held.lapsed => _ = self.give_up(key),
                None => {
                    self.hold.tally.deleted.add(1);
                    self.forget_deleted(key);
                }
            }
        }
        if again {
            self.delete_from = now + self.delete_backoff.wait();
        }
    }

    fn forget_deleted(&mut self, key: MessageKey) {
        if let Some(held) = self.forget(key) {
            self.memory().forget(&held.id);
            self.marks.forget(&held.id);
        }
    }

    // Hiding.

    fn start_extensions(&mut self, now: Instant) {
        while self.hides < MOST_CALLS && self.leases.due(now).is_some() {
            let mut keys = Vec::with_capacity(BATCH);
            let mut entries = Vec::with_capacity(BATCH);
            // Those that are due soon go along.
            while entries.len() < BATCH
                && let Some(key) = self.leases.pop(now + self.visibility / 10)
            {
                let Some(held) = self.holdings.message(key) else { continue };
                let left = LONGEST_HOLD.saturating_sub(now - held.received);
                if left < Duration::from_secs(60) {
                    info!(message = held.id, "held for almost 12 hours, which is as long as SQS allows");
                    self.lapse(key);
                    continue;
                }
                entries.push((held.handle.clone(), self.visibility.min(left)));
                keys.push(key);
            }
            if entries.is_empty() {
                continue;
            }
            let hold = self.hold.clone();
            self.hides += 1;
            self.calls.spawn(async move {
                let result = hold.queue.extend(&entries).await;
                Called::Extended(keys, result)
            });
        }
    }

    fn extended(&mut self, keys: Vec<MessageKey>, result: Result<Vec<Rejected>, AwsError>, now: Instant) {
        let (half, soon) = (now + self.visibility / 2, now + self.visibility / 20);
        let rejected = match result {
            Ok(rejected) => rejected,
            Err(error) => {
                warn!(error = error.chain(), messages = keys.len(), "cannot extend visibility");
                keys.into_iter().for_each(|key| self.lease(key, soon));
                return;
            }
        };
        for (index, key) in keys.into_iter().enumerate() {
            match rejected.iter().find(|r| r.index == index) {
                None => self.lease(key, half),
                Some(r) if r.retry => self.lease(key, soon),
                Some(r) => {
                    // Its time ran out, or somebody else has it.
                    warn!(code = r.code, "message cannot be held longer");
                    self.lapse(key);
                }
            }
        }
    }

    fn lease(&mut self, key: MessageKey, at: Instant) {
        let last = self.holdings.message(key).map(|held| held.received + LONGEST_HOLD - Duration::from_secs(30));
        if let Some(last) = last {
            self.leases.set(key, at.min(last));
        }
    }

    /// The message shows itself to others. Work on it goes on if some is under way: most likely it comes to us again.
    fn lapse(&mut self, key: MessageKey) {
        self.hold.tally.lapsed.add(1);
        if self.holdings.is_busy(key) || self.finished.contains(&key) {
            self.holdings.lapse(key);
        } else {
            self.give_up(key);
        }
    }

    fn start_returns(&mut self) {
        // At a stop, our own receives would take at once what goes back, and each round would cost a receive.
        if self.stage != Stage::Running && !self.receives.iter().all(AbortHandle::is_finished) {
            return;
        }
        while self.hides < MOST_CALLS && !self.returns.is_empty() {
            let entries: Vec<_> = self.returns.drain(..self.returns.len().min(BATCH)).collect();
            let hold = self.hold.clone();
            self.hides += 1;
            self.calls.spawn(async move { Called::Returned(hold.queue.extend(&entries).await) });
        }
    }

    // Ending.

    /// Begins nothing more: what is not under way goes back now, the rest when its receipts are in.
    fn drain(&mut self, now: Instant) {
        self.stage = Stage::Draining(now + self.hold.limits.drain);
        self.hold.outlet.hurry();
        for key in self.holdings.stop() {
            self.conclude(Some(Outcome::Idle(key)), now);
        }
    }

    /// No receipt is waited for any longer: everything goes back but what only needs its delete.
    fn leave(&mut self, now: Instant) {
        self.stage = Stage::Leaving(now + LAST_CALLS);
        self.passes.abort_all();
        self.receives.drain(..).for_each(|receive| receive.abort());
        for key in self.holdings.open_messages() {
            self.mark(key);
            if let Some(held) = self.forget(key) {
                self.returns.push_back((held.handle, Duration::ZERO));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.holdings.len() == 0
            && self.returns.is_empty()
            && self.marks.is_empty()
            && self.calls.is_empty()
            && self.passes.is_empty()
    }

    // The rest.

    fn called(&mut self, called: Called, now: Instant) {
        match called {
            Called::Received(result) => {
                self.receiving -= 1;
                match result {
                    Ok(messages) => self.received(messages, now),
                    Err(error) => self.not_received(error, now),
                }
            }
            Called::Deleted(batch, result) => {
                self.deletes -= 1;
                self.deleted(batch, result, now);
            }
            Called::Extended(keys, result) => {
                self.hides -= 1;
                self.extended(keys, result, now);
            }
            Called::SetAside(back) => self.returns.extend(back),
            Called::Marked(result) => {
                self.marking = false;
                if let Err(error) = result {
                    warn!(%error, "progress mark not written: after a crash some events would be sent twice");
                }
            }
            Called::Returned(result) => {
                self.hides -= 1;
                if let Err(error) = result {
                    debug!(error = error.chain(), "messages not given back: they come back by themselves");
                }
            }
        }
    }

    fn hurry(&mut self, now: Instant) {
        if now >= self.hurry_from {
            self.hurry_from = now + HURRY_EVERY;
            self.hold.outlet.hurry();
        }
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let running = self.stage == Stage::Running;
        let until = match self.stage {
            Stage::Running => None,
            Stage::Draining(until) if self.receives.is_empty() => Some(until),
            Stage::Draining(until) => Some((until + LAST_RECEIVE).checked_sub(self.hold.limits.drain).unwrap_or(until)),
            Stage::Leaving(until) => Some(until),
        };
        let candidates = [
            until,
            self.leases.next().filter(|_| self.hides < MOST_CALLS),
            Some(self.delete_from.max(self.delete_linger))
                .filter(|_| !self.finished.is_empty() && self.deletes < MOST_CALLS),
            Some(self.receive_from).filter(|at| running && *at > now),
            self.holdings.next_read().filter(|at| *at > now),
            self.lanes.next_try().filter(|at| running && *at > now),
            self.marks_due.next(),
        ];
        candidates.into_iter().flatten().fold(now + Duration::from_secs(60), Instant::min)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.hold.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a task's death means: nothing if we ended it. A panic is a bug: the unit starts afresh, and what it held comes back
/// by itself.
fn died(error: JoinError) -> Option<Ended> {
    (!error.is_cancelled()).then(|| Ended::Failed(Failure { class: Class::Retry, error: error.into() }))
}

fn is_gone(error: &AwsError) -> bool {
    matches!(error, AwsError::Api { code: Some(code), .. }
        if code.ends_with("NonExistentQueue") || code == "QueueDoesNotExist")
}

/// How long a message that cannot be processed stays hidden after its `receives`th receive.
fn hidden_poison(receives: u32, most: Option<u32>) -> Duration {
    let growing = Duration::from_secs(30) * 2_u32.pow(receives.min(10));
    match most {
        // The next receive moves it to the dead-letter queue.
        Some(most) if receives >= most => Duration::ZERO,
        Some(_) => growing.min(Duration::from_secs(15 * 60)),
        None => growing.min(Duration::from_secs(6 * 3600)),
    }
}

impl Next {
    /// What it means, for a log.
    fn name(self) -> &'static str {
        match self {
            Next::Settle => "done",
            Next::Again(_) => "read again",
            Next::Park => "parked",
            Next::Afresh(_) => "read afresh",
            Next::Stuck => "left to the queue's redrive policy",
            Next::Enough => "given up, as `on_missing_object` says",
        }
    }
}
