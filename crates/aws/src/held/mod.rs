//! Messages that are held: received from a queue, kept hidden from others, and deleted only when everything that they
//! ask for has its receipt.
//!
//! Who uses it brings the [`Work`]: what a message asks for, and how an item of it is given. An item is an object to be
//! read, by [`objects`](crate::objects), or the message's own body, by [`queue`](crate::queue). Everything else is here,
//! once. One task owns all state: messages and what is owed of their items
//! ([`holdings`]), refused buckets ([`lanes`]), what is due when ([`schedule`]). Around it run bounded tasks: receives,
//! passes over items, deletes, changes of visibility. Passes and receipts are apart: an item whose last event is emitted
//! costs nothing but its entry until its receipts are back.
//!
//! What a destination does not confirm is given again from here, under the same receipt handle: its fault never spends a
//! message's receive count.

mod engine;
mod fault;
mod holdings;
mod lanes;
mod limits;
mod marks;
mod memory;
mod owed;
mod quarantine;
mod replay;
mod schedule;
mod setup;
mod tally;

use std::{
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use quittance_core::{Debts, Outlet, Tags, World};
use tokio_util::sync::CancellationToken;

use crate::{AwsError, ObjectRef, Whereabouts};

pub(crate) use engine::{Hold, run};
pub(crate) use fault::Fault;
pub(crate) use holdings::ItemKey;
pub(crate) use memory::Memory;
pub(crate) use quarantine::{Again, OwedObject, Quarantine};
pub(crate) use replay::{give, give_event, never};
pub(crate) use setup::{Checked, Opened, check, open};

pub use limits::{Limits, OnMissingObject};
pub use owed::Owed;
pub use tally::{Count, Tally};

/// What an engine does with the messages that it holds.
pub(crate) trait Work: Send + Sync + 'static {
    /// What a message asks for, one or more; shown in logs as the address of what it is.
    type Item: fmt::Display + Send + Sync + 'static;

    /// What a message asks for.
    fn intake(&self, body: String) -> Intake<Self::Item>;

    /// Gives what is owed of an item.
    fn pass(&self, task: Task<Self::Item>) -> impl Future<Output = PassEnd> + Send;

    /// The bucket of an item, if access to it is given and taken for all its items at once.
    fn lane<'a>(&self, item: &'a Self::Item) -> Option<&'a str>;

    /// Memory that an item keeps, in bytes.
    fn weight(&self, item: &Self::Item) -> usize;

    /// What leads to an item, for whoever gives it again.
    fn source<'a>(&self, item: &'a Self::Item) -> Source<'a>;

    /// What becomes of an item that is not there.
    fn on_missing(&self, item: &Self::Item) -> OnMissingObject;
}

/// What leads to an item.
pub(crate) enum Source<'a> {
    /// It is read.
    Object(&'a ObjectRef),
    /// It is at hand.
    Bytes(&'a [u8]),
}

/// What all passes of a run share, whatever they give.
#[derive(Clone)]
pub(crate) struct Giving {
    /// The account and region that pull.
    pub(crate) at: Whereabouts,
    pub(crate) tags: Tags,
    /// An event longer than this cannot be sent.
    pub(crate) max_event_bytes: usize,
    /// The longest silence within the transfer of an object.
    pub(crate) transfer_timeout: Duration,
    /// What is known to have happened earlier is not wanted.
    pub(crate) start_time: Option<i64>,
    pub(crate) outlet: Outlet,
    pub(crate) debts: Debts,
    pub(crate) world: World,
    pub(crate) quarantine: Quarantine,
    pub(crate) tally: Arc<Tally>,
    /// Once it is cancelled, a pass ends where it is, with what it did not give as its rest.
    pub(crate) stop: CancellationToken,
}

/// What a message asks for.
pub(crate) enum Intake<I> {
    /// That these be given; perhaps nothing.
    Items {
        /// What is to be given.
        items: Vec<I>,
        /// Entries that ask for nothing.
        others: usize,
        /// Entries that the user does not want.
        skipped: usize,
    },
    /// Nothing, by design: a service's own message.
    Control(&'static str),
    /// Nobody knows.
    Unknown {
        /// What it is not.
        why: &'static str,
        /// The message's body, to be kept.
        body: String,
    },
}

/// An item to give.
pub(crate) struct Task<I> {
    pub(crate) item: ItemKey,
    pub(crate) what: Arc<I>,
    /// The events to give, and to whom.
    pub(crate) owed: Owed,
    /// The version that `owed` counts in, if it was seen.
    pub(crate) version: Option<String>,
    /// Events before this ordinal were looked at in an earlier pass.
    pub(crate) seen: u64,
    /// Where the pass says which version it reads, as soon as it knows.
    pub(crate) reading: Arc<OnceLock<String>>,
}

/// How a pass ended.
pub(crate) struct PassEnd {
    /// Debts that were lent, each of which will be settled.
    pub(crate) lent: u64,
    /// What the pass did not give, since it broke or was stopped.
    pub(crate) rest: Owed,
    /// The version that was read.
    pub(crate) version: Option<String>,
    /// Events before this ordinal were looked at in this pass.
    pub(crate) reached: u64,
    /// Why it broke.
    pub(crate) result: Result<(), AwsError>,
}
