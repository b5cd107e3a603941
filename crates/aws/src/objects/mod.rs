//! The `objects` engine: reads the objects in S3 that a queue's messages announce, and deletes a message only when every
//! event of its objects has its receipt.
//!
//! An object is streamed ([`pass`]): GET, inflate, frame, batches; however large it is, it takes the same memory. A
//! transfer that breaks goes on at the byte it broke at ([`body`]). How messages are held, and what becomes of an object
//! that cannot be read, is in [`held`](crate::held).

mod body;
mod pass;
mod settings;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use quittance_core::{Finding, Tags};
use quittance_formats::Framer;
use tokio::time::Instant;

use crate::{
    Account, Filters, ObjectRef, Whereabouts,
    held::{Giving, PassEnd, Task},
};

pub use crate::held::{Limits, OnMissingObject, Owed};
pub use crate::routing::{Claim, Route, Router};
pub use settings::ObjectsSettings;

/// What a kind of object needs to become events; a service brings one.
#[async_trait]
pub trait ObjectKind: Send + Sync {
    /// Whether an object holds events of this service.
    fn select(&self, object: &ObjectRef) -> Selection;

    /// What an object is that holds none of this service's events, in words, if its first bytes say so: six at most, and
    /// of a small object all.
    fn refuses(&self, _object: &ObjectRef, _head: &[u8]) -> Option<&'static str> {
        None
    }

    /// How to read one. `at` is the account and region that pull, for tags of events that do not say theirs.
    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened;

    /// Whose an object is that a queue announces which several services read: asked before [`select`](Self::select).
    fn claim(&self, _object: &ObjectRef) -> Claim {
        Claim::Rest
    }

    /// What it is to a kind to know who asks ([`Account::known_caller`]) when it opens an object.
    fn caller(&self) -> CallerUse {
        CallerUse::None
    }

    /// What is to be said of the buckets that objects come from, beyond whether they can be read. No run needs it, so it is
    /// asked seldom, and not waited for long.
    async fn advice(&self, _region: &str, _buckets: &BTreeSet<String>) -> Vec<Finding> {
        Vec::new()
    }

    /// Why who writes objects into `buckets` may write none: asked when no event came for longer than the user expects.
    async fn why_silent(&self, _region: &str, _buckets: &BTreeSet<String>) -> Vec<Finding> {
        Vec::new()
    }

    /// The folder that objects of an account, region and day (`2026/01/15`) are written into, if that can be known.
    fn folder_of_day(&self, _account: &str, _region: &str, _day: &str) -> Option<String> {
        None
    }
}

/// What it is to a kind to know who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallerUse {
    /// Nothing.
    None,
    /// Of use: a setup asks for it, and what comes of that is no matter.
    Helpful,
    /// No object is opened without.
    Needed,
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

/// What was learnt of buckets.
pub(crate) type Learnt = Arc<Mutex<Buckets>>;

/// Buckets that are not as we took them to be.
#[derive(Default)]
pub(crate) struct Buckets {
    /// The regions of those that are not where we looked first.
    regions: HashMap<String, String>,
    /// Those whose versions we may not ask for, and until when that is taken for granted.
    without_versions: HashMap<String, Instant>,
}

/// What passes over objects of one kind share.
pub(crate) struct Objects {
    pub(crate) account: Arc<Account>,
    pub(crate) kind: Arc<dyn ObjectKind>,
    pub(crate) learnt: Learnt,
    pub(crate) giving: Giving,
    pub(crate) filters: Arc<Filters>,
}

impl Objects {
    /// Gives what is owed of `object`.
    pub(crate) async fn pass<I>(&self, object: &ObjectRef, task: Task<I>) -> PassEnd {
        pass::Pass { shared: self, object }.run(task).await
    }
}
