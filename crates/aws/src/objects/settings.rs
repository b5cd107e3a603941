//! What a unit of this engine is made of.

use std::sync::Arc;

use quittance_core::Unit;

use crate::{
    Account,
    held::Limits,
    objects::ObjectKind,
    receiver::{Receiver, Way, WayKind},
};

/// What a unit of this engine is made of.
#[derive(Clone)]
pub struct ObjectsSettings {
    /// Queue name or URL.
    pub queue: String,
    /// Its region.
    pub region: String,
    /// The buckets that the queue announces, as far as the user says; `{account}` and `{region}` are filled in.
    pub buckets: Vec<String>,
    /// The kind of objects.
    pub kind: Arc<dyn ObjectKind>,
    /// The bounds.
    pub limits: Limits,
}

impl ObjectsSettings {
    /// A unit of `service` and its type `of`, whose events get `tag`.
    pub fn unit(self, account: &Arc<Account>, service: &str, of: &str, tag: String) -> Unit {
        let ObjectsSettings { queue, region, buckets, kind, limits } = self;
        let filters = account.filters().clone();
        Receiver::unit(
            account,
            &region,
            &queue,
            &[service, of],
            tag,
            Way { kind: WayKind::Objects(kind), buckets, limits, filters },
        )
    }

    /// The puller of such a unit alone.
    pub fn puller(self, account: &Arc<Account>) -> Receiver {
        let ObjectsSettings { queue, region, buckets, kind, limits } = self;
        let filters = account.filters().clone();
        Receiver::new(account, &region, &queue, Way { kind: WayKind::Objects(kind), buckets, limits, filters })
    }
}
