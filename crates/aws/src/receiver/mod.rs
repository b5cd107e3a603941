//! One receiver for a queue, whoever's events come through it.
//!
//! Whoever reads a queue takes messages from all others that read it. So services that name the same queue of an account
//! share its receiver: each brings a [`Way`], and [`ways`] decides by content which one a message, or an object that it
//! announces, goes.

mod replay;
mod silence;
mod skips;
mod ways;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use quittance_core::{
    Ended, Estimate, Failure, Finding, Judged, Puller, PullerContext, Quarantined, Sample, Setup, Tags, Unit, UnitId,
    debts,
};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, info_span};

use crate::{
    Account, AwsError, Cost, Filters, SqsQueue, Tally, Whereabouts,
    held::{self, Checked, Giving, Hold, Limits, Memory, Opened, Quarantine},
    objects::{CallerUse, ObjectKind},
    pricing,
    queue::BodyKind,
    samples,
};

use skips::Skips;
use ways::Ways;

/// How long a receive waits for a message.
const LONG_POLL: Duration = Duration::from_secs(20);

/// What becomes of messages of one service.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) kind: WayKind,
    /// The buckets that they announce, as far as the user says; `{account}` and `{region}` are filled in.
    pub(crate) buckets: Vec<String>,
    pub(crate) limits: Limits,
    /// What their events pass.
    pub(crate) filters: Arc<Filters>,
}

#[derive(Clone)]
pub(crate) enum WayKind {
    /// They announce objects.
    Objects(Arc<dyn ObjectKind>),
    /// They are events.
    Bodies(Arc<dyn BodyKind>),
}

impl Way {
    /// How surely a sample goes this way.
    fn takes(&self, sample: &Sample) -> Option<u8> {
        match &self.kind {
            WayKind::Objects(kind) => samples::takes_object(&**kind, sample),
            WayKind::Bodies(kind) => samples::takes_body(&**kind, sample),
        }
    }

    /// What would become of a sample that goes it.
    pub(crate) async fn judge(&self, account: &Account, region: &str, sample: &Sample) -> Result<Vec<Judged>, Failure> {
        let Way { kind, limits, filters, .. } = self;
        match kind {
            WayKind::Objects(kind) => samples::object(account, &**kind, filters, limits, region, sample).await,
            WayKind::Bodies(kind) => samples::body(&**kind, filters, limits, region, sample),
        }
    }
}

impl WayKind {
    fn objects(&self) -> Option<&Arc<dyn ObjectKind>> {
        match self {
            WayKind::Objects(kind) => Some(kind),
            WayKind::Bodies(_) => None,
        }
    }
}

/// How long a setup waits to hear who asks.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long advice is not asked for again.
const ADVICE_LASTS: Duration = Duration::from_secs(3600);

/// Reads one queue.
pub struct Receiver {
    station: Station,
    region: String,
    queue: String,
    /// Filled while units are planned.
    ways: Mutex<Vec<Way>>,
    /// What a setup heard last that no run needs, and until when that is enough.
    advised: Mutex<Option<(Instant, Vec<Finding>)>>,
}

/// What outlives the runs of a unit that holds messages.
pub(crate) struct Station {
    account: Arc<Account>,
    memory: Arc<Mutex<Memory>>,
    tally: Arc<Tally>,
    skips: Arc<Skips>,
}

/// The receivers of an account, by region and queue.
#[derive(Default)]
pub(crate) struct Receivers(Mutex<HashMap<(String, String), Weak<Receiver>>>);

impl Receiver {
    /// A receiver that goes one way.
    pub(crate) fn new(account: &Arc<Account>, region: &str, queue: &str, way: Way) -> Self {
        let (station, ways) = (Station::new(account), Mutex::new(vec![way]));
        Receiver { station, region: region.to_owned(), queue: queue.to_owned(), ways, advised: Mutex::default() }
    }

    /// A unit of `of`, a service and perhaps its type, that goes `way`. Units of the same queue have the same puller: they
    /// are one, and the last of them is named so.
    pub(crate) fn unit(account: &Arc<Account>, region: &str, queue: &str, of: &[&str], tag: String, way: Way) -> Unit {
        let mut receivers = account.receivers().0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = receivers.entry((region.to_owned(), queue.to_owned())).or_default();
        let (receiver, of) = match entry.upgrade() {
            Some(receiver) => {
                receiver.ways().push(way);
                (receiver, ["shared"].as_slice())
            }
            None => {
                let receiver = Arc::new(Receiver::new(account, region, queue, way));
                *entry = Arc::downgrade(&receiver);
                (receiver, of)
            }
        };
        let id = [&["aws", account.id()], of, &[region, queue]].concat();
        Unit {
            id: UnitId::new(&id),
            source: format!("{region}/{queue}"),
            tag,
            setup: receiver.clone(),
            puller: receiver,
        }
    }

    /// What it decided so far.
    pub fn tally(&self) -> Arc<Tally> {
        self.station.tally()
    }

    /// The buckets that the user says are announced.
    async fn buckets(&self) -> Result<BTreeSet<String>, AwsError> {
        let named: Vec<String> = self.ways().iter().flat_map(|way| way.buckets.iter().cloned()).collect();
        let mut buckets = BTreeSet::new();
        for bucket in named {
            let bucket = bucket.replace("{region}", &self.region);
            buckets.insert(match bucket.contains("{account}") {
                true => bucket.replace("{account}", &self.station.account.number().await?),
                false => bucket,
            });
        }
        Ok(buckets)
    }

    /// What kinds of objects have to say of their buckets.
    async fn advice(&self, kinds: &[Arc<dyn ObjectKind>], buckets: &BTreeSet<String>) -> Vec<Finding> {
        let advised = || self.advised.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.station.account.clock().now();
        if buckets.is_empty() {
            return Vec::new();
        }
        if let Some((_, advice)) = advised().as_ref().filter(|(until, _)| now < *until) {
            return advice.clone();
        }
        let mut advice = Vec::new();
        for kind in kinds {
            advice.extend(timeout(PATIENCE, kind.advice(&self.region, buckets)).await.unwrap_or_default());
        }
        *advised() = Some((now + ADVICE_LASTS, advice.clone()));
        advice
    }

    /// Whether messages announce objects.
    fn announces(&self) -> bool {
        self.ways().iter().any(|way| matches!(way.kind, WayKind::Objects(_)))
    }

    fn ways(&self) -> MutexGuard<'_, Vec<Way>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Puller for Receiver {
    async fn run(&self, context: PullerContext) -> Ended {
        let Receiver { station, region, queue, .. } = self;
        let opened = match held::open(&station.account, region, queue).await {
            Ok(opened) => opened,
            Err(error) => return Ended::Failed(error.into()),
        };
        context.outlet.vitals().asks_every(LONG_POLL);
        let ways = self.ways().clone();
        station.run(ways, opened, context).instrument(info_span!("receiver", queue, region)).await
    }

    async fn replay(&self, item: Quarantined, context: PullerContext) -> Result<(), Failure> {
        let Receiver { station, region, queue, .. } = self;
        // The queue itself has no part in it: even one that is gone keeps nothing from being given.
        let account = SqsQueue::account_of(queue);
        let account = match account {
            Some(account) => account.to_owned(),
            None => {
                let found = SqsQueue::open(&station.account, region, queue).await;
                found.ok().and_then(|queue| queue.account().map(str::to_owned)).unwrap_or_default()
            }
        };
        let ways = self.ways().clone();
        station.replay(ways, Whereabouts { account, region: region.clone() }, item, context).await
    }

    fn takes(&self, sample: &Sample) -> Option<u8> {
        self.ways().iter().filter_map(|way| way.takes(sample)).max()
    }

    async fn judge(&self, sample: &Sample) -> Result<Vec<Judged>, Failure> {
        let way = self.ways().iter().max_by_key(|way| way.takes(sample)).cloned();
        match way {
            Some(way) => way.judge(&self.station.account, &self.region, sample).await,
            None => Err(samples::not_judged("nothing is read from this queue")),
        }
    }
}

#[async_trait]
impl Setup for Receiver {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let kinds: Vec<_> = self.ways().iter().filter_map(|way| way.kind.objects().cloned()).collect();
        let Receiver { station: Station { account, .. }, region, queue, .. } = self;
        let announced = if kinds.is_empty() { None } else { Some(self.buckets().await?) };
        let (checked, _) = tokio::join!(held::check(account, region, queue, announced), async {
            if kinds.iter().any(|kind| kind.caller() != CallerUse::None) {
                // Who needs to know asks again.
                _ = timeout(PATIENCE, account.caller()).await;
            }
        });
        let Checked { mut findings, buckets } = checked?;
        findings.extend(self.advice(&kinds, &buckets).await);
        Ok(findings)
    }

    async fn why_silent(&self, since: SystemTime) -> Vec<Finding> {
        self.silence(since).await
    }

    /// A queue with nothing in it is asked by one long poll after another.
    async fn estimate(&self, watch: Duration) -> Result<Estimate, Failure> {
        let polls = Cost::of(1.0, pricing::SQS).every(LONG_POLL);
        let check = Cost::of(6.0, pricing::SQS);
        let bucket = Cost::of(1.0, pricing::S3_LIST).and(Cost::of(1.0, pricing::S3_GET));
        Ok(match self.announces() {
            true => polls.and(check.and(bucket).every(watch)).a_month(
                "about 0.60 USD for each million objects (GetObject, and 3 calls of SQS for 10 messages), and KMS if they are \
                 encrypted with a key of one's own",
            ),
            false => polls.and(check.every(watch)).a_month("about 0.12 USD for each million messages"),
        })
    }
}

impl Station {
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Station { account: account.clone(), memory: Arc::default(), tally: Arc::default(), skips: Arc::default() }
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// One run: messages of `opened` go one or more `ways`.
    pub(crate) async fn run(&self, ways: Vec<Way>, opened: Opened, context: PullerContext) -> Ended {
        let PullerContext { unit, store, outlet, world, stop } = context;
        let Opened { queue, facts, at } = opened;
        let limits = ways.iter().map(|way| way.limits.clone()).reduce(Limits::joined).expect("there is a way");
        let (debts, settlements) = debts();
        let quarantine = Quarantine::new(unit, store, world.clock.clone());
        let giving = Giving {
            at,
            tags: Tags::default(),
            max_event_bytes: limits.max_event_bytes,
            transfer_timeout: limits.transfer_timeout,
            start_time: limits.start_time,
            outlet: outlet.clone(),
            debts,
            world: world.clone(),
            quarantine: quarantine.clone(),
            tally: self.tally(),
            stop: stop.clone(),
        };
        let work = Ways::new(&self.account, ways, &giving, self.skips.clone());
        let (memory, tally) = (self.memory.clone(), self.tally());
        let hold = Hold { work, quarantine, queue, facts, limits, outlet, world, memory, tally };
        Box::pin(held::run(hold, settlements, stop)).await
    }
}
