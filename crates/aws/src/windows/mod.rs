//! The `windows` engine: asks an API for ranges of time, page by page, and moves its checkpoint only over ranges of which
//! every event has its receipt.
//!
//! Every such API filters by the time of an event, and shows events later than they happened. So a range that was asked
//! is asked again: soon, with an overlap, to be quick; and by sweeps that reach back as far as the API is known to be
//! late, to be complete. What was delivered is remembered by its id for as long as any range may show it again.

mod follow;
#[cfg(test)]
mod model;
mod plan;
mod puller;
mod seen;
mod start_time;

use std::{ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use quittance_core::{EventId, Finding, Tags, planted};
use sha2::{Digest, Sha256};

use crate::{AwsError, Calls, Cost};

pub use crate::routing::Route;
pub use puller::WindowSettings;
pub use start_time::{past_start_time, start_time};

/// A range of time, in milliseconds since the epoch: its start is in it, its end is not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// The first millisecond.
    pub from: i64,
    /// The first millisecond after it.
    pub to: i64,
}

/// How an API is asked.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct Cadence {
    /// Time between two polls.
    pub period: Duration,
    /// What windows are aligned to: the API's resolution.
    pub grain: Duration,
    /// The youngest time that is not yet asked for.
    pub delay: Duration,
    /// How far a poll reaches back into what was asked before.
    pub overlap: Duration,
    /// What finds events that come later than that.
    pub sweeps: Vec<Sweep>,
    /// The longest window that is asked for at once.
    pub longest: Duration,
    /// Pages after which a window is cut in two, so that a failure costs no more than these; none if a shorter window has as
    /// many.
    pub most_pages: Option<u32>,
    /// How far the API looks back, if it is bounded.
    pub horizon: Option<Duration>,
    /// What a user can do when the API cannot be asked as fast as events come.
    pub advice: &'static str,
}

/// A promise: events that an API shows up to `lateness` after they happened are found, within `every` of being shown.
#[derive(Clone, Copy, PartialEq, Hash, Debug)]
pub struct Sweep {
    /// How late.
    pub lateness: Duration,
    /// How often it is looked for them.
    pub every: Duration,
}

/// An API that is asked for windows; a service brings one.
#[async_trait]
pub trait WindowKind: Send + Sync {
    /// How it is asked.
    fn cadence(&self) -> Cadence;

    /// What is followed on its own, each with a checkpoint: log groups, detectors, or one name for all. Asked again now
    /// and then, so what comes into being later is found.
    async fn cursors(&self, calls: &Calls) -> Result<Vec<String>, AwsError>;

    /// Begins to ask for a window of a cursor. Nothing is sent before the first page is wanted.
    fn open(&self, cursor: &str, window: Window, calls: &Calls, tags: &Tags) -> Box<dyn Pages>;

    /// Proves by the cheapest calls that it can be asked; answers what is wrong. Fails when that could not be found out.
    async fn check(&self, calls: &Calls) -> Result<Vec<Finding>, AwsError>;

    /// Why it has nothing new, beyond what a check finds: asked when no event came for longer than the user expects.
    async fn why_silent(&self, _calls: &Calls) -> Vec<Finding> {
        Vec::new()
    }

    /// What asking costs.
    async fn price(&self, calls: &Calls) -> Result<Price, AwsError>;
}

/// How often in an hour it is looked what there is to ask for.
pub const LISTINGS_AN_HOUR: f64 = 12.0;

/// What asking costs while there is nothing new.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Price {
    /// For a window of every cursor.
    pub window: Cost,
    /// For looking what cursors there are, and what is in them, in an hour.
    pub hour: Cost,
    /// For a check.
    pub check: Cost,
    /// What comes on top of it.
    pub beyond: &'static str,
}

impl Cadence {
    /// What a month comes to.
    fn a_month(&self, price: &Price, watch: Duration) -> Cost {
        let windows = |reach: Duration| (reach.as_secs_f64() / self.longest.as_secs_f64().max(1.0)).ceil().max(1.0);
        let of = |reach: Duration, every: Duration| {
            let Cost { calls, dollars } = price.window;
            Cost { calls: calls * windows(reach), dollars: dollars * windows(reach) }.every(every)
        };
        let polls = of(self.period + self.overlap, self.period);
        let looks = price.hour.every(Duration::from_secs(3600)).and(price.check.every(watch));
        self.sweeps.iter().map(|sweep| of(sweep.lateness + sweep.every, sweep.every)).fold(polls.and(looks), Cost::and)
    }
}

/// The pages of one window.
#[async_trait]
pub trait Pages: Send {
    /// The next page; `None` after the last one. After an error it may be called again, and asks for the same page.
    async fn next(&mut self) -> Result<Option<Page>, AwsError>;
}

/// What one call of an API showed.
#[derive(Default)]
pub struct Page {
    /// The bytes of all events.
    pub bytes: Bytes,
    /// The events in it.
    pub events: Vec<Found>,
}

/// An event in a page.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it stands in the page's bytes.
    pub place: Range<usize>,
    /// What makes it itself, however often it is shown.
    pub id: EventId,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// Where it goes.
    pub route: Route,
}

/// The id of an event: a hash over the parts that make it itself.
pub fn event_id(parts: &[&[u8]]) -> EventId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let half = hash.finalize().first_chunk::<{ size_of::<EventId>() }>().copied();
    EventId::from_le_bytes(half.expect("a SHA-256 has 32 bytes"))
}

/// The token of the next page, followed to its end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Token {
    /// Nothing was asked yet.
    #[default]
    First,
    /// There is another page.
    Next(String),
    /// The last page was seen.
    End,
}

impl Token {
    /// What to send, where there is something to ask; `None` at the end.
    pub fn to_send(&self) -> Option<Option<String>> {
        match self {
            Token::First => Some(None),
            Token::Next(token) => Some(Some(token.clone())),
            Token::End => None,
        }
    }

    /// Takes the token of an answer to `operation`. An empty one is none, and the same again would never end.
    pub fn follow(&mut self, operation: &'static str, next: Option<String>) -> Result<(), AwsError> {
        let next = next.filter(|_| !planted("last-page-forgotten"));
        *self = match next.filter(|token| !token.is_empty()) {
            None => Token::End,
            Some(next) if *self == Token::Next(next.clone()) => return Err(AwsError::RepeatedToken { operation }),
            Some(next) => Token::Next(next),
        };
        Ok(())
    }
}
