//! The `objects` engine: reads the objects in S3 that a queue announces, and deletes an announcement only when every
//! event of its objects has its receipt.
//!
//! One task owns all state: messages held, objects and what is owed of them ([`holdings`]). Around it run bounded
//! tasks: receives, passes over objects ([`pass`]), deletes, extensions. Reading and settling are apart: an object
//! whose last byte is emitted costs nothing but its entry until its receipts are back, so many small objects flow as
//! fast as a few large ones.

mod body;
mod engine;
mod holdings;
mod owed;
mod pass;
mod setup;

use std::{sync::Arc, time::Duration};

use quittance_core::{TagId, Tags};
use quittance_formats::Framer;

use crate::{ObjectRef, Whereabouts};

pub use engine::ObjectsPuller;
pub use owed::Owed;
pub use setup::ObjectsSetup;

/// What a kind of object needs to become events; a service brings one.
pub trait ObjectKind: Send + Sync {
    /// Whether an object holds events of this service.
    fn select(&self, object: &ObjectRef) -> Selection;

    /// How to read one. `at` is the account and region that pull, for tags of events that do not say theirs.
    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened;
}

/// Whether to read an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    /// Yes.
    Read,
    /// No, for this reason; its announcement is dealt with.
    Skip(&'static str),
}

/// An object about to be read.
pub struct Opened {
    /// Finds the events.
    pub framer: Box<dyn Framer>,
    /// Tags them.
    pub router: Box<dyn Router>,
    /// Whether events are JSON, of which white space between lines may go.
    pub json: bool,
}

/// Says where each event goes.
pub trait Router: Send {
    /// The tag of an event, or that the user does not want it.
    fn route(&mut self, event: &[u8]) -> Route;
}

/// Where an event goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// To this tag.
    Send(TagId),
    /// Nowhere, by the user's wish; counted under this tag.
    Drop(TagId),
}

/// What a unit of this engine is made of.
#[derive(Clone)]
pub struct ObjectsSettings {
    /// Queue name or URL.
    pub queue: String,
    /// Its region.
    pub region: String,
    /// The kind of objects.
    pub kind: Arc<dyn ObjectKind>,
    /// The bounds.
    pub limits: Limits,
}

/// Bounds of one unit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Messages held at a time, received and not yet deleted. SQS allows 120,000 in flight a queue, for all its readers.
    pub held_messages: usize,
    /// Objects that are read at a time: each needs a connection and about half a MiB.
    pub readers: usize,
    /// Receives under way at a time, when the backlog is deep.
    pub receivers: usize,
    /// An event longer than this cannot be sent.
    pub max_event_bytes: usize,
    /// How long held messages stay hidden after each extension, at least.
    pub visibility_timeout: Duration,
    /// How long, after a stop, receipts are still waited for.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            held_messages: 40_000,
            readers: 8,
            receivers: 4,
            max_event_bytes: 1 << 20,
            visibility_timeout: Duration::from_secs(300),
            drain: Duration::from_secs(20),
        }
    }
}
