//! Where events go.

use std::collections::BTreeMap;

use quittance_core::{Dropped, TagId, Tags, UnitLedger};

use crate::filters::Sieve;

/// Says where each event goes.
pub trait Router: Send {
    /// A message's body, before its events are routed: what stands around them may say where they are from. Objects are
    /// read piece by piece, and are not shown.
    fn enter(&mut self, _body: &[u8]) {}

    /// The tag of an event, or that the user does not want it.
    fn route(&mut self, event: &[u8]) -> Route;
}

/// Events that are counted and go nowhere.
pub(crate) struct Unwanted(pub(crate) Box<dyn Router>);

impl Router for Unwanted {
    fn route(&mut self, event: &[u8]) -> Route {
        self.0.route(event).dropped()
    }
}

/// Where an event goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// To this tag.
    Send(TagId),
    /// Nowhere, by the user's wish; counted under this tag.
    Drop(TagId),
}

impl Route {
    /// Nowhere, under the same tag.
    pub(crate) fn dropped(self) -> Route {
        let (Route::Send(tag) | Route::Drop(tag)) = self;
        Route::Drop(tag)
    }
}

/// Whose something is that came through a queue which several services read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Claim {
    /// Not this service's.
    No,
    /// This service's, if it is nobody else's.
    Rest,
    /// This service's.
    Own,
}

/// Events that were dropped by the user's wish, by tag: entered in the ledger once a batch.
#[derive(Default)]
pub(crate) struct Filtered {
    tags: Vec<(TagId, u64)>,
    /// By the number of the filter, if one decided.
    filters: BTreeMap<usize, Dropped>,
}

impl Filtered {
    /// One more, of so many bytes, dropped by a filter or by its service.
    pub(crate) fn add(&mut self, tag: TagId, by: Option<usize>, bytes: usize) {
        if let Some(by) = by {
            *self.filters.entry(by).or_default() += Dropped { events: 1, bytes: bytes as u64 };
        }
        match self.tags.iter_mut().find(|(t, _)| *t == tag) {
            Some((_, count)) => *count += 1,
            None => self.tags.push((tag, 1)),
        }
    }

    pub(crate) fn enter(&mut self, tags: &Tags, sieve: Option<&Sieve>, ledger: &UnitLedger) {
        for (tag, count) in self.tags.drain(..) {
            ledger.filtered(&tags.tag(tag), count);
        }
        while let Some((by, dropped)) = self.filters.pop_first() {
            if let Some(sieve) = sieve {
                ledger.dropped(sieve.name(by), dropped);
            }
        }
    }
}
