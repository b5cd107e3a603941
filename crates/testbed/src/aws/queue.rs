//! One queue: what is visible, what is in flight, what becomes of a receipt handle.
//!
//! A queue whose name ends in `.fifo` is one: a group of which a message is in flight is hidden, what is sent twice within
//! five minutes is kept once, and a message whose time ran out cannot be deleted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::clock::Clock;
use super::error::ApiError;
use super::{ACCOUNT, REGION, lock, md5};

/// The longest that a message may be kept from others, counted from its receive.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);

/// How far from the front a message may be taken when a queue is out of order.
const DISORDER: usize = 64;

/// How long a FIFO queue knows what was sent.
const DEDUPLICATION: Duration = Duration::from_secs(5 * 60);

/// How a queue behaves.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// How long a received message is kept from other receivers.
    pub visibility_timeout: Duration,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
    /// With so many messages in flight, `ReceiveMessage` answers `OverLimit`.
    pub in_flight_cap: usize,
    /// Messages older than this are dropped when they would be received.
    pub retention: Duration,
    /// Hand messages out in random order, as standard queues may; a FIFO queue never does.
    pub out_of_order: bool,
    /// The buckets that its access policy lets announce their objects.
    pub buckets: Vec<String>,
    /// In a FIFO queue: messages of the same body are the same.
    pub content_based_deduplication: bool,
    /// Keep the bodies of deleted messages for [`FakeAws::deleted_bodies`](super::FakeAws::deleted_bodies).
    pub keep_deleted_bodies: bool,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(30),
            redrive: None,
            buckets: Vec::new(),
            in_flight_cap: 120_000,
            retention: Duration::from_secs(4 * 24 * 60 * 60),
            out_of_order: false,
            content_based_deduplication: false,
            keep_deleted_bodies: false,
        }
    }
}

/// A queue's dead-letter queue.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// The name of the dead-letter queue, which must exist.
    pub queue: String,
    /// A message received so often goes there instead of being received once more.
    pub max_receive_count: u32,
}

/// The id of a message, the same at each of its receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u128);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (id >> 96) as u32,
            (id >> 80) as u16,
            (id >> 64) as u16,
            (id >> 48) as u16,
            id & 0xffff_ffff_ffff
        )
    }
}

/// The state of a queue, and what has happened to its messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Messages that can be received now.
    pub visible: u64,
    /// Messages that were received and not deleted, and whose visibility timeout has not passed.
    pub in_flight: u64,
    /// Messages sent to this queue, without those that came as dead letters.
    pub sent: u64,
    /// Hand-outs of messages: one message received three times counts three.
    pub received: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Deletes with an outdated receipt handle, which were answered as successes and did nothing.
    pub stale_deletes: u64,
    /// Messages moved to the dead-letter queue.
    pub dead_lettered: u64,
    /// Messages dropped because they were older than the retention period.
    pub expired: u64,
}

/// What stays the same over all receives of a message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) body: String,
    pub(super) sent_ms: i64,
    sent: Instant,
    md5: [u8; 16],
    pub(super) fifo: Option<Fifo>,
}

/// What a message of a FIFO queue has beside its body.
#[derive(Clone, Debug)]
pub(super) struct Grouped {
    pub(super) group: String,
    pub(super) deduplication: String,
}

/// The same, and its place.
#[derive(Debug)]
pub(super) struct Fifo {
    pub(super) grouped: Grouped,
    sequence: u64,
}

impl Fifo {
    /// Twenty digits, as AWS writes it.
    pub(super) fn sequence_number(&self) -> String {
        (18_849_496_460_467_696_128 + u128::from(self.sequence)).to_string()
    }
}

impl Message {
    pub(super) fn md5_hex(&self) -> String {
        md5::to_hex(self.md5)
    }

    pub(super) fn sequence_number(&self) -> Option<String> {
        self.fifo.as_ref().map(Fifo::sequence_number)
    }

    fn group(&self) -> Option<&str> {
        self.fifo.as_ref().map(|fifo| fifo.grouped.group.as_str())
    }
}

/// A message handed out.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) message: Arc<Message>,
    pub(super) handle: Handle,
    pub(super) first_received_ms: i64,
    pub(super) dead_letter_source: Option<Arc<str>>,
}

/// A receipt handle: one receive of one message. Only the latest one of a message has effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handle {
    queue: u32,
    key: u64,
    pub(super) receive_count: u32,
}

impl Handle {
    const PREFIX: &str = "AQEB";

    /// Reads a handle of this queue; anything else is not one.
    fn parse(text: &str, queue: u32) -> Option<Self> {
        let digits = text.strip_prefix(Self::PREFIX)?;
        let handle = Self {
            queue: u32::from_str_radix(digits.get(..8)?, 16).ok()?,
            key: u64::from_str_radix(digits.get(8..24)?, 16).ok()?,
            receive_count: u32::from_str_radix(digits.get(24..)?, 16).ok()?,
        };
        (handle.queue == queue).then_some(handle)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:08x}{:016x}{:08x}", Self::PREFIX, self.queue, self.key, self.receive_count)
    }
}

#[derive(Debug)]
struct Entry {
    message: Arc<Message>,
    /// Receives so far, in this queue and in the one it came from.
    receives: u32,
    first_received_ms: i64,
    in_flight: Option<InFlight>,
    dead_letter_source: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    since: Instant,
    until: Instant,
}

pub(super) struct Queue {
    pub(super) name: String,
    pub(super) settings: QueueSettings,
    pub(super) created_ms: i64,
    tag: u32,
    dead_letters: Option<Arc<Queue>>,
    state: Mutex<State>,
    news: Notify,
}

struct State {
    entries: HashMap<u64, Entry>,
    next_key: u64,
    /// Keys of visible messages. A key may be outdated: its message was deleted meanwhile, or it is
    /// in flight and this is an injected duplicate.
    ready: VecDeque<u64>,
    /// Every message in flight, by the time it becomes visible again.
    deadlines: BTreeSet<(Instant, u64)>,
    totals: QueueCounts,
    deleted: Vec<MessageId>,
    deleted_bodies: Vec<Arc<Message>>,
    /// Is told of every delete that is answered as a success, and whether it had an effect.
    watcher: Option<Watcher>,
    /// Is told of every receive of a message, and which one of it that is.
    receive_watcher: Option<ReceiveWatcher>,
    /// What was sent to a FIFO queue, by its deduplication id.
    known: HashMap<String, Arc<Message>>,
    /// How often messages that are gone were received.
    receives_of_gone: BTreeMap<u32, u64>,
    injected: Injected,
    rng: fastrand::Rng,
}

/// Who is told of deletes.
pub(super) type Watcher = Box<dyn Fn(MessageId, bool) + Send>;

/// Who is told of receives.
pub(super) type ReceiveWatcher = Box<dyn Fn(MessageId, u32) + Send>;

/// Misbehaviour that a test asked for.
#[derive(Default)]
struct Injected {
    duplicates: u32,
    empty_receives: u32,
    ignored_deletes: u32,
    short_receives: f64,
}

impl Queue {
    pub(super) fn new(
        name: String,
        settings: QueueSettings,
        dead_letters: Option<Arc<Queue>>,
        created_ms: i64,
        mut rng: fastrand::Rng,
    ) -> Self {
        Self {
            name,
            settings,
            created_ms,
            tag: rng.u32(..),
            dead_letters,
            state: Mutex::new(State {
                entries: HashMap::new(),
                next_key: 0,
                ready: VecDeque::new(),
                deadlines: BTreeSet::new(),
                totals: QueueCounts::default(),
                deleted: Vec::new(),
                deleted_bodies: Vec::new(),
                watcher: None,
                receive_watcher: None,
                known: HashMap::new(),
                receives_of_gone: BTreeMap::new(),
                injected: Injected::default(),
                rng,
            }),
            news: Notify::new(),
        }
    }

    pub(super) fn arn(&self) -> String {
        arn(&self.name)
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    pub(super) fn send(&self, clock: &Clock, body: String, grouped: Option<Grouped>) -> Arc<Message> {
        let md5 = md5::digest(body.as_bytes());
        let (sent_ms, sent) = (clock.now_ms(), Instant::now());
        let mut state = lock(&self.state);
        if let Some(grouped) = &grouped
            && let Some(known) = state.known.get(&grouped.deduplication)
            && sent - known.sent < DEDUPLICATION
        {
            return known.clone();
        }
        let id = MessageId(state.rng.u128(..));
        let unnamed = || Grouped { group: String::new(), deduplication: id.to_string() };
        let sequence = state.next_key;
        let fifo = self.is_fifo().then(|| Fifo { grouped: grouped.unwrap_or_else(unnamed), sequence });
        let message = Arc::new(Message { id, body, sent_ms, sent, md5, fifo });
        if let Some(fifo) = &message.fifo {
            state.known.insert(fifo.grouped.deduplication.clone(), message.clone());
        }
        state.totals.sent += 1;
        state.add(Entry {
            message: message.clone(),
            receives: 0,
            first_received_ms: 0,
            in_flight: None,
            dead_letter_source: None,
        });
        drop(state);
        self.news.notify_one();
        message
    }

    /// Takes up to `max` messages, and waits for the first one as long as `wait`.
    pub(super) async fn receive(
        &self,
        clock: &Clock,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, ApiError> {
        let end = Instant::now() + wait;
        loop {
            // Made before the look at the queue, so that nothing can come unnoticed in between.
            let news = self.news.notified();
            let mut dead = Vec::new();
            let now = Instant::now();
            let (taken, next_visible, more) = {
                let state = &mut *lock(&self.state);
                state.expire(now);
                if state.deadlines.len() >= self.settings.in_flight_cap {
                    return Err(ApiError::new(400, "OverLimit", "Too many messages are in flight in this queue."));
                }
                if state.injected.empty_receives > 0 {
                    state.injected.empty_receives -= 1;
                    return Ok(Vec::new());
                }
                let earliest = state.first_deadline();
                let taken = self.take(state, clock.now_ms(), now, max, visibility, &mut dead);
                let next_visible = state.first_deadline();
                // Whoever waits for a later deadline must learn of this one.
                if next_visible.is_some() && (earliest.is_none() || next_visible < earliest) {
                    self.news.notify_waiters();
                }
                (taken, next_visible, !state.ready.is_empty())
            };
            if let Some(queue) = &self.dead_letters {
                queue.bury(dead, &self.arn());
            }
            if !taken.is_empty() || now >= end {
                if more {
                    self.news.notify_one();
                }
                return Ok(taken);
            }
            let wake = next_visible.map_or(end, |deadline| deadline.min(end));
            tokio::select! {
                biased;
                () = news => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn take(
        &self,
        state: &mut State,
        now_ms: i64,
        now: Instant,
        max: usize,
        visibility: Duration,
        dead: &mut Vec<Entry>,
    ) -> Vec<Delivery> {
        let mut wanted = max.min(self.settings.in_flight_cap - state.deadlines.len());
        if wanted > 1 && state.rng.f64() < state.injected.short_receives {
            wanted = state.rng.usize(1..wanted);
        }
        let mut taken = Vec::new();
        let mut again = Vec::new();
        // Of groups that have a message in flight nothing is given; of others, from the oldest on.
        let (locked, mut passed_over) = (state.locked_groups(), Vec::new());
        if self.is_fifo() {
            state.ready.make_contiguous().sort_unstable();
        }
        while taken.len() < wanted {
            if self.settings.out_of_order && !self.is_fifo() && state.ready.len() > 1 {
                let other = state.rng.usize(..state.ready.len().min(DISORDER));
                state.ready.swap(0, other);
            }
            let Some(key) = state.ready.pop_front() else {
                break;
            };
            // A message deleted while it was visible leaves its key behind.
            let Some(entry) = state.entries.get_mut(&key) else {
                continue;
            };
            if entry.message.group().is_some_and(|group| locked.contains(group)) {
                passed_over.push(key);
                continue;
            }
            let worn_out =
                self.settings.redrive.as_ref().is_some_and(|redrive| entry.receives >= redrive.max_receive_count);
            let too_old = now - entry.message.sent > self.settings.retention;
            if worn_out || too_old {
                // A duplicate of what is still in flight neither ages nor dies.
                if entry.in_flight.is_none()
                    && let Some(entry) = state.entries.remove(&key)
                {
                    *state.receives_of_gone.entry(entry.receives).or_default() += 1;
                    if too_old {
                        state.totals.expired += 1;
                    } else {
                        state.totals.dead_lettered += 1;
                        dead.push(entry);
                    }
                }
                continue;
            }
            if let Some(held) = entry.in_flight {
                state.deadlines.remove(&(held.until, key));
            }
            let until = now + visibility;
            entry.in_flight = Some(InFlight { since: now, until });
            state.deadlines.insert((until, key));
            if entry.receives == 0 {
                entry.first_received_ms = now_ms;
            }
            entry.receives += 1;
            state.totals.received += 1;
            if let Some(watcher) = &state.receive_watcher {
                watcher(entry.message.id, entry.receives);
            }
            taken.push(Delivery {
                message: entry.message.clone(),
                handle: Handle { queue: self.tag, key, receive_count: entry.receives },
                first_received_ms: entry.first_received_ms,
                dead_letter_source: entry.dead_letter_source.clone(),
            });
            if state.injected.duplicates > 0 {
                state.injected.duplicates -= 1;
                again.push(key);
            }
        }
        for key in passed_over.into_iter().rev() {
            state.ready.push_front(key);
        }
        // In front, so that the duplicate comes with the very next receive, never with this one.
        for key in again {
            state.ready.push_front(key);
        }
        taken
    }

    /// Takes in messages from a queue whose dead-letter queue this is.
    fn bury(&self, dead: Vec<Entry>, source: &str) {
        if dead.is_empty() {
            return;
        }
        let source: Arc<str> = source.into();
        let mut state = lock(&self.state);
        for entry in dead {
            state.add(Entry { in_flight: None, dead_letter_source: Some(source.clone()), ..entry });
        }
        drop(state);
        self.news.notify_one();
    }

    /// Deletes by receipt handle. An outdated handle succeeds and does nothing; in a FIFO queue it is an error, and so is
    /// the handle of a message whose time ran out.
    pub(super) fn delete(&self, handle: &str) -> Result<(), ApiError> {
        let handle = self.parse(handle)?;
        let state = &mut *lock(&self.state);
        state.expire(Instant::now());
        let Some(entry) = state.entries.get(&handle.key) else {
            return Ok(());
        };
        if self.is_fifo() && (entry.in_flight.is_none() || entry.receives != handle.receive_count) {
            return Err(ApiError::new(
                400,
                "InvalidParameterValue",
                format!(
                    "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
                ),
            ));
        }
        if entry.receives != handle.receive_count {
            state.totals.stale_deletes += 1;
            return Ok(());
        }
        if state.injected.ignored_deletes > 0 {
            state.injected.ignored_deletes -= 1;
            if let Some(watcher) = &state.watcher {
                watcher(entry.message.id, false);
            }
            return Ok(());
        }
        if let Some(entry) = state.entries.remove(&handle.key) {
            if let Some(held) = entry.in_flight {
                state.deadlines.remove(&(held.until, handle.key));
            }
            state.totals.deleted += 1;
            state.deleted.push(entry.message.id);
            if let Some(watcher) = &state.watcher {
                watcher(entry.message.id, true);
            }
            *state.receives_of_gone.entry(entry.receives).or_default() += 1;
            if self.settings.keep_deleted_bodies {
                state.deleted_bodies.push(entry.message);
            }
        }
        if self.is_fifo() {
            // Its group may be free now.
            self.news.notify_waiters();
        }
        Ok(())
    }

    /// Sets the time until a message in flight becomes visible again, counted from now.
    pub(super) fn change_visibility(&self, handle: &str, timeout: Duration) -> Result<(), ApiError> {
        let handle = self.parse(handle)?;
        let now = Instant::now();
        let state = &mut *lock(&self.state);
        state.expire(now);
        let earliest = state.first_deadline();
        let entry =
            state.entries.get_mut(&handle.key).filter(|entry| entry.receives == handle.receive_count).ok_or_else(
                || {
                    ApiError::new(
                        400,
                        "InvalidParameterValue",
                        format!(
                            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not \
                         exist or is not available for visibility timeout change."
                        ),
                    )
                },
            )?;
        let Some(held) = entry.in_flight.as_mut() else {
            return Err(ApiError::new(
                400,
                "AWS.SimpleQueueService.MessageNotInflight",
                "The specified message is not in flight.",
            ));
        };
        let until = now + timeout;
        if until > held.since + LONGEST_VISIBILITY {
            return Err(ApiError::new(
                400,
                "InvalidParameterValue",
                format!(
                    "Value {} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout \
                     for the message is beyond the limit [43200 seconds].",
                    timeout.as_secs()
                ),
            ));
        }
        state.deadlines.remove(&(held.until, handle.key));
        held.until = until;
        state.deadlines.insert((until, handle.key));
        if earliest.is_none_or(|earliest| until < earliest) {
            self.news.notify_waiters();
        }
        Ok(())
    }

    /// Ends the visibility timeout of every message in flight.
    pub(super) fn make_visible(&self) {
        let state = &mut *lock(&self.state);
        while let Some((_, key)) = state.deadlines.pop_first() {
            state.show(key);
        }
        self.news.notify_waiters();
    }

    pub(super) fn counts(&self) -> QueueCounts {
        let state = &mut *lock(&self.state);
        state.expire(Instant::now());
        let in_flight = state.deadlines.len() as u64;
        QueueCounts { visible: state.entries.len() as u64 - in_flight, in_flight, ..state.totals }
    }

    pub(super) fn deleted(&self) -> Vec<MessageId> {
        lock(&self.state).deleted.clone()
    }

    pub(super) fn deleted_bodies(&self) -> Vec<String> {
        lock(&self.state).deleted_bodies.iter().map(|message| message.body.clone()).collect()
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        let state = lock(&self.state);
        let mut keys: Vec<_> = state.entries.keys().copied().collect();
        keys.sort_unstable();
        keys.iter().filter_map(|key| Some(state.entries.get(key)?.message.body.clone())).collect()
    }

    pub(super) fn ids(&self) -> Vec<MessageId> {
        let state = lock(&self.state);
        let mut ids: Vec<_> = state.entries.values().map(|entry| entry.message.id).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn watch(&self, watcher: Watcher) {
        lock(&self.state).watcher = Some(watcher);
    }

    pub(super) fn watch_receives(&self, watcher: ReceiveWatcher) {
        lock(&self.state).receive_watcher = Some(watcher);
    }

    /// Somebody else receives every message in flight, as if its visibility timeout had passed just now, and keeps it from
    /// others for `visibility`.
    pub(super) fn give_to_another(&self, visibility: Duration) -> Vec<MessageId> {
        let now = Instant::now();
        let state = &mut *lock(&self.state);
        state.expire(now);
        let (until, mut taken) = (now + visibility, Vec::new());
        for (_, key) in std::mem::take(&mut state.deadlines) {
            let Some(entry) = state.entries.get_mut(&key) else { continue };
            entry.receives += 1;
            entry.in_flight = Some(InFlight { since: now, until });
            state.deadlines.insert((until, key));
            state.totals.received += 1;
            taken.push(entry.message.id);
            if let Some(watcher) = &state.receive_watcher {
                watcher(entry.message.id, entry.receives);
            }
        }
        // Whoever waits for a deadline must learn of this one.
        self.news.notify_waiters();
        taken
    }

    pub(super) fn receive_counts(&self) -> BTreeMap<u32, u64> {
        let state = lock(&self.state);
        let mut counts = state.receives_of_gone.clone();
        for entry in state.entries.values() {
            *counts.entry(entry.receives).or_default() += 1;
        }
        counts
    }

    pub(super) fn add_duplicates(&self, n: u32) {
        lock(&self.state).injected.duplicates += n;
    }

    pub(super) fn add_empty_receives(&self, n: u32) {
        lock(&self.state).injected.empty_receives += n;
    }

    pub(super) fn add_ignored_deletes(&self, n: u32) {
        lock(&self.state).injected.ignored_deletes += n;
    }

    pub(super) fn set_short_receives(&self, chance: f64) {
        lock(&self.state).injected.short_receives = chance;
    }

    fn parse(&self, handle: &str) -> Result<Handle, ApiError> {
        Handle::parse(handle, self.tag).ok_or_else(|| {
            ApiError::new(
                400,
                "ReceiptHandleIsInvalid",
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
            )
        })
    }
}

impl State {
    fn add(&mut self, entry: Entry) {
        let key = self.next_key;
        self.next_key += 1;
        self.entries.insert(key, entry);
        self.ready.push_back(key);
    }

    /// Makes visible what nobody deleted in time.
    fn expire(&mut self, now: Instant) {
        while let Some((until, key)) = self.deadlines.first().copied() {
            if until > now {
                break;
            }
            self.deadlines.pop_first();
            self.show(key);
        }
    }

    /// Makes a message visible whose deadline was taken out.
    fn show(&mut self, key: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.in_flight = None;
            self.ready.push_back(key);
        }
    }

    /// Groups of which a message is in flight.
    fn locked_groups(&self) -> HashSet<String> {
        let held = self.deadlines.iter().filter_map(|(_, key)| self.entries.get(key)?.message.group());
        held.map(str::to_owned).collect()
    }

    fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}
