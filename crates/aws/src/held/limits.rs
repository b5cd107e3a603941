//! Bounds of one unit.

use std::time::Duration;

use quittance_core::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// Bounds of one unit, and what it does at its wits' end.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Messages held at a time, received and not yet deleted. SQS allows 120,000 in flight a queue, for all its readers.
    pub held_messages: usize,
    /// Memory for what is held, in bytes. From half of it on, receipts are asked for early.
    pub held_bytes: usize,
    /// Items that are given at a time. An object needs a connection and about half a MiB.
    pub readers: usize,
    /// Receives under way at a time, when the backlog is deep.
    pub receivers: usize,
    /// An event longer than this cannot be sent.
    pub max_event_bytes: usize,
    /// How long held messages stay hidden after each extension, at least.
    pub visibility_timeout: Duration,
    /// How long, after a stop, receipts are still waited for.
    pub drain: Duration,
    /// What becomes of an object that is not there.
    pub on_missing_object: OnMissingObject,
    /// The longest silence within the transfer of an object.
    pub transfer_timeout: Duration,
    /// What is known to have happened earlier is not wanted, in milliseconds since the epoch.
    pub start_time: Option<i64>,
}

/// What becomes of an object that is announced, and is still not there after 15 minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMissingObject {
    /// Its message is left to the queue's redrive policy.
    #[default]
    DeadLetter,
    /// It is asked for again and again.
    Retry,
    /// It counts as dealt with.
    Drop,
}

impl Limits {
    /// For messages that name objects.
    pub fn of_objects() -> Self {
        Limits {
            held_messages: 40_000,
            held_bytes: 128 << 20,
            readers: 8,
            receivers: 4,
            max_event_bytes: 1 << 20,
            visibility_timeout: Duration::from_secs(300),
            drain: Duration::from_secs(20),
            on_missing_object: OnMissingObject::default(),
            transfer_timeout: Duration::from_secs(60),
            start_time: None,
        }
    }

    /// With the user's own bounds, where there are any.
    pub fn with(self, max_event_bytes: Option<usize>, visibility_timeout: Option<Interval>) -> Self {
        Limits {
            max_event_bytes: max_event_bytes.unwrap_or(self.max_event_bytes),
            visibility_timeout: visibility_timeout.map_or(self.visibility_timeout, |timeout| timeout.0),
            ..self
        }
    }

    /// Bounds that let through what either of two would.
    pub(crate) fn joined(self, other: Limits) -> Self {
        Limits {
            held_messages: self.held_messages.max(other.held_messages),
            held_bytes: self.held_bytes.max(other.held_bytes),
            readers: self.readers.max(other.readers),
            receivers: self.receivers.max(other.receivers),
            max_event_bytes: self.max_event_bytes.max(other.max_event_bytes),
            visibility_timeout: self.visibility_timeout.max(other.visibility_timeout),
            drain: self.drain.max(other.drain),
            on_missing_object: self.on_missing_object,
            transfer_timeout: self.transfer_timeout.max(other.transfer_timeout),
            start_time: self.start_time,
        }
    }

    /// For messages that are events: each brings little, so more are asked for at a time.
    pub fn of_bodies() -> Self {
        Limits { readers: 64, receivers: 16, ..Limits::of_objects() }
    }
}
