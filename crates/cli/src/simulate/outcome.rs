//! What came of the events of one seed, or of several.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts over one seed, or over several.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(super) struct Outcome {
    pub(super) seeds: u64,
    /// Events that happened.
    pub(super) events: u64,
    /// Of these, never delivered, or forgotten by their source before they were.
    pub(super) missing: u64,
    /// Deliveries beyond the first.
    pub(super) duplicates: u64,
    /// Of these, explained by no fault of their source, connection or process.
    pub(super) duplicates_without_fault: u64,
    /// How often each state that is worth a test was reached.
    pub(super) states: BTreeMap<&'static str, u64>,
}

impl Outcome {
    pub(super) fn add(&mut self, other: Outcome) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.missing += other.missing;
        self.duplicates += other.duplicates;
        self.duplicates_without_fault += other.duplicates_without_fault;
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
    }

    /// Whether something is missing, or came twice without a reason.
    pub(super) fn has_failed(&self) -> bool {
        self.missing > 0 || self.duplicates_without_fault > 0
    }
}
