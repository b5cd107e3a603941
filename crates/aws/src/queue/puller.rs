//! The puller of a unit of this engine.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use quittance_core::{Ended, Puller, PullerContext, Tags, Unit, UnitId, debts};
use tracing::{Instrument, info_span};

use crate::{
    Account, Tally,
    held::{self, Hold, Limits, Memory, Quarantine, QueueSetup},
    queue::{BodyKind, bodies::Bodies},
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
        let QueueSettings { queue, region, .. } = &self;
        Unit {
            id: UnitId::new(&["aws", account.id(), service, region, queue]),
            source: format!("{region}/{queue}"),
            tag,
            setup: Arc::new(QueueSetup::new(account.clone(), region, queue)),
            puller: Arc::new(QueuePuller::new(account.clone(), self)),
        }
    }
}

/// Reads the events that stand in one queue's messages.
pub struct QueuePuller {
    account: Arc<Account>,
    settings: QueueSettings,
    memory: Arc<Mutex<Memory>>,
    tally: Arc<Tally>,
}

impl QueuePuller {
    /// A puller for `settings` in `account`.
    pub fn new(account: Arc<Account>, settings: QueueSettings) -> Self {
        QueuePuller { account, settings, memory: Arc::default(), tally: Arc::default() }
    }

    /// What it decided so far.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }
}

#[async_trait]
impl Puller for QueuePuller {
    async fn run(&self, context: PullerContext) -> Ended {
        let PullerContext { unit, store, outlet, world, stop } = context;
        let QueueSettings { queue, region, kind, limits } = self.settings.clone();
        let held::Opened { queue: opened, facts, at } = match held::open(&self.account, &region, &queue).await {
            Ok(opened) => opened,
            Err(error) => return Ended::Failed(error.into()),
        };
        let (tags, (debts, settlements)) = (Tags::default(), debts());
        let quarantine = Quarantine { unit, store, clock: world.clock.clone() };
        let work = Bodies {
            router: Mutex::new(kind.router(&at, &tags)),
            kind,
            tags,
            max_event_bytes: limits.max_event_bytes,
            outlet: outlet.clone(),
            debts,
            quarantine: quarantine.clone(),
            tally: self.tally.clone(),
        };
        let hold = Hold {
            work,
            quarantine,
            queue: Box::new(opened),
            facts,
            limits,
            outlet,
            world,
            memory: self.memory.clone(),
            tally: self.tally.clone(),
        };
        Box::pin(held::run(hold, settlements, stop)).instrument(info_span!("queue", queue, region)).await
    }
}
