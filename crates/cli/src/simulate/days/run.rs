//! One seed: the world, the collector in it, and what happens to both.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use fastrand::Rng;
use quittance_collector::{Collector, CollectorError, Config, Parts};
use quittance_core::{Ledger, Random, Store, World};
use quittance_testbed::{
    aws::FakeAws,
    certificates::Pki,
    link::SimDial,
    sink::{Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Outcome,
    faults::{self, Trouble},
    oracle::Oracle,
    sources,
};

/// How late the last event may be shown, and how long it then takes until it is looked for.
const AFTERWARDS: Duration = Duration::from_secs(5 * 86_400);

struct Place {
    aws: FakeAws,
    sink: Sink,
    pki: Pki,
    folder: TempDir,
    store: Arc<dyn Store>,
    seed: u64,
}

/// A collector that runs.
struct Running {
    task: JoinHandle<Result<(), CollectorError>>,
    stop: CancellationToken,
    ledger: Arc<Ledger>,
}

impl Place {
    fn new(seed: u64) -> Result<Place> {
        let (folder, pki) = (tempfile::tempdir()?, Pki::new()?);
        pki.write_to(folder.path())?;
        let start = "2026-03-01T00:00:00Z".parse()?;
        let place = Place {
            aws: FakeAws::new_at(seed, start),
            sink: Sink::new(Keep::Arrivals),
            pki,
            folder,
            store: Arc::new(MemoryStore::default()),
            seed,
        };
        std::fs::write(place.config(), configuration())?;
        Ok(place)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    async fn start(&self, runs: u64) -> Result<Running> {
        let stop = CancellationToken::new();
        let random = Random::seeded(self.seed.wrapping_mul(1_000_003).wrapping_add(runs));
        let parts = Parts {
            world: World { clock: Arc::new(AwsClock(self.aws.clone())), random },
            http: Some(self.aws.http_client()),
            dial: Arc::new(SimDial { sink: self.sink.clone(), tls: self.pki.server_config()? }),
            store: self.store.clone(),
            messages: None,
            handshakes: quittance_devo::Handshakes::default(),
        };
        let collector = Collector::build(Config::load(self.config())?, parts, stop.clone()).await?;
        let ledger = collector.ledger();
        Ok(Running { task: tokio::spawn(collector.run()), stop, ledger })
    }
}

impl Running {
    /// As `kill -9` does; answers what had been returned.
    async fn kill(self) -> u64 {
        self.task.abort();
        _ = self.task.await;
        // Its tasks end at their next turn.
        tokio::task::yield_now().await;
        self.ledger.total().returned
    }

    async fn stop(self) -> Result<u64> {
        self.stop.cancel();
        self.task.await.context("the collector panicked")??;
        Ok(self.ledger.total().returned)
    }
}

fn configuration() -> String {
    let services = sources::SERVICES;
    format!(
        "
globals: {{id: sim, name: simulation, permission_check_interval: 1h}}
outputs:
  devo_1:
    type: devo_platform
    config: {{address: localhost, chain: chain.crt, cert: client.crt, key: client.key}}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials:
      access_key: AKIASIMULATION
      access_secret: secret
      base_assume_role: arn:aws:iam::111122223333:role/collector
    services:{services}"
    )
}

/// Runs one seed to its end.
pub(super) async fn run(seed: u64, days: u32) -> Result<Outcome> {
    let mut rng = Rng::with_seed(seed);
    let place = Place::new(seed)?;
    let mut oracle = Oracle::default();
    let mut outcome = Outcome { seeds: 1, ..Outcome::default() };
    faults::habits(&place.aws);
    // The collector is there before anything happens: what happened earlier is not asked for.
    let mut runs = 1;
    let mut collector = place.start(runs).await?;
    sleep(Duration::from_secs(30)).await;
    let lateness = sources::fill(&place.aws, &mut oracle, &mut rng, days);
    outcome.states.insert("late events", lateness.late);
    let began = Instant::now();
    let span = Duration::from_secs(u64::from(days) * 86_400);
    let mut returned = 0;
    for (at, trouble) in faults::plan(&mut rng, span) {
        sleep_until(began + at).await;
        *outcome.states.entry(trouble.name()).or_default() += 1;
        let from = Instant::now();
        match trouble {
            Trouble::Kill(pause) => {
                returned += collector.kill().await;
                oracle.fault(from, Instant::now());
                sleep(pause).await;
                runs += 1;
                collector = place.start(runs).await?;
            }
            Trouble::Stop(pause) => {
                returned += collector.stop().await?;
                sleep(pause).await;
                runs += 1;
                collector = place.start(runs).await?;
            }
            _ => {
                if let Some(lasts) = faults::begin(trouble, &place.aws, &place.sink) {
                    sleep(lasts).await;
                    faults::end(trouble, &place.aws, &place.sink);
                }
                if matches!(trouble, Trouble::Receiver(..) | Trouble::Outage(_)) {
                    oracle.fault(from, Instant::now());
                }
            }
        }
    }
    sleep_until(began + span).await;
    let settled = async {
        while !oracle.is_satisfied(&place.sink) {
            sleep(Duration::from_secs(600)).await;
        }
    };
    // What is not there by then never comes.
    _ = timeout(AFTERWARDS, settled).await;
    sleep(Duration::from_secs(86_400)).await;
    returned += collector.stop().await?;
    let throttled = place.aws.all_calls().into_iter().filter(|((_, outcome), _)| outcome.starts_with("Throttling"));
    outcome.states.insert("throttled calls", throttled.map(|(_, calls)| calls).sum());
    outcome.states.insert("returned events", returned);
    let verdict = oracle.judge(&place.sink);
    outcome.events = verdict.events;
    outcome.missing = verdict.missing;
    outcome.duplicates = verdict.duplicates;
    outcome.duplicates_without_fault = verdict.duplicates_without_fault;
    Ok(outcome)
}
