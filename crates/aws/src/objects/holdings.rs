//! The messages that are held, their objects, and what is owed of each: a plain state machine without I/O.

use std::collections::{BTreeSet, HashMap};

use quittance_core::{OutputSet, Settlement};
use tokio::time::Instant;

use crate::{Message, ObjectRef, objects::Owed};

/// A held message, by our own number.
pub(crate) type MessageKey = u64;
/// An object of a held message; what a debt names as its item.
pub(crate) type ItemKey = u64;

/// What a message needs now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every event of every object has its receipts: delete it.
    Done(MessageKey),
    /// All that can be done is done, and something in it can never be: give it back to the queue.
    Stuck(MessageKey),
}

/// An object to read.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) item: ItemKey,
    pub(crate) object: ObjectRef,
    pub(crate) owed: Owed,
    pub(crate) etag: Option<String>,
}

#[derive(Default)]
pub(crate) struct Holdings {
    messages: HashMap<MessageKey, Held>,
    items: HashMap<ItemKey, Item>,
    by_id: HashMap<String, MessageKey>,
    /// Items to be read, by the time from which on they may be.
    waiting: BTreeSet<(Instant, ItemKey)>,
    next_key: u64,
}

pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) receives: u32,
    pub(crate) received: Instant,
    items: Vec<ItemKey>,
}

struct Item {
    message: MessageKey,
    object: ObjectRef,
    owed: Owed,
    etag: Option<String>,
    stage: Stage,
    /// Debts of finished passes; each will be settled once.
    lent: u64,
    settled: u64,
    failures: u32,
    /// When a store first said that there is no such object.
    missing_since: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// To be read, now or later, or waiting for receipts after which something may be owed again.
    Open,
    Reading,
    Done,
    Stuck,
}

impl Holdings {
    /// Messages held.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn message(&self, key: MessageKey) -> Option<&Held> {
        self.messages.get(&key)
    }

    pub(crate) fn keys(&self) -> Vec<MessageKey> {
        self.messages.keys().copied().collect()
    }

    /// Items that could be read at `now`, counted up to `most`.
    pub(crate) fn readable(&self, now: Instant, most: usize) -> usize {
        self.waiting.range(..=(now, ItemKey::MAX)).take(most).count()
    }

    /// When the next item may be read.
    pub(crate) fn next_read(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Takes a message in. `None` if it is held already: then only its handle is newer.
    pub(crate) fn hold(
        &mut self,
        message: Message,
        objects: Vec<ObjectRef>,
        to: OutputSet,
        now: Instant,
    ) -> Option<MessageKey> {
        if let Some(key) = self.by_id.get(&message.id)
            && let Some(held) = self.messages.get_mut(key)
        {
            held.handle = message.handle;
            held.receives = message.receives;
            return None;
        }
        let key = self.key();
        let items = objects.into_iter().map(|object| {
            let item = self.key();
            let state = Item {
                message: key,
                object,
                owed: Owed::all(to),
                etag: None,
                stage: Stage::Open,
                lent: 0,
                settled: 0,
                failures: 0,
                missing_since: None,
            };
            self.items.insert(item, state);
            self.waiting.insert((now, item));
            item
        });
        let items = items.collect();
        self.by_id.insert(message.id.clone(), key);
        let held = Held { id: message.id, handle: message.handle, receives: message.receives, received: now, items };
        self.messages.insert(key, held);
        Some(key)
    }

    /// The next object to read, if one may be read at `now`.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Task> {
        let (at, item) = *self.waiting.first()?;
        if at > now {
            return None;
        }
        self.waiting.pop_first();
        let state = self.items.get_mut(&item)?;
        state.stage = Stage::Reading;
        Some(Task {
            item,
            object: state.object.clone(),
            owed: std::mem::take(&mut state.owed),
            etag: state.etag.clone(),
        })
    }

    /// A pass lent `lent` debts and left `rest`. If something is owed, it is read again from `again` on.
    pub(crate) fn passed(
        &mut self,
        item: ItemKey,
        lent: u64,
        rest: Owed,
        etag: Option<String>,
        broke: bool,
        again: Instant,
    ) -> Option<Outcome> {
        let state = self.items.get_mut(&item)?;
        state.stage = Stage::Open;
        state.lent += lent;
        state.etag = etag;
        state.failures = if broke { state.failures + 1 } else { 0 };
        if !broke {
            state.missing_since = None;
        }
        state.owed.join(rest);
        self.review(item, again)
    }

    /// The object is not there: since when it has been missed.
    pub(crate) fn missing_since(&mut self, item: ItemKey, now: Instant) -> Instant {
        self.items.get_mut(&item).map_or(now, |state| *state.missing_since.get_or_insert(now))
    }

    /// The rest of this object can never be read.
    pub(crate) fn stuck(&mut self, item: ItemKey, lent: u64, now: Instant) -> Option<Outcome> {
        let state = self.items.get_mut(&item)?;
        state.stage = Stage::Stuck;
        state.lent += lent;
        state.owed = Owed::default();
        self.review(item, now)
    }

    /// A debt was settled; what an output still lacks is read again at once.
    pub(crate) fn settled(&mut self, settlement: Settlement, now: Instant) -> Option<Outcome> {
        let item = settlement.debt.item;
        let state = self.items.get_mut(&item)?;
        state.settled += 1;
        state.owed.add(settlement.debt.events, settlement.owed);
        self.review(item, now)
    }

    /// Passes over the object that broke in a row.
    pub(crate) fn failures(&self, item: ItemKey) -> u32 {
        self.items.get(&item).map_or(0, |state| state.failures)
    }

    /// Whether some object of the message is being read, or has debts under way.
    pub(crate) fn is_busy(&self, key: MessageKey) -> bool {
        self.items_of(key).any(|state| state.stage == Stage::Reading || state.lent != state.settled)
    }

    /// Nothing more is read: what waits is given up for this run.
    pub(crate) fn stop_reading(&mut self) {
        self.waiting.clear();
    }

    /// Forgets a message, when it is deleted or given back.
    pub(crate) fn forget(&mut self, key: MessageKey) -> Option<Held> {
        let held = self.messages.remove(&key)?;
        self.by_id.remove(&held.id);
        for item in &held.items {
            self.items.remove(item);
            self.waiting.retain(|(_, waiting)| waiting != item);
        }
        Some(held)
    }

    fn review(&mut self, item: ItemKey, again: Instant) -> Option<Outcome> {
        let state = self.items.get_mut(&item)?;
        if state.stage == Stage::Reading || state.lent != state.settled {
            return None;
        }
        if state.stage == Stage::Open {
            if !state.owed.is_empty() {
                self.waiting.insert((again, item));
                return None;
            }
            state.stage = Stage::Done;
        }
        let key = state.message;
        let (mut closed, mut stuck) = (true, false);
        for state in self.items_of(key) {
            closed &= matches!(state.stage, Stage::Done | Stage::Stuck) && state.lent == state.settled;
            stuck |= state.stage == Stage::Stuck;
        }
        closed.then_some(if stuck { Outcome::Stuck(key) } else { Outcome::Done(key) })
    }

    fn items_of(&self, key: MessageKey) -> impl Iterator<Item = &Item> {
        self.messages.get(&key).into_iter().flat_map(|held| &held.items).filter_map(|item| self.items.get(item))
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}
