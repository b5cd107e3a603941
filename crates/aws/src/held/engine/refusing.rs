//! Refusing: buckets that do not let us in rest while the others flow.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::{
    AwsError, codes,
    held::{ItemKey, Work, engine::Engine, holdings::Next, lanes::Refusal},
};

impl<W: Work> Engine<W> {
    pub(super) fn try_lanes(&mut self, now: Instant) {
        while let Some(item) = self.lanes.try_one(now, |item| self.holdings.is_begun(item)) {
            self.holdings.release(item, now);
        }
    }

    /// What to do about an item that we may not read: not its fault. The bucket rests, its messages stay held, the others
    /// flow.
    pub(super) fn refused(&mut self, item: ItemKey, what: &W::Item, error: &AwsError, now: Instant) -> Next {
        let lane = self.hold.work.lane(what);
        let Some(history) = self.holdings.history(item) else { return Next::Settle };
        let failures = history.failures;
        let first = *history.refused_at.get_or_insert(now);
        let refusal = lane.map_or(Refusal::Item, |lane| self.lanes.refused(lane, item, first, now));
        match refusal {
            Refusal::Lane { news } => {
                if news {
                    warn!(
                        code = %codes::BUCKET_REFUSES,
                        bucket = lane,
                        error = error.chain(),
                        fix = codes::BUCKET_REFUSES.solution,
                        "bucket refuses us: its messages are held, and it is tried again from time to time"
                    );
                }
                Next::Park
            }
            Refusal::Item => {
                // Where others are refused too, it is read as soon as they are.
                let longest = if self.lanes.rests(lane.unwrap_or_default()) { 60 } else { 3600 };
                let wait = (Duration::from_secs(30) * 2_u32.pow(failures.min(7))).min(Duration::from_secs(longest));
                warn!(
                    code = %codes::OBJECT_REFUSES,
                    %what,
                    error = error.chain(),
                    retry_in = ?wait,
                    fix = codes::OBJECT_REFUSES.solution,
                    "refused, though others of its bucket are read"
                );
                Next::Again(now + wait)
            }
        }
    }

    /// A try told nothing of the item's bucket.
    pub(super) fn lane_was_tried(&mut self, item: ItemKey, what: &W::Item) {
        if let Some(lane) = self.hold.work.lane(what) {
            self.lanes.tried(lane, item);
        }
    }

    /// Something in the item's bucket could be read, or asked for in vain: we are let in.
    pub(super) fn lane_is_open(&mut self, what: &W::Item, now: Instant) {
        let Some(lane) = self.hold.work.lane(what) else { return };
        if let Some((parked, news)) = self.lanes.read(lane, now) {
            if news {
                info!(bucket = lane, objects = parked.len(), "bucket can be read again");
            }
            for item in parked {
                // Should it be refused again, it alone: then it has not waited for that yet.
                if let Some(history) = self.holdings.history(item) {
                    history.failures = 0;
                }
                self.holdings.release(item, now);
            }
        }
    }
}
