//! How often each API was called and what came of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::lock;

#[derive(Default)]
pub(super) struct Calls(Mutex<HashMap<&'static str, HashMap<String, u64>>>);

impl Calls {
    pub(super) fn count(&self, api: &'static str, outcome: &str) {
        let mut calls = lock(&self.0);
        let outcomes = calls.entry(api).or_default();
        match outcomes.get_mut(outcome) {
            Some(count) => *count += 1,
            None => {
                outcomes.insert(outcome.to_owned(), 1);
            }
        }
    }

    pub(super) fn of(&self, api: &str) -> u64 {
        lock(&self.0).get(api).map_or(0, |outcomes| outcomes.values().sum())
    }

    pub(super) fn with(&self, api: &str, outcome: &str) -> u64 {
        lock(&self.0).get(api).and_then(|outcomes| outcomes.get(outcome)).copied().unwrap_or(0)
    }

    pub(super) fn all(&self) -> BTreeMap<(String, String), u64> {
        lock(&self.0)
            .iter()
            .flat_map(|(api, outcomes)| {
                outcomes.iter().map(|(outcome, count)| (((*api).to_owned(), outcome.clone()), *count))
            })
            .collect()
    }
}
