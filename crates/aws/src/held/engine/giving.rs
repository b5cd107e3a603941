//! Giving: passes over items, and what a pass that broke means.

use std::{sync::Arc, time::Duration};

use quittance_core::planted;
use tokio::time::Instant;
use tracing::warn;

use crate::{
    AwsError, codes,
    held::{ItemKey, OnMissingObject, PassEnd, Work, engine::Engine, fault::Fault, holdings::Next},
};

/// How long an item that is not there is asked for: notifications overtake writes, and lifecycles move things.
const MISSING_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Passes in a row that may see other bytes each time before the item counts as broken.
const MOST_CHANGES: u32 = 5;

/// A pass that ended.
pub(super) struct Passed<I> {
    item: ItemKey,
    what: Arc<I>,
    end: PassEnd,
}

impl<W: Work> Engine<W> {
    pub(super) fn start_passes(&mut self, now: Instant) {
        let work = &self.hold.work;
        while self.hold.outlet.is_ready()
            && let Some((item, what)) = self.holdings.next(now)
        {
            // Parked even if nothing can be begun now: what may not be read must not look as if it could.
            if let Some(lane) = work.lane(what)
                && !self.lanes.admit(lane, item, now)
            {
                self.holdings.park(item);
                continue;
            }
            if self.passes.len() >= self.hold.limits.readers {
                return;
            }
            let Some(task) = self.holdings.begin(item) else { continue };
            let (hold, what) = (self.hold.clone(), task.what.clone());
            self.passes.spawn(async move {
                let end = Box::pin(hold.work.pass(task)).await;
                Box::new(Passed { item, what, end })
            });
        }
    }

    pub(super) fn passed(&mut self, passed: Passed<W::Item>, now: Instant) {
        let Passed { item, what, mut end } = passed;
        let result = std::mem::replace(&mut end.result, Ok(()));
        if end.lent > 0 {
            self.gave(now);
        }
        let next = match result {
            Err(_) if planted("broken-pass-taken-for-whole") => Next::Enough,
            // It was stopped.
            Ok(()) if !end.rest.is_empty() => Next::Again(now),
            Ok(()) => self.went_well(item, &what, now),
            Err(error) => self.broke(item, &what, &error, end.reached, now),
        };
        let outcome = self.holdings.passed(item, end, next, now);
        self.conclude(outcome, now);
    }

    fn went_well(&mut self, item: ItemKey, what: &W::Item, now: Instant) -> Next {
        self.lane_is_open(what, now);
        match self.holdings.history(item) {
            Some(history) if history.fault.is_some() => {
                // The bytes are sound, so those of the pass before were not, and who knows which of them.
                warn!(code = %codes::TRANSFER, %what, "damage was not found again: the transfer was at fault, all is given again");
                Next::Afresh(now)
            }
            _ => Next::Settle,
        }
    }

    /// What to do about an item whose pass broke.
    fn broke(&mut self, item: ItemKey, what: &W::Item, error: &AwsError, reached: u64, now: Instant) -> Next {
        let fault = Fault::of(error);
        if fault == Fault::Refused {
            return self.refused(item, what, error, now);
        }
        // What could not even be asked for says nothing of its bucket.
        match error {
            _ if fault == Fault::Passing => self.lane_was_tried(item, what),
            AwsError::Impossible { .. } | AwsError::Api { status: Some(400), .. } => self.lane_was_tried(item, what),
            _ => self.lane_is_open(what, now),
        }
        let random = self.hold.world.random.clone();
        let Some(history) = self.holdings.history(item) else { return Next::Settle };
        history.reason = Some(error.chain());
        let range = Duration::from_millis(500) * 2_u32.pow(history.failures.min(7));
        let wait = range / 2 + random.up_to(range / 2);
        let next = match fault {
            Fault::Passing | Fault::Refused => Next::Again(now + wait),
            Fault::Unfit => Next::Stuck,
            Fault::Damaged if history.fault == Some(reached) || history.failures > MOST_CHANGES => Next::Stuck,
            Fault::Damaged if history.fault.is_some() => Next::Afresh(now + wait),
            Fault::Damaged => {
                // A second look tells a damaged object from a damaged transfer.
                history.fault = Some(reached);
                Next::Again(now)
            }
            Fault::Changed if history.failures > MOST_CHANGES && matches!(error, AwsError::Checksum { .. }) => {
                Next::Stuck
            }
            Fault::Changed if history.failures == 0 => Next::Afresh(now),
            Fault::Changed => Next::Afresh(now + wait),
            Fault::Missing => {
                let since = *history.missing_since.get_or_insert(now);
                let patient = now - since < MISSING_PATIENCE && !planted("missing-given-up-at-once");
                match self.hold.work.on_missing(what) {
                    _ if patient => Next::Again(now + Duration::from_secs(30)),
                    OnMissingObject::Retry => Next::Again(now + MISSING_PATIENCE),
                    OnMissingObject::DeadLetter => {
                        self.hold.tally.missing.add(1);
                        Next::Stuck
                    }
                    OnMissingObject::Drop => {
                        self.hold.tally.missing.add(1);
                        Next::Enough
                    }
                }
            }
        };
        warn!(code = %error.code(), %what, error = error.chain(), next = next.name(), "not read");
        next
    }
}

impl Next {
    /// What it means, for a log.
    fn name(self) -> &'static str {
        match self {
            Next::Settle => "done",
            Next::Again(_) => "read again",
            Next::Park => "parked",
            Next::Afresh(_) => "read afresh",
            Next::Stuck => "never again: left to a redrive policy, or set aside",
            Next::Enough => "given up, as `on_missing_object` says",
        }
    }
}
