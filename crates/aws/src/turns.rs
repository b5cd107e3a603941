//! Calls of APIs of which no quota is ours to keep, SQS's and S3's: they wait for nothing but the user's own bounds.

use std::sync::Arc;

use quittance_core::Clock;

use crate::{
    CallLimit, Limiters,
    account::Identity,
    limiter::{Limiter, Share},
};

/// A client whose calls wait for their turn: there is no other way to reach it.
#[derive(Clone)]
pub struct Turns<C> {
    client: C,
    order: Arc<Order>,
}

/// What turns go by.
pub(crate) struct Order {
    pub(crate) limiters: Limiters,
    pub(crate) limits: Vec<CallLimit>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) region: String,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<C> Turns<C> {
    pub(crate) fn new(client: C, order: Order) -> Self {
        Turns { client, order: Arc::new(order) }
    }

    /// The client, when it is the turn of one call of `api`. Whoever came first goes first.
    pub async fn turn(&self, api: &'static str) -> &C {
        self.order.turn(api).await;
        &self.client
    }

    /// A share of `api`, if it is bounded.
    pub(crate) async fn share(&self, api: &'static str) -> Option<Share> {
        match self.order.limiters.are_bounded() {
            true => Some(self.order.limiter(api).await.share()),
            false => None,
        }
    }
}

impl Order {
    pub(crate) async fn turn(&self, api: &'static str) {
        if self.limiters.are_bounded() {
            self.limiter(api).await.turn(&*self.clock).await;
        }
    }

    async fn limiter(&self, api: &'static str) -> Arc<Limiter> {
        let account = self.identity.counted_as(&*self.clock).await;
        self.limiters.without_quota(account, &self.region, api, &self.limits)
    }
}
