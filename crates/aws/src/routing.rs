//! Where events go.

use quittance_core::TagId;

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
pub(crate) struct Filtered(Vec<(TagId, u64)>);

impl Filtered {
    pub(crate) fn add(&mut self, tag: TagId) {
        match self.0.iter_mut().find(|(t, _)| *t == tag) {
            Some((_, count)) => *count += 1,
            None => self.0.push((tag, 1)),
        }
    }

    pub(crate) fn enter(&mut self, tags: &quittance_core::Tags, ledger: &quittance_core::UnitLedger) {
        for (tag, count) in self.0.drain(..) {
            ledger.filtered(&tags.tag(tag), count);
        }
    }
}
