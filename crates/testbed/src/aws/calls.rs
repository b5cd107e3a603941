//! How often each API was called and what came of it, how many calls a second it saw, and how many it allows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::error::ApiError;
use super::place::Place;
use super::{FakeAws, lock};

#[derive(Default)]
pub(super) struct Calls {
    outcomes: Mutex<HashMap<&'static str, HashMap<String, u64>>>,
    meters: Mutex<Meters>,
}

/// The calls of the last second by API and place, and what was allowed.
#[derive(Default)]
struct Meters {
    by_place: HashMap<&'static str, HashMap<Place, Meter>>,
    quotas: HashMap<String, usize>,
}

#[derive(Default)]
struct Meter {
    all: LastSecond,
    admitted: LastSecond,
}

/// When the calls of the last second came, and the most that any second saw.
#[derive(Default)]
struct LastSecond {
    calls: VecDeque<Instant>,
    peak: usize,
}

impl LastSecond {
    fn now(&mut self, now: Instant) -> usize {
        while self.calls.front().is_some_and(|call| now - *call >= Duration::from_secs(1)) {
            self.calls.pop_front();
        }
        self.calls.len()
    }

    fn add(&mut self, now: Instant) {
        self.now(now);
        self.calls.push_back(now);
        self.peak = self.peak.max(self.calls.len());
    }
}

impl Calls {
    /// Enters a call that came from `place`, and refuses it where it is one too many.
    pub(super) fn arrived(&self, api: &'static str, place: Place) -> Result<(), ApiError> {
        let now = Instant::now();
        let Meters { by_place, quotas } = &mut *lock(&self.meters);
        let meter = by_place.entry(api).or_default().entry(place).or_default();
        meter.all.add(now);
        if quotas.get(api).is_some_and(|quota| meter.admitted.now(now) >= *quota) {
            return Err(ApiError::new(400, "ThrottlingException", "Rate exceeded"));
        }
        meter.admitted.add(now);
        Ok(())
    }

    pub(super) fn count(&self, api: &'static str, outcome: &str) {
        let mut calls = lock(&self.outcomes);
        let outcomes = calls.entry(api).or_default();
        match outcomes.get_mut(outcome) {
            Some(count) => *count += 1,
            None => {
                outcomes.insert(outcome.to_owned(), 1);
            }
        }
    }

    pub(super) fn of(&self, api: &str) -> u64 {
        lock(&self.outcomes).get(api).map_or(0, |outcomes| outcomes.values().sum())
    }

    pub(super) fn with(&self, api: &str, outcome: &str) -> u64 {
        lock(&self.outcomes).get(api).and_then(|outcomes| outcomes.get(outcome)).copied().unwrap_or(0)
    }

    pub(super) fn all(&self) -> BTreeMap<(String, String), u64> {
        lock(&self.outcomes)
            .iter()
            .flat_map(|(api, outcomes)| {
                outcomes.iter().map(|(outcome, count)| (((*api).to_owned(), outcome.clone()), *count))
            })
            .collect()
    }
}

impl FakeAws {
    /// Lets each account call `api` this often in any second, in each region; what is more fails with
    /// `ThrottlingException`. Nothing is limited without it.
    pub fn set_quota(&self, api: &str, per_second: usize) {
        lock(&self.0.calls.meters).quotas.insert(api.to_owned(), per_second);
    }

    /// The most calls of `api` that any one second saw from one account in one region, refused ones included.
    pub fn calls_peak(&self, api: &str) -> usize {
        let meters = lock(&self.0.calls.meters);
        let places = meters.by_place.get(api).into_iter().flat_map(HashMap::values);
        places.map(|meter| meter.all.peak).max().unwrap_or(0)
    }
}
