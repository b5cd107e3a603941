//! Log groups and what is in them, as tests see them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::place::Place;
use super::{FakeAws, lock};

/// The log groups of every account and region.
#[derive(Default)]
pub(super) struct LogGroups {
    pub(super) places: Mutex<HashMap<Place, BTreeMap<String, LogGroup>>>,
    events: AtomicU64,
}

/// One group. Its events stand in the order of FilterLogEvents: by timestamp, time of ingestion, and arrival.
pub(super) struct LogGroup {
    pub(super) created: i64,
    /// Of messages, with the 26 that AWS adds to each.
    pub(super) stored_bytes: usize,
    pub(super) streams: BTreeSet<Arc<str>>,
    pub(super) events: BTreeMap<[i64; 3], LogEvent>,
}

pub(super) struct LogEvent {
    pub(super) stream: Arc<str>,
    pub(super) message: String,
    pub(super) id: String,
}

impl LogGroup {
    fn new(created: i64) -> Self {
        Self { created, stored_bytes: 0, streams: BTreeSet::new(), events: BTreeMap::new() }
    }
}

/// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, without the `:*` that older APIs write after it.
pub(super) fn arn(at: &Place, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}", at.region, at.account)
}

impl FakeAws {
    /// Makes a log group, if it is not there.
    pub fn create_log_group(&self, at: &Place, name: &str) {
        let created = self.0.clock.now_ms();
        let mut places = lock(&self.0.log_groups.places);
        places.entry(at.clone()).or_default().entry(name.to_owned()).or_insert_with(|| LogGroup::new(created));
    }

    /// Removes a log group with all it holds.
    pub fn delete_log_group(&self, at: &Place, name: &str) {
        if let Some(groups) = lock(&self.0.log_groups.places).get_mut(at) {
            groups.remove(name);
        }
    }

    /// The ARN of a log group, whether or not it exists.
    pub fn log_group_arn(&self, at: &Place, name: &str) -> String {
        arn(at, name)
    }

    /// Puts an event, which is there from `ingested` on; answers its id. Makes the group and the stream where needed.
    pub fn put_log_event(
        &self,
        at: &Place,
        group: &str,
        stream: &str,
        time: Timestamp,
        ingested: Timestamp,
        message: impl Into<String>,
    ) -> String {
        self.create_log_group(at, group);
        let (time, ingested, message) = (time.as_millisecond(), ingested.as_millisecond(), message.into());
        let (id, number) = self.new_event_id(time);
        let mut places = lock(&self.0.log_groups.places);
        let group = places.get_mut(at).and_then(|groups| groups.get_mut(group)).expect("it was made just now");
        group.add(stream, [time, ingested, number], message, id.clone());
        id
    }

    /// An id of 56 digits, and the number in it that makes it the only one.
    pub(super) fn new_event_id(&self, time: i64) -> (String, i64) {
        let number = self.0.log_groups.events.fetch_add(1, Ordering::Relaxed);
        let rest = self.random_u128() % 10_u128.pow(30);
        (format!("3{:013}{number:012}{rest:030}", time.max(0)), number.cast_signed())
    }
}

impl LogGroup {
    pub(super) fn add(&mut self, stream: &str, place: [i64; 3], message: String, id: String) {
        let stream = match self.streams.get(stream) {
            Some(stream) => stream.clone(),
            None => {
                let stream: Arc<str> = stream.into();
                self.streams.insert(stream.clone());
                stream
            }
        };
        self.stored_bytes += message.len() + 26;
        self.events.insert(place, LogEvent { stream, message, id });
    }
}
