//! What a unit of this engine is made of.

use std::sync::Arc;

use quittance_core::Unit;

use crate::{
    Account,
    held::Limits,
    queue::BodyKind,
    receiver::{Receiver, Way, WayKind},
};

/// What a unit of this engine is made of.
#[derive(Clone)]
pub struct QueueSettings {
    /// Queue name or URL.
    pub queue: String,
    /// Its region.
    pub region: String,
    /// The kind of bodies.
    pub kind: Arc<dyn BodyKind>,
    /// The bounds.
    pub limits: Limits,
}

impl QueueSettings {
    /// A unit of `service`, whose events get `tag`.
    pub fn unit(self, account: &Arc<Account>, service: &str, tag: String) -> Unit {
        let QueueSettings { queue, region, kind, limits } = self;
        let filters = account.filters().clone();
        Receiver::unit(
            account,
            &region,
            &queue,
            &[service],
            tag,
            Way { kind: WayKind::Bodies(kind), buckets: Vec::new(), limits, filters },
        )
    }

    /// The puller of such a unit alone.
    pub fn puller(self, account: &Arc<Account>) -> Receiver {
        let QueueSettings { queue, region, kind, limits } = self;
        let filters = account.filters().clone();
        Receiver::new(
            account,
            &region,
            &queue,
            Way { kind: WayKind::Bodies(kind), buckets: Vec::new(), limits, filters },
        )
    }
}
