//! What is counted for whoever watches: numbers that only grow, once a call, batch or connection, never once an event.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What a sender does. Its output's two ends share it.
#[derive(Default)]
pub struct SenderCounts {
    batches: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
    opened: AtomicU64,
    refused: AtomicU64,
    ended: AtomicU64,
    lost: AtomicU64,
}

/// [`SenderCounts`] of one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderReading {
    /// Batches that were written whole.
    pub batches: u64,
    /// Their events. One that comes back and is written again counts again.
    pub events: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Connections that were made, their handshake included.
    pub opened: u64,
    /// Connections that could not be made.
    pub refused: u64,
    /// Connections whose orderly end proved what they carried.
    pub ended: u64,
    /// Connections that broke, by a reset or otherwise.
    pub lost: u64,
}

impl SenderCounts {
    /// A batch was written whole: so many events of so many payload bytes.
    pub fn sent(&self, events: u64, bytes: u64) {
        self.batches.fetch_add(1, Relaxed);
        self.events.fetch_add(events, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// A connection was tried: whether there is one now.
    pub fn connected(&self, made: bool) {
        if made { &self.opened } else { &self.refused }.fetch_add(1, Relaxed);
    }

    /// A connection is over: whether its end proved what it carried.
    pub fn parted(&self, in_order: bool) {
        if in_order { &self.ended } else { &self.lost }.fetch_add(1, Relaxed);
    }

    /// All of it.
    pub fn read(&self) -> SenderReading {
        let of = |count: &AtomicU64| count.load(Relaxed);
        SenderReading {
            batches: of(&self.batches),
            events: of(&self.events),
            bytes: of(&self.bytes),
            opened: of(&self.opened),
            refused: of(&self.refused),
            ended: of(&self.ended),
            lost: of(&self.lost),
        }
    }
}

/// The calls of sources, by the API's name of the operation. The names are the program's own, so there are few.
#[derive(Default)]
pub struct CallCounts(Mutex<BTreeMap<String, Called>>);

/// How often an API was called, and with what answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Called {
    /// Every call.
    pub calls: u64,
    /// Those that failed or were refused, without the throttled ones.
    pub errors: u64,
    /// Those that came too soon after others.
    pub throttled: u64,
}

/// What came of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// What was asked for.
    Good,
    /// An error, or none.
    Bad,
    /// That it came too soon.
    Throttled,
}

impl CallCounts {
    /// `api` was called.
    pub fn called(&self, api: &str, answer: Answer) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(api) {
            all.insert(api.to_owned(), Called::default());
        }
        let Some(called) = all.get_mut(api) else { return };
        called.calls += 1;
        match answer {
            Answer::Good => {}
            Answer::Bad => called.errors += 1,
            Answer::Throttled => called.throttled += 1,
        }
    }

    /// By name, in the order of the names.
    pub fn read(&self) -> Vec<(String, Called)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(api, called)| (api.clone(), *called)).collect()
    }
}
