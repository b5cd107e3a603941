//! Hurrying: receipts are wished for early when what is held keeps more from coming.

use std::time::Duration;

use tokio::time::Instant;

use crate::held::{
    Work,
    engine::{Engine, Stage},
};

/// Between two wishes: each ends a connection of every output.
const HURRY_EVERY: Duration = Duration::from_secs(1);

/// The same in a FIFO queue, where SQS shows nothing of a group before what it gave of it is deleted, ten at most.
const IN_ORDER_EVERY: Duration = Duration::from_millis(250);

/// How long senders have to take what was given, so that a wish is of that too.
const TAKEN_WITHIN: Duration = Duration::from_millis(20);

/// When receipts may be wished for.
pub(super) struct Hurries {
    last: Option<Instant>,
    /// When something was last given that no wish is of yet.
    given: Option<Instant>,
}

impl Hurries {
    pub(super) fn new() -> Self {
        Hurries { last: None, given: None }
    }

    fn given(&mut self, now: Instant) {
        self.given = Some(now);
    }

    pub(super) fn wish(&mut self, now: Instant) {
        (self.last, self.given) = (Some(now), None);
    }

    fn every(&self, period: Duration) -> Option<Instant> {
        self.last.map(|last| last + period)
    }

    /// When the next wish may be made if a group waits for its receipts.
    fn in_order(&self) -> Option<Instant> {
        match self.given {
            Some(given) => Some(given + TAKEN_WITHIN).max(self.every(IN_ORDER_EVERY)),
            None => self.every(HURRY_EVERY),
        }
    }
}

impl<W: Work> Engine<W> {
    /// What is held keeps others from being received.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.hurries.every(HURRY_EVERY).is_none_or(|at| now >= at) {
            self.hurries.wish(now);
            self.hold.outlet.hurry();
        }
    }

    /// A pass gave something.
    pub(super) fn gave(&mut self, now: Instant) {
        self.hurries.given(now);
    }

    /// When a group, or a stop, that waits for receipts hurries.
    pub(super) fn next_hurry(&self, now: Instant) -> Option<Instant> {
        let waits = match self.stage {
            Stage::Running => self.holdings.awaits_in_order() && self.holdings.readable(now, 1) == 0,
            Stage::Draining { .. } => self.holdings.awaits(),
            Stage::Leaving(_) => false,
        };
        self.hurries.in_order().filter(|_| waits && self.passes.is_empty())
    }

    /// Wishes for the receipts that the next messages of a group wait for, or a stop, when there is nothing else to do.
    pub(super) fn hurry_on(&mut self, now: Instant) {
        if self.next_hurry(now).is_some_and(|at| now >= at) {
            self.hurries.wish(now);
            self.hold.outlet.hurry();
        }
    }
}
