//! The puller of a unit of this engine: what its messages ask for, and how an object is given.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use quittance_core::{Debts, Ended, Outlet, Puller, PullerContext, Tags, Unit, UnitId, World, debts};
use tracing::{Instrument, debug, info_span};

use crate::{
    Account, Notification, ObjectRef, Tally, Whereabouts,
    held::{self, Hold, Intake, Limits, Memory, PassEnd, Quarantine, QueueSetup, Task, Work},
    notification,
    objects::{ObjectKind, Selection, pass::Pass},
};

/// What a unit of this engine is made of.
#[derive(Clone)]
pub struct ObjectsSettings {
    /// Queue name or URL.
    pub queue: String,
    /// Its region.
    pub region: String,
    /// The kind of objects.
    pub kind: Arc<dyn ObjectKind>,
    /// The bounds.
    pub limits: Limits,
}

impl ObjectsSettings {
    /// A unit of `service` and its type `of`, whose events get `tag`.
    pub fn unit(self, account: &Arc<Account>, service: &str, of: &str, tag: String) -> Unit {
        let ObjectsSettings { queue, region, .. } = &self;
        Unit {
            id: UnitId::new(&["aws", account.id(), service, of, region, queue]),
            source: format!("{region}/{queue}"),
            tag,
            setup: Arc::new(QueueSetup::new(account.clone(), region, queue)),
            puller: Arc::new(ObjectsPuller::new(account.clone(), self)),
        }
    }
}

/// Reads the objects that one queue announces.
pub struct ObjectsPuller {
    account: Arc<Account>,
    settings: ObjectsSettings,
    memory: Arc<Mutex<Memory>>,
    tally: Arc<Tally>,
}

impl ObjectsPuller {
    /// A puller for `settings` in `account`.
    pub fn new(account: Arc<Account>, settings: ObjectsSettings) -> Self {
        ObjectsPuller { account, settings, memory: Arc::default(), tally: Arc::default() }
    }

    /// What it decided so far.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }
}

#[async_trait]
impl Puller for ObjectsPuller {
    async fn run(&self, context: PullerContext) -> Ended {
        let PullerContext { unit, store, outlet, world, stop } = context;
        let ObjectsSettings { queue, region, kind, limits } = self.settings.clone();
        let held::Opened { queue: opened, facts, at } = match held::open(&self.account, &region, &queue).await {
            Ok(opened) => opened,
            Err(error) => return Ended::Failed(error.into()),
        };
        let (debts, settlements) = debts();
        let quarantine = Quarantine { unit, store, clock: world.clock.clone() };
        let work = Objects {
            account: self.account.clone(),
            kind,
            at,
            tags: Tags::default(),
            max_event_bytes: limits.max_event_bytes,
            regions: Regions::default(),
            outlet: outlet.clone(),
            debts,
            world: world.clone(),
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
        Box::pin(held::run(hold, settlements, stop)).instrument(info_span!("objects", queue, region)).await
    }
}

/// Regions of buckets that are not where we looked first.
pub(super) type Regions = Mutex<HashMap<String, String>>;

/// What passes over objects share.
pub(super) struct Objects {
    pub(super) account: Arc<Account>,
    pub(super) kind: Arc<dyn ObjectKind>,
    /// The account and region that pull.
    pub(super) at: Whereabouts,
    pub(super) tags: Tags,
    pub(super) max_event_bytes: usize,
    pub(super) regions: Regions,
    pub(super) outlet: Outlet,
    pub(super) debts: Debts,
    pub(super) world: World,
    pub(super) quarantine: Quarantine,
    pub(super) tally: Arc<Tally>,
}

impl Work for Objects {
    type Item = ObjectRef;

    fn intake(&self, body: String) -> Intake<ObjectRef> {
        let (created, others) = match notification(&body) {
            Notification::Objects { created, others } => (created, others),
            Notification::Control(what) => return Intake::Control(what),
            Notification::Unknown(why) => return Intake::Unknown { why, body },
        };
        let announced = created.len();
        let wanted = |object: &ObjectRef| match self.kind.select(object) {
            Selection::Read => true,
            Selection::Skip(reason) => {
                debug!(%object, reason, "object skipped");
                false
            }
        };
        let items: Vec<_> = created.into_iter().filter(wanted).collect();
        Intake::Items { skipped: announced - items.len(), items, others }
    }

    async fn pass(&self, task: Task<ObjectRef>) -> PassEnd {
        let object = task.what.clone();
        Pass { shared: self, object: &object }.run(task).await
    }

    fn lane<'a>(&self, object: &'a ObjectRef) -> Option<&'a str> {
        Some(&object.bucket)
    }

    fn weight(&self, object: &ObjectRef) -> usize {
        // The entries around it weigh more than the name.
        object.bucket.len() + object.key.len() + 512
    }
}
