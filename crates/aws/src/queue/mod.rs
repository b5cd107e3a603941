//! The `queue` engine: gives the events that stand in a queue's messages, and deletes a message only when every event in
//! it has its receipt.
//!
//! A body is kept in memory until then, within [`Limits::held_bytes`]: it is the only copy that can be given again without
//! a second receive. Its batches share its bytes. How messages are held is in [`held`](crate::held).

mod bodies;
mod settings;

use std::ops::Range;

use quittance_core::Tags;

use crate::Whereabouts;

pub use crate::held::Limits;
pub use crate::routing::{Claim, Route, Router};
pub(crate) use bodies::{Bodies, Body, time_of};
pub use settings::QueueSettings;

/// What bodies need to become events; a service brings one.
pub trait BodyKind: Send + Sync {
    /// Finds the events in a body, which holds one or more: by default it is one as a whole. SNS envelopes are gone, and
    /// JSON is on one line.
    fn events(&self, body: &[u8], found: &mut Vec<Range<usize>>) {
        found.push(0..body.len());
    }

    /// Tags the events. `at` is the account and region that pull, for events that do not say theirs.
    fn router(&self, at: &Whereabouts, tags: &Tags) -> Box<dyn Router>;

    /// Whether rules of EventBridge put them into the queue.
    fn is_fed_by_rules(&self) -> bool {
        true
    }

    /// Whose a body is that stands in a queue which several services read. SNS envelopes are gone.
    fn claim(&self, _body: &[u8]) -> Claim {
        Claim::Rest
    }
}
