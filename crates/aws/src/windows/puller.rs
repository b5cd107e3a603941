//! The puller of a unit of this engine: finds its cursors, and follows each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use quittance_core::{
    Change, Ended, Estimate, Failure, Finding, Judged, Puller, PullerContext, Quarantined, Record, Sample, Setup,
    StoreError, Tags, Unit, UnitId, World, codes::PANICKED, planted,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::{
    Account, Calls, codes,
    held::{Again, Quarantine, give_event},
    refusal, samples,
    silence::cannot_tell,
    windows::{
        WindowKind,
        follow::{Follower, Shared},
        plan::millis,
    },
};

/// How often it is looked for cursors that are new.
const REFRESH: Duration = Duration::from_secs(300);

/// Pages of a unit that are asked for at a time: each may hold a megabyte.
const TURNS: usize = 8;

/// The key of what is remembered of the unit itself, beside its cursors.
const UNIT: &str = "";

/// What a unit of this engine is made of.
#[derive(Clone)]
pub struct WindowSettings {
    /// The region that is asked.
    pub region: String,
    /// What is asked.
    pub kind: Arc<dyn WindowKind>,
    /// The first moment to collect, in milliseconds since the epoch; the present one if unset.
    pub start_time: Option<i64>,
    /// A longer event is set aside.
    pub max_event_bytes: usize,
    /// Events that may be remembered for each cursor, so that none is given twice.
    pub remembered_ids: u64,
}

impl WindowSettings {
    /// For `kind` in a region, with the usual bounds.
    pub fn new(region: &str, kind: Arc<dyn WindowKind>) -> Self {
        WindowSettings {
            region: region.to_owned(),
            kind,
            start_time: None,
            max_event_bytes: 1 << 20,
            remembered_ids: 10_000_000,
        }
    }

    /// A unit of `service` and its type `of`, whose events get `tag`.
    pub fn unit(self, account: &Arc<Account>, service: &str, of: &str, tag: String) -> Unit {
        let WindowSettings { region, kind, .. } = &self;
        Unit {
            id: UnitId::new(&["aws", account.id(), service, of, region]),
            source: format!("{service}/{of}/{region}"),
            tag,
            setup: Arc::new(WindowSetup { account: account.clone(), region: region.clone(), kind: kind.clone() }),
            puller: Arc::new(WindowPuller { account: account.clone(), settings: self }),
        }
    }
}

/// Proves that the API can be asked.
struct WindowSetup {
    account: Arc<Account>,
    region: String,
    kind: Arc<dyn WindowKind>,
}

#[async_trait]
impl Setup for WindowSetup {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        // It asks once or twice; jitter is of no use to it.
        let world = World::system();
        let calls = match Calls::of(&self.account, &self.region, &world).await {
            Ok(calls) => calls,
            Err(error) => {
                return Ok(vec![refusal::finding(error, "the account is not known", "sts:GetCallerIdentity")?]);
            }
        };
        Ok(self.kind.check(&calls).await?)
    }

    async fn why_silent(&self, _: SystemTime) -> Vec<Finding> {
        match Calls::of(&self.account, &self.region, &World::system()).await {
            Ok(calls) => self.kind.why_silent(&calls).await,
            Err(error) => vec![cannot_tell("what the API has", "sts:GetCallerIdentity", &error)],
        }
    }

    async fn estimate(&self, watch: Duration) -> Result<Estimate, Failure> {
        let calls = Calls::of(&self.account, &self.region, &World::system()).await?;
        let price = self.kind.price(&calls).await?;
        Ok(self.kind.cadence().a_month(&price, watch).a_month(price.beyond))
    }
}

struct WindowPuller {
    account: Arc<Account>,
    settings: WindowSettings,
}

/// What is remembered of a unit, in milliseconds since the epoch.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Life {
    /// When it began to collect.
    born: i64,
    /// When its cursors were last listed.
    listed: i64,
}

impl Life {
    /// What a clock said that was ahead is not believed; this run began at `began`.
    fn follow_clock_back(&mut self, now: i64, began: i64) {
        if self.born.max(self.listed) > now {
            (self.born, self.listed) = (self.born.min(began), self.listed.min(began));
        }
    }
}

#[async_trait]
impl Puller for WindowPuller {
    async fn run(&self, context: PullerContext) -> Ended {
        let region = self.settings.region.clone();
        match Box::pin(self.follow(context)).instrument(info_span!("windows", region)).await {
            Ok(()) => Ended::Stopped,
            Err(failure) => Ended::Failed(failure),
        }
    }

    async fn replay(&self, item: Quarantined, context: PullerContext) -> Result<(), Failure> {
        match Again::of(&item)? {
            Again::Event(tag) => give_event(item.bytes, &tag, self.settings.max_event_bytes, &context).await,
            again => Err(again.not_here()),
        }
    }

    fn takes(&self, sample: &Sample) -> Option<u8> {
        samples::takes_pages(sample)
    }

    async fn judge(&self, sample: &Sample) -> Result<Vec<Judged>, Failure> {
        let WindowSettings { region, kind, max_event_bytes, .. } = &self.settings;
        samples::pages(&self.account, &**kind, *max_event_bytes, region, sample).await
    }
}

impl WindowPuller {
    async fn follow(&self, context: PullerContext) -> Result<(), Failure> {
        let PullerContext { unit, store, outlet, world, stop } = context;
        let WindowSettings { region, kind, start_time, max_event_bytes, remembered_ids } = self.settings.clone();
        let shared = Arc::new(Shared {
            calls: Calls::of(&self.account, &region, &world).await?,
            quarantine: Quarantine::new(unit.clone(), store.clone(), world.clock.clone()),
            turns: Semaphore::new(TURNS),
            fence: store.fence(),
            tags: Tags::default(),
            kind,
            unit,
            outlet,
            store,
            world,
            filters: self.account.filters().clone(),
            max_event_bytes,
            remembered_ids,
            in_memory: Arc::default(),
        });
        shared.outlet.vitals().asks_every(shared.kind.cadence().period.max(REFRESH));
        let mut life = recall(&shared, start_time).await?;
        let opened = shared.world.clock.now();
        let mut followed = Followed::default();
        while !stop.is_cancelled() {
            let listed = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                listed = shared.kind.cursors(&shared.calls) => listed,
            };
            match listed {
                Ok(cursors) => {
                    shared.outlet.vitals().answered();
                    let now = shared.now();
                    life.follow_clock_back(now, now - millis(shared.world.clock.now() - opened));
                    self.adjust(&shared, life, cursors, &mut followed, &stop).await?;
                    life.listed = shared.now();
                    remember(&shared, life).await?;
                }
                Err(error) if followed.stops.is_empty() => {
                    return Err(Failure { code: &codes::NOT_LISTED, class: error.class(), error: error.into() });
                }
                Err(error) => {
                    warn!(code = %codes::NOT_LISTED, error = error.chain(), "what is new here could not be listed, it is tried again")
                }
            }
            let refresh = shared.world.clock.now() + REFRESH;
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = shared.world.clock.sleep_until(refresh) => break,
                    Some(ended) = followed.tasks.join_next() => followed.ended(ended)?,
                }
            }
        }
        while let Some(ended) = followed.tasks.join_next().await {
            followed.ended(ended)?;
        }
        Ok(())
    }

    /// Follows what is new, and leaves what is gone.
    async fn adjust(
        &self,
        shared: &Arc<Shared>,
        life: Life,
        cursors: Vec<String>,
        followed: &mut Followed,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let cursors: BTreeSet<String> = cursors.into_iter().collect();
        for (cursor, stop) in followed.stops.iter().filter(|(cursor, _)| !cursors.contains(*cursor)) {
            info!(unit = %shared.unit, cursor, "is no longer there");
            stop.cancel();
        }
        // What came into being since the last listing may have events that are older, by as much as the API is late.
        let lateness = shared.kind.cadence().sweeps.iter().map(|sweep| millis(sweep.lateness)).max().unwrap_or(0);
        let lateness = if planted("new-group-from-its-listing-on") { life.listed - shared.now() } else { lateness };
        let first = self.settings.start_time.unwrap_or((life.listed - lateness).max(life.born));
        for cursor in cursors {
            if !followed.stops.contains_key(&cursor) {
                let follower = Follower::open(shared.clone(), cursor.clone(), first).await?;
                let stop = stop.child_token();
                followed.stops.insert(cursor.clone(), stop.clone());
                followed.tasks.spawn(async move { (cursor, follower.run(stop).await) }.in_current_span());
            }
        }
        Ok(())
    }
}

/// The cursors that are followed, each by a task of its own.
#[derive(Default)]
struct Followed {
    /// Until a task has ended, its cursor is followed by no other.
    stops: BTreeMap<String, CancellationToken>,
    tasks: JoinSet<(String, Result<(), StoreError>)>,
}

impl Followed {
    fn ended(&mut self, ended: Result<(String, Result<(), StoreError>), JoinError>) -> Result<(), Failure> {
        match ended {
            Ok((cursor, result)) => {
                self.stops.remove(&cursor);
                Ok(result?)
            }
            Err(panic) => Err(Failure::passing(&PANICKED, panic)),
        }
    }
}

async fn recall(shared: &Shared, start_time: Option<i64>) -> Result<Life, StoreError> {
    let known = shared.store.load(shared.unit.as_str(), Record::Checkpoint, UNIT).await?;
    let now = shared.now();
    let first = Life { born: start_time.unwrap_or(now), listed: now };
    let known = known.map(|known| serde_json::from_str(&known)).transpose();
    let known = known
        .map_err(|source| StoreError::Failed { operation: "understanding a checkpoint", source: source.into() })?;
    Ok(known.unwrap_or(first))
}

/// To forget it costs time: then a later listing asks further back. Only another's state ends the run.
async fn remember(shared: &Shared, life: Life) -> Result<(), Failure> {
    let value = serde_json::to_string(&life).unwrap_or_default();
    let change = Change::Checkpoint { cursor: UNIT.to_owned(), value };
    match shared.store.commit(shared.fence, shared.unit.as_str(), vec![change]).await {
        Err(error @ StoreError::Fenced { .. }) => Err(error.into()),
        Err(error) => {
            warn!(unit = %shared.unit, code = %error.code(), error = quittance_core::chain(&error), "a listing cannot be written down");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
