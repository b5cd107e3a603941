//! The engine's task: receives, reads, settles, deletes and extends, until it is stopped.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use quittance_core::{
    Backoff, Class, Debts, Ended, Failure, Outlet, Puller, PullerContext, Settlements, Tags, World, debts,
};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::Instant,
};
use tracing::{debug, info, warn};

use crate::{
    Account, AwsError, Message, Notification, ObjectRef, Queue, Rejected, SqsQueue, Whereabouts, notification,
    objects::{
        ObjectsSettings, Selection,
        holdings::{Holdings, ItemKey, MessageKey, Outcome},
        pass::{Pass, PassEnd},
    },
    sqs::BATCH,
};

/// SQS lets a message be hidden for 12 hours in all; half an hour before, it goes back.
const LONGEST_HOLD: Duration = Duration::from_secs(11 * 3600 + 1800);

/// How long a delete waits for others to fill its batch.
const DELETE_LINGER: Duration = Duration::from_millis(200);

/// How long an object that is not there is asked for: notifications overtake writes, and lifecycles move things.
const MISSING_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Reads the objects that one queue announces.
pub struct ObjectsPuller {
    account: Arc<Account>,
    settings: ObjectsSettings,
}

impl ObjectsPuller {
    /// A puller for `settings` in `account`.
    pub fn new(account: Arc<Account>, settings: ObjectsSettings) -> Self {
        ObjectsPuller { account, settings }
    }
}

#[async_trait]
impl Puller for ObjectsPuller {
    async fn run(&self, context: PullerContext) -> Ended {
        let PullerContext { outlet, world, stop } = context;
        let ObjectsSettings { queue, region, .. } = &self.settings;
        let opened = async {
            let queue = SqsQueue::open(&self.account, region, queue).await?;
            let facts = queue.facts().await?;
            Ok::<_, AwsError>((queue, facts))
        };
        let (queue, facts) = match opened.await {
            Ok(opened) => opened,
            Err(error) => return Ended::Failed(error.into()),
        };
        let visibility = self.settings.limits.visibility_timeout.max(facts.visibility_timeout);
        let at = Whereabouts { account: queue.account().unwrap_or_default().to_owned(), region: region.clone() };
        let (debts, settlements) = debts();
        let shared = Arc::new(Shared {
            account: self.account.clone(),
            settings: self.settings.clone(),
            queue: Box::new(queue),
            at,
            tags: Tags::default(),
            outlet,
            debts,
            world,
        });
        Engine::new(shared, settlements, visibility).run(stop).await
    }
}

/// What the engine's tasks share, all of it constant.
struct Shared {
    account: Arc<Account>,
    settings: ObjectsSettings,
    queue: Box<dyn Queue>,
    at: Whereabouts,
    tags: Tags,
    outlet: Outlet,
    debts: Debts,
    world: World,
}

/// What a task of the engine brings back.
enum Work {
    Received(Result<Vec<Message>, AwsError>),
    Passed(ItemKey, ObjectRef, Box<PassEnd>),
    Deleted(Vec<MessageKey>, Result<Vec<Rejected>, AwsError>),
    Extended(Vec<MessageKey>, Result<Vec<Rejected>, AwsError>),
    Released,
}

struct Engine {
    shared: Arc<Shared>,
    settlements: Settlements,
    visibility: Duration,
    holdings: Holdings,
    work: JoinSet<Work>,
    receives: Vec<AbortHandle>,
    /// Receives that the backlog deserves.
    receivers: usize,
    /// Messages that may be held; less than the setting after SQS said that too many are in flight.
    held_limit: usize,
    receive_backoff: Backoff,
    receive_from: Instant,
    reading: usize,
    /// Buckets that refuse us, and until when they are left alone.
    paused: HashMap<String, (Instant, Backoff)>,
    /// Messages to be deleted, and since when the first of them waits.
    finished: VecDeque<MessageKey>,
    delete_from: Instant,
    deletes: usize,
    /// Messages by the time at which they must be extended.
    extensions: BTreeSet<(Instant, MessageKey)>,
    delete_backoff: Backoff,
}

impl Engine {
    fn new(shared: Arc<Shared>, settlements: Settlements, visibility: Duration) -> Self {
        let world = shared.world.clone();
        let now = world.clock.now();
        let backoff =
            |first, last| Backoff::new(Duration::from_millis(first), Duration::from_secs(last), world.random.fork());
        Engine {
            held_limit: shared.settings.limits.held_messages,
            settlements,
            visibility,
            holdings: Holdings::default(),
            work: JoinSet::new(),
            receives: Vec::new(),
            receivers: 1,
            receive_backoff: backoff(500, 60),
            delete_backoff: backoff(250, 30),
            receive_from: now,
            reading: 0,
            paused: HashMap::new(),
            finished: VecDeque::new(),
            delete_from: now,
            deletes: 0,
            extensions: BTreeSet::new(),
            shared,
        }
    }

    async fn run(mut self, stop: tokio_util::sync::CancellationToken) -> Ended {
        let shared = self.shared.clone();
        let (clock, outlet) = (&shared.world.clock, &shared.outlet);
        let mut deadline = None;
        loop {
            let now = clock.now();
            match deadline {
                None => {
                    self.start_receives(now);
                    self.start_passes(now);
                }
                Some(deadline) => {
                    self.release_idle();
                    if (self.holdings.len() == 0 && self.work.is_empty()) || now >= deadline {
                        return Ended::Stopped;
                    }
                }
            }
            self.start_deletes(now, deadline.is_some());
            self.start_extensions(now);
            let wake = self.next_wake(now, deadline);
            tokio::select! {
                biased;
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(now + shared.settings.limits.drain);
                    self.receives.drain(..).for_each(|receive| receive.abort());
                    self.holdings.stop_reading();
                    outlet.hurry();
                }
                Some(settlement) = self.settlements.recv() => {
                    let outcome = self.holdings.settled(settlement, now);
                    self.conclude(outcome, now);
                }
                Some(done) = self.work.join_next() => match done {
                    Ok(work) => self.done(work, clock.now(), deadline.is_some()),
                    Err(error) if error.is_cancelled() => {}
                    // A panic is a bug: the unit starts afresh, and what it held comes back by itself.
                    Err(error) => return Ended::Failed(Failure { class: Class::Retry, error: error.into() }),
                },
                () = outlet.ready(), if !outlet.is_ready() => {}
                () = clock.sleep_until(wake) => {}
            }
        }
    }

    fn start_receives(&mut self, now: Instant) {
        let limits = &self.shared.settings.limits;
        self.receives.retain(|receive| !receive.is_finished());
        while self.receives.len() < self.receivers
            && now >= self.receive_from
            && self.shared.outlet.is_ready()
            && self.holdings.len() + (self.receives.len() + 1) * BATCH <= self.held_limit
            // No more is taken than can be begun soon: what waits its turn ages at SQS instead.
            && self.holdings.readable(now, 4 * limits.readers) < 4 * limits.readers
        {
            let (shared, visibility) = (self.shared.clone(), self.visibility);
            self.receives.push(self.work.spawn(async move { Work::Received(shared.queue.receive(visibility).await) }));
        }
    }

    fn start_passes(&mut self, now: Instant) {
        while self.reading < self.shared.settings.limits.readers && self.shared.outlet.is_ready() {
            let Some(task) = self.holdings.take(now) else { return };
            if let Some((until, _)) = self.paused.get(&task.object.bucket)
                && *until > now
            {
                let outcome = self.holdings.passed(task.item, 0, task.owed, task.etag, false, *until);
                self.conclude(outcome, now);
                continue;
            }
            self.reading += 1;
            let shared = self.shared.clone();
            self.work.spawn(async move {
                let pass = Pass {
                    account: &shared.account,
                    kind: &*shared.settings.kind,
                    at: &shared.at,
                    tags: &shared.tags,
                    limits: &shared.settings.limits,
                    outlet: &shared.outlet,
                    debts: &shared.debts,
                    world: &shared.world,
                };
                let end = Box::pin(pass.run(task.item, &task.object, task.owed, task.etag)).await;
                Work::Passed(task.item, task.object, Box::new(end))
            });
        }
    }

    fn start_deletes(&mut self, now: Instant, stopping: bool) {
        while !self.finished.is_empty() && self.deletes < 8 {
            let full = self.finished.len() >= BATCH;
            if now < self.delete_from && !full && !stopping {
                return;
            }
            let keys: Vec<_> = self.finished.drain(..self.finished.len().min(BATCH)).collect();
            let handles: Vec<_> =
                keys.iter().filter_map(|key| Some(self.holdings.message(*key)?.handle.clone())).collect();
            let shared = self.shared.clone();
            self.deletes += 1;
            self.work.spawn(async move {
                let result = shared.queue.delete(&handles).await;
                Work::Deleted(keys, result)
            });
        }
    }

    fn start_extensions(&mut self, now: Instant) {
        while self.extensions.first().is_some_and(|(due, _)| *due <= now) {
            let mut keys = Vec::with_capacity(BATCH);
            let mut handles = Vec::with_capacity(BATCH);
            // Those that are due soon go along.
            let soon = now + self.visibility / 10;
            while keys.len() < BATCH
                && let Some((due, key)) = self.extensions.first().copied()
                && due <= soon
            {
                self.extensions.pop_first();
                let Some(held) = self.holdings.message(key) else { continue };
                if now - held.received > LONGEST_HOLD {
                    info!(message = held.id, "message held for almost 12 hours, it goes back to the queue");
                    continue;
                }
                handles.push(held.handle.clone());
                keys.push(key);
            }
            if keys.is_empty() {
                continue;
            }
            let (shared, visibility) = (self.shared.clone(), self.visibility);
            self.work.spawn(async move {
                let result = shared.queue.extend(&handles, visibility).await;
                Work::Extended(keys, result)
            });
        }
    }

    fn done(&mut self, work: Work, now: Instant, stopping: bool) {
        match work {
            Work::Received(Ok(messages)) => self.received(messages, now, stopping),
            Work::Received(Err(error)) => {
                let mut wait = self.receive_backoff.wait();
                if let AwsError::Api { code: Some(code), .. } = &error
                    && code.ends_with("OverLimit")
                {
                    self.held_limit = (self.held_limit / 2).max(BATCH);
                    self.shared.outlet.hurry();
                }
                if error.class() == Class::NeedsPerson {
                    wait = wait.max(Duration::from_secs(30));
                }
                warn!(error = error.chain(), retry_in = ?wait, "cannot receive");
                self.receivers = 1;
                self.receive_from = now + wait;
            }
            Work::Passed(item, object, end) => {
                self.reading -= 1;
                self.passed(item, &object, *end, now, stopping);
            }
            Work::Deleted(keys, result) => {
                self.deletes -= 1;
                self.deleted(keys, result, now);
            }
            Work::Extended(keys, result) => self.extended(keys, result, now),
            Work::Released => {}
        }
    }

    fn received(&mut self, messages: Vec<Message>, now: Instant, stopping: bool) {
        self.receive_backoff.reset();
        let most = self.shared.settings.limits.receivers;
        self.receivers = match messages.len() {
            BATCH => (self.receivers + 1).min(most),
            0 => 1,
            _ => self.receivers,
        };
        for message in messages {
            let objects = match notification(&message.body) {
                Notification::Objects { created, others } => {
                    if others > 0 {
                        debug!(message = message.id, others, "entries that announce no new object");
                    }
                    self.select(created)
                }
                Notification::Control(what) => {
                    info!(message = message.id, what, "message of the service itself, deleted");
                    Vec::new()
                }
                Notification::Unknown(why) => {
                    warn!(message = message.id, why, "message is no notification, left to the queue's redrive policy");
                    self.give_back(message.handle, growing(message.receives));
                    continue;
                }
            };
            let nothing = objects.is_empty();
            if let Some(key) = self.holdings.hold(message, objects, self.shared.outlet.all(), now) {
                self.extensions.insert((now + self.visibility / 2, key));
                if nothing {
                    self.finish(key, now);
                } else if stopping {
                    self.holdings.stop_reading();
                }
            }
        }
        if self.holdings.len() >= self.held_limit / 2 {
            // Half of what may be held waits for receipts: have them early.
            self.shared.outlet.hurry();
        }
    }

    fn select(&self, created: Vec<ObjectRef>) -> Vec<ObjectRef> {
        let kind = &self.shared.settings.kind;
        let wanted = |object: &ObjectRef| match kind.select(object) {
            Selection::Read => true,
            Selection::Skip(reason) => {
                debug!(%object, reason, "object skipped");
                false
            }
        };
        created.into_iter().filter(wanted).collect()
    }

    fn passed(&mut self, item: ItemKey, object: &ObjectRef, end: PassEnd, now: Instant, stopping: bool) {
        let PassEnd { lent, rest, etag, result } = end;
        let outcome = match result {
            Ok(()) => {
                self.paused.remove(&object.bucket);
                self.holdings.passed(item, lent, rest, etag, false, now)
            }
            Err(error) => {
                let verdict = self.verdict(item, object, &error, now);
                warn!(error = error.chain(), ?verdict, "object not read");
                match verdict {
                    Verdict::Again(wait) => self.holdings.passed(item, lent, rest, etag, true, now + wait),
                    Verdict::Afresh => {
                        let all = crate::objects::Owed::all(self.shared.outlet.all());
                        self.holdings.passed(item, lent, all, None, true, now)
                    }
                    Verdict::Stuck => self.holdings.stuck(item, lent, now),
                }
            }
        };
        if stopping {
            self.holdings.stop_reading();
        }
        self.conclude(outcome, now);
    }

    /// What to do about an object that could not be read.
    fn verdict(&mut self, item: ItemKey, object: &ObjectRef, error: &AwsError, now: Instant) -> Verdict {
        let random = &self.shared.world.random;
        match error {
            AwsError::Decode { .. } | AwsError::Oversized { .. } => Verdict::Stuck,
            AwsError::Overwritten { .. } => Verdict::Afresh,
            AwsError::Api { status: Some(404), .. } => {
                let since = self.holdings.missing_since(item, now);
                if now - since > MISSING_PATIENCE { Verdict::Stuck } else { Verdict::Again(Duration::from_secs(30)) }
            }
            AwsError::Api { class: Class::NeedsPerson, .. } => {
                // Not the object's fault: the bucket rests, its messages stay held, the other buckets flow.
                let fresh = || (now, Backoff::new(Duration::from_secs(30), Duration::from_secs(3600), random.fork()));
                let (until, backoff) = self.paused.entry(object.bucket.clone()).or_insert_with(fresh);
                if *until <= now {
                    *until = now + backoff.wait();
                }
                Verdict::Again(*until - now)
            }
            _ => {
                let failures = self.holdings.failures(item).min(7);
                let range = Duration::from_millis(500) * 2_u32.pow(failures);
                Verdict::Again(range / 2 + random.up_to(range / 2))
            }
        }
    }

    fn conclude(&mut self, outcome: Option<Outcome>, now: Instant) {
        match outcome {
            Some(Outcome::Done(key)) => self.finish(key, now),
            Some(Outcome::Stuck(key)) => {
                if let Some(held) = self.holdings.forget(key) {
                    self.give_back(held.handle, growing(held.receives));
                }
            }
            None => {}
        }
    }

    fn finish(&mut self, key: MessageKey, now: Instant) {
        if self.finished.is_empty() {
            self.delete_from = now + DELETE_LINGER;
        }
        self.finished.push_back(key);
    }

    fn deleted(&mut self, keys: Vec<MessageKey>, result: Result<Vec<Rejected>, AwsError>, now: Instant) {
        let rejected = match result {
            Ok(rejected) => {
                self.delete_backoff.reset();
                rejected
            }
            Err(error) => {
                let wait = self.delete_backoff.wait();
                warn!(error = error.chain(), retry_in = ?wait, "cannot delete");
                self.finished.extend(keys);
                self.delete_from = now + wait;
                return;
            }
        };
        for (index, key) in keys.into_iter().enumerate() {
            match rejected.iter().find(|r| r.index == index) {
                Some(r) if r.retry => self.finish(key, now),
                Some(r) => {
                    warn!(code = r.code, "delete refused, the message may come again");
                    self.holdings.forget(key);
                }
                None => {
                    self.holdings.forget(key);
                }
            }
        }
    }

    fn extended(&mut self, keys: Vec<MessageKey>, result: Result<Vec<Rejected>, AwsError>, now: Instant) {
        match result {
            Ok(rejected) => {
                for (index, key) in keys.into_iter().enumerate() {
                    match rejected.iter().find(|r| r.index == index) {
                        Some(r) if !r.retry => {
                            // Its time ran out, or somebody else has it: if it comes again, its handle is new.
                            warn!(code = r.code, "message cannot be held longer, it may come again");
                        }
                        Some(_) => _ = self.extensions.insert((now + self.visibility / 20, key)),
                        None => _ = self.extensions.insert((now + self.visibility / 2, key)),
                    }
                }
            }
            Err(error) => {
                warn!(error = error.chain(), "cannot extend visibility");
                let again = now + self.visibility / 20;
                self.extensions.extend(keys.into_iter().map(|key| (again, key)));
            }
        }
    }

    /// Gives a message back to the queue, visible after `delay`.
    fn give_back(&mut self, handle: String, delay: Duration) {
        let shared = self.shared.clone();
        self.work.spawn(async move {
            if let Err(error) = shared.queue.extend(&[handle], delay).await {
                debug!(error = error.chain(), "message not given back, it comes back by itself");
            }
            Work::Released
        });
    }

    /// At a stop, what is not under way goes back at once.
    fn release_idle(&mut self) {
        for key in self.holdings.keys() {
            if !self.holdings.is_busy(key)
                && !self.finished.contains(&key)
                && self.deletes == 0
                && let Some(held) = self.holdings.forget(key)
            {
                self.give_back(held.handle, Duration::ZERO);
            }
        }
    }

    fn next_wake(&self, now: Instant, deadline: Option<Instant>) -> Instant {
        let far = now + Duration::from_secs(60);
        let candidates = [
            deadline,
            self.extensions.first().map(|(due, _)| *due),
            (!self.finished.is_empty() && self.deletes < 8).then_some(self.delete_from),
            (self.receive_from > now).then_some(self.receive_from),
            self.holdings.next_read().filter(|at| *at > now),
        ];
        candidates.into_iter().flatten().fold(far, Instant::min)
    }
}

#[derive(Debug)]
enum Verdict {
    /// Read on later.
    Again(Duration),
    /// Read the new content whole.
    Afresh,
    /// It can never be read.
    Stuck,
}

/// How long a message that cannot be processed stays hidden: longer each time, so that it costs little until the
/// redrive policy takes it.
fn growing(receives: u32) -> Duration {
    Duration::from_secs(30 * 2_u64.pow(receives.min(10))).min(Duration::from_secs(6 * 3600))
}
