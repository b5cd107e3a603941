//! The `objects` engine: reads the objects in S3 that a queue's messages announce, and deletes a message only when every
//! event of its objects has its receipt.
//!
//! An object is streamed ([`pass`]): GET, inflate, frame, batches; however large it is, it takes the same memory. A
//! transfer that breaks goes on at the byte it broke at ([`body`]). How messages are held, and what becomes of an object
//! that cannot be read, is in [`held`](crate::held).

mod body;
mod pass;
mod puller;

use quittance_core::Tags;
use quittance_formats::Framer;

use crate::{ObjectRef, Whereabouts};

pub use crate::held::{Limits, OnMissingObject, Owed, QueueSetup};
pub use crate::routing::{Route, Router};
pub use puller::{ObjectsPuller, ObjectsSettings};

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
