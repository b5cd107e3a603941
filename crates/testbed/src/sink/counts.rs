//! What has arrived: events and bytes by tag, distinct events, and everything that was not an event.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::fingerprint::fingerprint;
use super::frames::{Event, Item};

/// How many malformed items are kept for a look at them.
const MALFORMED_KEPT: usize = 16;

/// How much of what arrives is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Counts alone.
    Nothing,
    /// Counts and the fingerprint of every distinct message.
    Distinct,
    /// All of that, and when each message came.
    Arrivals,
    /// Counts, fingerprints, and every message byte for byte.
    Messages,
}

/// The sums of a sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events parsed, repeated ones counted each time.
    pub events: u64,
    /// Events that differ in their messages; 0 with [`Keep::Nothing`].
    pub distinct: u64,
    /// Bytes of their messages, without headers.
    pub bytes: u64,
    /// Bytes read from connections, inside TLS.
    pub received: u64,
    /// Frames without a sound header, and streams that could not be decoded.
    pub malformed: u64,
    /// Connections that ended within a frame.
    pub torn: u64,
    /// Connections accepted, whatever became of them.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Connections whose handshake failed, a refused certificate's among them.
    pub refused: u64,
    /// Connections that the client ended with nothing sent.
    pub empty: u64,
    /// Connections that the client ended in order and that were answered so: receipts given.
    pub ended: u64,
    /// Connections that the client ended by a bare FIN, without TLS's `close_notify`.
    pub unannounced: u64,
}

impl Totals {
    /// Events that had arrived before; meaningful unless [`Keep::Nothing`] is in force.
    pub fn repeated(&self) -> u64 {
        self.events - self.distinct
    }
}

/// The events of one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCount {
    /// The tag.
    pub tag: Arc<str>,
    /// Its events.
    pub events: u64,
    /// Bytes of their messages.
    pub bytes: u64,
}

/// A sink's counts at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The sums.
    pub totals: Totals,
    /// The tags in the order of their names.
    pub tags: Vec<TagCount>,
}

/// What arrived beside what should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// How many were expected.
    pub expected: u64,
    /// Expected and not there: lost, if nothing is under way any more.
    pub missing: u64,
    /// There and not expected.
    pub unexpected: u64,
    /// There more than once: arrivals beyond the first.
    pub repeated: u64,
}

/// The counts of one sink.
#[derive(Debug)]
pub(super) struct Counts {
    keep: Keep,
    pub(super) totals: Totals,
    index: HashMap<Box<[u8]>, usize>,
    tags: Vec<TagCount>,
    seen: HashSet<u64>,
    messages: Vec<(usize, Vec<u8>)>,
    arrivals: Vec<(Instant, u64)>,
    malformed: Vec<Vec<u8>>,
    /// The certificates that clients showed (DER), one a connection.
    pub(super) clients: Vec<Vec<u8>>,
}

impl Counts {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            totals: Totals::default(),
            index: HashMap::new(),
            tags: Vec::new(),
            seen: HashSet::new(),
            messages: Vec::new(),
            arrivals: Vec::new(),
            malformed: Vec::new(),
            clients: Vec::new(),
        }
    }

    pub(super) fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Event(event) => self.event(event),
            Item::Malformed(bytes) => self.malformed(bytes),
        }
    }

    fn event(&mut self, event: Event<'_>) {
        let bytes = event.message.len() as u64;
        let index = match self.index.get(event.tag) {
            Some(index) => *index,
            None => self.add_tag(event.tag),
        };
        let tag = &mut self.tags[index];
        tag.events += 1;
        tag.bytes += bytes;
        self.totals.events += 1;
        self.totals.bytes += bytes;
        if self.keep != Keep::Nothing && self.seen.insert(fingerprint(event.message)) {
            self.totals.distinct += 1;
        }
        if self.keep == Keep::Arrivals {
            self.arrivals.push((Instant::now(), fingerprint(event.message)));
        }
        if self.keep == Keep::Messages {
            self.messages.push((index, event.message.to_vec()));
        }
    }

    pub(super) fn malformed(&mut self, bytes: &[u8]) {
        self.totals.malformed += 1;
        if self.malformed.len() < MALFORMED_KEPT {
            self.malformed.push(bytes.to_vec());
        }
    }

    fn add_tag(&mut self, tag: &[u8]) -> usize {
        self.tags.push(TagCount { tag: String::from_utf8_lossy(tag).into(), events: 0, bytes: 0 });
        self.index.insert(tag.into(), self.tags.len() - 1);
        self.tags.len() - 1
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut tags = self.tags.clone();
        tags.sort_unstable_by(|a, b| a.tag.cmp(&b.tag));
        Snapshot { totals: self.totals, tags }
    }

    pub(super) fn messages(&self) -> Vec<(String, Vec<u8>)> {
        self.messages.iter().map(|(tag, message)| (self.tags[*tag].tag.to_string(), message.clone())).collect()
    }

    pub(super) fn arrivals(&self) -> Vec<(Instant, u64)> {
        self.arrivals.clone()
    }

    pub(super) fn malformed_items(&self) -> Vec<Vec<u8>> {
        self.malformed.clone()
    }

    pub(super) fn compare(&self, expected: &HashSet<u64>) -> Comparison {
        let found = expected.intersection(&self.seen).count();
        Comparison {
            expected: expected.len() as u64,
            missing: (expected.len() - found) as u64,
            unexpected: (self.seen.len() - found) as u64,
            repeated: self.totals.repeated(),
        }
    }
}
