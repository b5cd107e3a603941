//! The messages that are held, their items, and what is owed of each: a plain state machine without I/O.

mod turns;

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{Arc, OnceLock},
    time::Duration,
};

use quittance_core::{OutputSet, Settlement, planted};
use tokio::time::Instant;

use crate::{
    Turn,
    held::{Owed, PassEnd, Task, memory::Progress, schedule::Schedule},
};

/// A held message, by our own number.
pub(crate) type MessageKey = u64;
/// An item of a held message; what a debt names as its item.
pub(crate) type ItemKey = u64;

/// A message that was received.
pub(crate) struct Arrival {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) receives: u32,
    pub(crate) turn: Option<Turn>,
}

/// What a message needs now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every event of every item has its receipts: delete it.
    Done(MessageKey),
    /// All that can be done is done, and something in it can never be: give it back to the queue.
    Stuck(MessageKey),
    /// Nothing of it is under way and nothing more will be begun: give it back at once.
    Idle(MessageKey),
}

/// What follows a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// The pass gave all that was owed.
    Settle,
    /// What is left is given from then on.
    Again(Instant),
    /// What is left waits until it is [released](Holdings::release).
    Park,
    /// Everything is owed again, from then on: what was given belongs to bytes that are no more.
    Afresh(Instant),
    /// What is left can never be given.
    Stuck,
    /// What is left need not be given.
    Enough,
}

pub(crate) struct Holdings<I> {
    /// The outputs that every event is owed to.
    all: OutputSet,
    messages: HashMap<MessageKey, Held>,
    items: HashMap<ItemKey, Item<I>>,
    by_id: HashMap<String, MessageKey>,
    /// Of a FIFO queue.
    groups: HashMap<String, turns::Group>,
    /// Items to be given, by the time from which on they may be.
    waiting: Schedule<ItemKey>,
    /// Messages all of whose items are closed.
    closed: HashSet<MessageKey>,
    /// Debts still out of items that began afresh.
    outdated: HashMap<ItemKey, u64>,
    /// Debts lent and not settled; below zero while those of a pass under way come back.
    out: i64,
    bytes: usize,
    next_key: u64,
    stopping: bool,
}

/// A held message.
pub(crate) struct Held {
    pub(crate) id: String,
    /// New at each receive.
    pub(crate) handle: String,
    pub(crate) receives: u32,
    /// When it was last received.
    pub(crate) received: Instant,
    /// SQS may show it to others by now.
    pub(crate) lapsed: bool,
    pub(crate) items: Vec<ItemKey>,
    /// Its place in a FIFO queue.
    pub(crate) turn: Option<Turn>,
    /// It goes back as soon as nothing of it is under way, since an earlier one of its group does.
    leaving: bool,
    bytes: usize,
}

struct Item<I> {
    message: MessageKey,
    what: Arc<I>,
    owed: Owed,
    /// What no output has confirmed yet, whether it is on its way or not.
    unconfirmed: Owed,
    /// Whether some output has confirmed something of it, since it came.
    confirmed: bool,
    /// The version that the pass under way reads.
    reading: Arc<OnceLock<String>>,
    /// What a pass has shown to be out of reach; given up only with the message.
    dead: Option<Owed>,
    version: Option<String>,
    seen: u64,
    stage: Stage,
    not_before: Instant,
    /// Whether something came back since it was last begun.
    returned: bool,
    /// How often in a row everything came back.
    rounds: u32,
    /// Debts of finished passes; each will be settled once.
    lent: u64,
    settled: u64,
    history: History,
}

/// What an item went through.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Passes that broke in a row.
    pub(crate) failures: u32,
    /// When it first was not there.
    pub(crate) missing_since: Option<Instant>,
    /// When we were first refused.
    pub(crate) refused_at: Option<Instant>,
    /// If the last pass met damage: the events before it.
    pub(crate) fault: Option<u64>,
    /// Why the last pass broke, for people.
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// To be given, now or later, or waiting for receipts after which something may be owed again.
    Open,
    /// As open, but not to be begun.
    Parked,
    Reading,
    Closed,
}

impl<I> Holdings<I> {
    /// Nothing held; every event will be owed to `all`.
    pub(crate) fn new(all: OutputSet) -> Self {
        Holdings {
            all,
            messages: HashMap::new(),
            items: HashMap::new(),
            by_id: HashMap::new(),
            groups: HashMap::new(),
            waiting: Schedule::default(),
            closed: HashSet::new(),
            outdated: HashMap::new(),
            out: 0,
            bytes: 0,
            next_key: 0,
            stopping: false,
        }
    }

    /// Messages held.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Memory that they keep, as said when they came.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn message(&self, key: MessageKey) -> Option<&Held> {
        self.messages.get(&key)
    }

    /// Every message that is not closed, in the order in which they came.
    pub(crate) fn open_messages(&self) -> Vec<MessageKey> {
        let mut open: Vec<_> = self.messages.keys().copied().filter(|key| !self.closed.contains(key)).collect();
        open.sort_unstable();
        open
    }

    /// Every message that only needs its delete, in the order in which they came.
    pub(crate) fn closed_messages(&self) -> Vec<MessageKey> {
        let mut closed: Vec<_> = self.closed.iter().copied().collect();
        closed.sort_unstable();
        closed
    }

    /// Whether receipts are waited for.
    pub(crate) fn awaits(&self) -> bool {
        self.out > 0
    }

    /// Whether all items of the message are closed: it only needs its delete.
    pub(crate) fn is_closed(&self, key: MessageKey) -> bool {
        self.closed.contains(&key)
    }

    /// Items that could be begun at `now`, counted up to `most`.
    pub(crate) fn readable(&self, now: Instant, most: usize) -> usize {
        self.waiting.count(now, most)
    }

    /// When the next item may be begun.
    pub(crate) fn next_read(&self) -> Option<Instant> {
        self.waiting.next()
    }

    /// A message came that is held already: from now on its newest handle counts. Answers of receives that ran at the same time
    /// may come in another order than SQS gave them, so the one that was received most often has it.
    pub(crate) fn came_again(&mut self, id: &str, handle: &str, receives: u32, now: Instant) -> Option<MessageKey> {
        let key = *self.by_id.get(id)?;
        let held = self.messages.get_mut(&key)?;
        if receives >= held.receives || held.lapsed {
            if !planted("old-handle-kept") {
                handle.clone_into(&mut held.handle);
            }
            held.receives = receives;
        }
        (held.received, held.lapsed) = (now, false);
        Some(key)
    }

    /// Takes a message in. With `progress`, one for each item, it goes on where it was left.
    pub(crate) fn hold(
        &mut self,
        message: Arrival,
        items: Vec<(usize, I)>,
        progress: Option<Vec<Progress>>,
        now: Instant,
    ) -> (MessageKey, Option<Outcome>) {
        let (key, all) = (self.key(), self.all);
        let bytes = items.iter().map(|(weight, _)| weight).sum();
        let mut progress = progress.into_iter().flatten();
        let mut keys = Vec::with_capacity(items.len());
        for (_, what) in items {
            let item = self.key();
            let fresh = || Progress { owed: Owed::all(all), ..Progress::default() };
            let Progress { owed, version, seen, fault } = progress.next().unwrap_or_else(fresh);
            let stage = if owed.is_empty() { Stage::Closed } else { Stage::Open };
            if stage == Stage::Open && message.turn.is_none() {
                self.waiting.set(item, now);
            }
            let history = History { fault, ..History::default() };
            let state = Item {
                message: key,
                what: Arc::new(what),
                unconfirmed: owed.clone(),
                confirmed: false,
                reading: Arc::default(),
                owed,
                dead: None,
                version,
                seen,
                stage,
                not_before: now,
                returned: false,
                rounds: 0,
                lent: 0,
                settled: 0,
                history,
            };
            self.items.insert(item, state);
            keys.push(item);
        }
        let Arrival { id, handle, receives, turn } = message;
        self.by_id.insert(id.clone(), key);
        self.bytes += bytes;
        let (items, lapsed, leaving) = (keys, false, false);
        self.messages.insert(key, Held { id, handle, receives, received: now, lapsed, items, turn, leaving, bytes });
        self.line_up(key);
        (key, self.review_message(key))
    }

    /// The next item to begin, if one may be at `now`.
    pub(crate) fn next(&self, now: Instant) -> Option<(ItemKey, &Arc<I>)> {
        let item = self.waiting.due(now)?;
        Some((item, &self.items.get(&item)?.what))
    }

    /// Begins an item.
    pub(crate) fn begin(&mut self, item: ItemKey) -> Option<Task<I>> {
        self.waiting.remove(item);
        let state = self.items.get_mut(&item)?;
        state.stage = Stage::Reading;
        state.reading = Arc::default();
        Some(Task {
            reading: state.reading.clone(),
            item,
            what: state.what.clone(),
            owed: std::mem::take(&mut state.owed),
            version: state.version.clone(),
            seen: state.seen,
        })
    }

    /// Sets an item aside that was to be begun.
    pub(crate) fn park(&mut self, item: ItemKey) {
        self.waiting.remove(item);
        if let Some(state) = self.items.get_mut(&item)
            && state.stage == Stage::Open
        {
            state.stage = Stage::Parked;
        }
    }

    /// Lets a parked item be begun from `at` on, if it is still there.
    pub(crate) fn release(&mut self, item: ItemKey, at: Instant) {
        let Some(state) = self.items.get_mut(&item).filter(|state| state.stage == Stage::Parked) else { return };
        state.stage = Stage::Open;
        state.not_before = at;
        // Never the end of its message: a parked item owes something.
        _ = self.review(item, at);
    }

    /// Whether the item is being given, or will be with nothing else to happen before.
    pub(crate) fn is_begun(&self, item: ItemKey) -> bool {
        self.waiting.contains(item) || self.items.get(&item).is_some_and(|state| state.stage == Stage::Reading)
    }

    /// A pass over an item ended.
    pub(crate) fn passed(&mut self, item: ItemKey, end: PassEnd, next: Next, now: Instant) -> Option<Outcome> {
        self.out += end.lent as i64;
        let state = self.items.get_mut(&item)?;
        state.stage = Stage::Open;
        state.not_before = now;
        state.lent += end.lent;
        state.version = end.version;
        state.seen = state.seen.max(end.reached);
        match next {
            Next::Settle => state.history = History::default(),
            Next::Again(at) => {
                state.owed.join(end.rest);
                state.not_before = at;
            }
            Next::Park => {
                state.owed.join(end.rest);
                state.stage = Stage::Parked;
            }
            Next::Stuck => state.dead.get_or_insert_default().join(end.rest),
            Next::Enough => {}
            Next::Afresh(at) => return self.begin_afresh(item, at, now),
        }
        if next != Next::Settle {
            state.history.failures += 1;
        }
        self.review(item, now)
    }

    /// Everything is owed again, under a new number: debts of the old one say nothing any more.
    fn begin_afresh(&mut self, old: ItemKey, at: Instant, now: Instant) -> Option<Outcome> {
        let mut state = self.items.remove(&old)?;
        self.waiting.remove(old);
        if state.lent > state.settled {
            self.outdated.insert(old, state.lent - state.settled);
        }
        let item = self.key();
        state.owed = Owed::all(self.all);
        state.unconfirmed = state.owed.clone();
        state.confirmed = false;
        state.reading = Arc::default();
        (state.dead, state.version, state.seen, state.lent, state.settled) = (None, None, 0, 0, 0);
        state.history.failures += 1;
        state.history.fault = None;
        state.not_before = at;
        let message = state.message;
        self.items.insert(item, state);
        if let Some(held) = self.messages.get_mut(&message) {
            held.items.iter_mut().filter(|key| **key == old).for_each(|key| *key = item);
        }
        self.review(item, now)
    }

    /// A debt was settled; what an output still lacks is given again. Also how many events were not delivered that can be
    /// no more, since their object changed.
    pub(crate) fn settled(&mut self, settlement: Settlement, now: Instant) -> (Option<Outcome>, u64) {
        let item = settlement.debt.item;
        self.out -= 1;
        if let Some(left) = self.outdated.get_mut(&item) {
            *left -= 1;
            if *left == 0 {
                self.outdated.remove(&item);
            }
            let events = settlement.debt.events;
            return (None, if settlement.owed.is_empty() { 0 } else { events.end - events.start });
        }
        let Some(state) = self.items.get_mut(&item) else { return (None, 0) };
        state.settled += 1;
        match settlement.is_delivered() {
            true => state.rounds = 0,
            false => state.returned = true,
        }
        let returned = !settlement.is_delivered();
        state.confirmed |= settlement.owed != self.all;
        state.unconfirmed.narrow(settlement.debt.events.clone(), settlement.owed);
        let Range { start, end } = settlement.debt.events;
        let start = if planted("owed-range-off-by-one") { start + 1 } else { start };
        let to = if planted("owed-to-the-first-output") { self.all.and(OutputSet::first(1)) } else { settlement.owed };
        state.owed.add(start..end, if settlement.owed.is_empty() { settlement.owed } else { to });
        if returned {
            self.hold_up(item);
        }
        (self.review(item, now), 0)
    }

    /// What the item went through, to be read and written by whoever decides about it.
    pub(crate) fn history(&mut self, item: ItemKey) -> Option<&mut History> {
        self.items.get_mut(&item).map(|state| &mut state.history)
    }

    /// Why some item of the message is out of reach.
    pub(crate) fn reason(&self, key: MessageKey) -> Option<&str> {
        self.items_of(key).filter(|state| state.dead.is_some()).find_map(|state| state.history.reason.as_deref())
    }

    /// The items of the message that are out of reach, the version of each, and what is owed of it.
    pub(crate) fn dead(&self, key: MessageKey) -> impl Iterator<Item = (&I, Option<&str>, &Owed)> {
        self.items_of(key).filter_map(|state| Some((&*state.what, state.version.as_deref(), state.dead.as_ref()?)))
    }

    /// Whether some item of the message is being given, or has debts under way.
    pub(crate) fn is_busy(&self, key: MessageKey) -> bool {
        self.items_of(key).any(|state| state.stage == Stage::Reading || state.lent != state.settled)
    }

    /// How far each item of a message is; of a message that is not busy.
    pub(crate) fn progress(&self, key: MessageKey) -> Vec<Progress> {
        let progress = self.items_of(key).map(|state| {
            let mut owed = state.owed.clone();
            owed.join(state.dead.clone().unwrap_or_default());
            Progress { owed, version: state.version.clone(), seen: state.seen, fault: state.history.fault }
        });
        progress.collect()
    }

    /// How far each item of a message is, whatever is under way: what has no receipt counts as not given. `None` if
    /// nothing of it was delivered since it came.
    pub(crate) fn mark(&self, key: MessageKey) -> Option<Vec<Progress>> {
        let moved = self.items_of(key).any(|state| state.confirmed || state.stage == Stage::Closed);
        let mark = self.items_of(key).map(|state| {
            let version = state.version.as_ref().or_else(|| state.reading.get()).cloned();
            let closed = state.stage == Stage::Closed && state.dead.is_none();
            let owed = match &version {
                _ if closed => Owed::default(),
                Some(_) if planted("mark-too-far") => state.owed.clone(),
                Some(_) => state.unconfirmed.clone(),
                None => Owed::all(self.all),
            };
            Progress { owed, version, seen: state.seen, fault: state.history.fault }
        });
        moved.then(|| mark.collect())
    }

    /// SQS may show the message to others from now on.
    pub(crate) fn lapse(&mut self, key: MessageKey) {
        if let Some(held) = self.messages.get_mut(&key) {
            held.lapsed = true;
        }
    }

    /// Begins nothing any more. The messages of which nothing is under way.
    pub(crate) fn stop(&mut self) -> Vec<MessageKey> {
        self.stopping = true;
        self.waiting.clear();
        self.open_messages().into_iter().filter(|key| !self.is_busy(*key)).collect()
    }

    /// Forgets a message, when it is deleted or given back.
    pub(crate) fn forget(&mut self, key: MessageKey) -> Option<Held> {
        let held = self.messages.remove(&key)?;
        self.by_id.remove(&held.id);
        self.closed.remove(&key);
        self.bytes -= held.bytes;
        for item in &held.items {
            self.items.remove(item);
            self.waiting.remove(*item);
        }
        if let Some(turn) = &held.turn {
            self.step_out(turn);
        }
        Some(held)
    }

    fn review(&mut self, item: ItemKey, now: Instant) -> Option<Outcome> {
        let outcome = self.review_item(item, now);
        if let Some(group) = self.group_of(item) {
            self.advance(&group);
        }
        outcome
    }

    fn review_item(&mut self, item: ItemKey, now: Instant) -> Option<Outcome> {
        let state = self.items.get_mut(&item)?;
        let unsettled = state.lent != state.settled && !planted("deleted-before-receipt");
        if matches!(state.stage, Stage::Reading | Stage::Closed) || unsettled {
            return None;
        }
        let held = self.messages.get(&state.message)?;
        if state.owed.is_empty() {
            state.stage = Stage::Closed;
        } else if state.stage == Stage::Open && !self.stopping && !held.leaving {
            if std::mem::take(&mut state.returned) {
                state.not_before = state.not_before.max(now + between_rounds(state.rounds));
                state.rounds += 1;
            }
            if held.turn.is_none() {
                let at = state.not_before.max(now);
                self.waiting.set(item, at);
            }
            return None;
        }
        let key = state.message;
        self.review_message(key)
    }

    fn review_message(&mut self, key: MessageKey) -> Option<Outcome> {
        // The last ones are closed last, and there may be very many: this is asked whenever one of them is settled.
        let is_closed = |item: &Item<I>| item.stage == Stage::Closed;
        let closed = match planted("deleted-after-first-object") {
            true => self.items_of(key).next().is_none_or(is_closed),
            false => self.items_of(key).rev().all(is_closed),
        };
        let leaving = self.messages.get(&key)?.leaving;
        if closed && !leaving {
            self.closed.insert(key);
            let stuck = self.items_of(key).any(|item| item.dead.is_some());
            let outcome = if stuck { Outcome::Stuck(key) } else { Outcome::Done(key) };
            return self.is_first(key).then_some(outcome);
        }
        ((self.stopping || leaving) && !self.is_busy(key)).then_some(Outcome::Idle(key))
    }

    fn items_of(&self, key: MessageKey) -> impl DoubleEndedIterator<Item = &Item<I>> {
        self.messages.get(&key).into_iter().flat_map(|held| &held.items).filter_map(|item| self.items.get(item))
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

/// How long to wait with what came back, the more so if nothing else ever does: a destination that takes everything and
/// confirms nothing shall not be given it without end.
fn between_rounds(rounds: u32) -> Duration {
    match rounds {
        0 => Duration::ZERO,
        n => (Duration::from_millis(100) * 2_u32.pow(n.min(10))).min(Duration::from_secs(30)),
    }
}

#[cfg(test)]
mod tests;
