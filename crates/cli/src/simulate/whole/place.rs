//! Everything around the collector of one seed, and the collector in it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use quittance_collector::{Collector, CollectorError, Config, Parts};
use quittance_core::{Clock, Dial, Ledger, Link, Random, World};
use quittance_testbed::{
    aws::{FakeAws, MessageId},
    certificates::Pki,
    link::SimDial,
    process::Process,
    sink::{Keep, Sink},
    store::MemoryStore,
};
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    oracle::{Oracle, Rule},
    shape::Shape,
};

/// How long a stop in order may take, whatever is wrong around it.
const LONGEST_STOP: Duration = Duration::from_secs(180);

/// Certificates take time to make, and are the same for every seed.
static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| Certificates::new().expect("certificates can be made"));

struct Certificates {
    folder: TempDir,
    tls: Arc<ServerConfig>,
}

impl Certificates {
    fn new() -> Result<Certificates> {
        let (folder, pki) = (tempfile::tempdir()?, Pki::new()?);
        pki.write_to(folder.path())?;
        Ok(Certificates { tls: pki.server_config()?, folder })
    }
}

/// A clock that agrees with the fake AWS, but for so many milliseconds.
struct AheadClock {
    aws: FakeAws,
    ahead: Arc<AtomicI64>,
}

impl Clock for AheadClock {
    fn wall(&self) -> SystemTime {
        let (now, ahead) = (SystemTime::from(self.aws.now()), self.ahead.load(Ordering::Relaxed));
        let by = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { now - by } else { now + by }
    }
}

/// Both receivers, by the host that is dialled.
struct Receivers(Vec<SimDial>);

#[async_trait]
impl Dial for Receivers {
    async fn dial(&self, host: &str, port: u16) -> std::io::Result<Box<dyn Link>> {
        let receiver = if host == "localhost" { self.0.first() } else { self.0.last() };
        receiver.ok_or(std::io::ErrorKind::ConnectionRefused)?.dial(host, port).await
    }
}

/// What stands around the collector.
pub(super) struct Place {
    pub(super) aws: FakeAws,
    pub(super) sinks: Vec<Sink>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) shape: Shape,
    pub(super) oracle: Oracle,
    /// How far the collector's clock is ahead, in milliseconds.
    pub(super) ahead: Arc<AtomicI64>,
    config: PathBuf,
    seed: u64,
    runs: u64,
    /// Things done by all processes that are gone.
    points: u64,
    returned: u64,
}

/// A collector that runs.
pub(super) struct Running {
    pub(super) process: Arc<Process>,
    pub(super) ledger: Arc<Ledger>,
    task: JoinHandle<Result<(), CollectorError>>,
    stop: CancellationToken,
}

impl Place {
    /// The world of a seed, in which nothing has happened yet.
    pub(super) fn new(seed: u64, shape: Shape) -> Result<Place> {
        let aws = FakeAws::new_at(seed, "2026-03-01T09:00:00Z".parse()?);
        shape.found(&aws);
        let oracle = Oracle::new(shape.outputs);
        let sinks: Vec<_> = (0..shape.outputs).map(|_| Sink::new(Keep::Nothing)).collect();
        for (output, sink) in sinks.iter().enumerate() {
            let oracle = oracle.clone();
            sink.watch(move |tag, text| oracle.arrived(output, tag, text));
        }
        let of_receives = oracle.clone();
        for queue in shape.queues() {
            let oracle = oracle.clone();
            aws.watch_deletes(queue, move |id, really| oracle.deleted(id, really));
            let told = of_receives.clone();
            aws.watch_receives(queue, move |id, receives| told.received(id, receives));
        }
        let store = Arc::new(MemoryStore::default());
        let told = oracle.clone();
        store.watch(move |scope, change| told.committed(scope, change));
        let kept = oracle.clone();
        store.watch_quarantine(move |addresses| kept.quarantined(addresses));
        let config = CERTIFICATES.folder.path().join(format!("{}-{seed}.yaml", thread_number()));
        std::fs::write(&config, shape.configuration())?;
        let (ahead, runs, points, returned) = (Arc::default(), 0, 0, 0);
        Ok(Place { aws, sinks, store, shape, oracle, ahead, config, seed, runs, points, returned })
    }

    /// Starts a collector.
    pub(super) async fn start(&mut self) -> Result<Running> {
        self.runs += 1;
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.runs);
        let process = Process::new(seed);
        let stop = CancellationToken::new();
        let clock = Arc::new(AheadClock { aws: self.aws.clone(), ahead: self.ahead.clone() });
        let receivers = self.sinks.iter().map(|sink| SimDial { sink: sink.clone(), tls: CERTIFICATES.tls.clone() });
        let parts = Parts {
            world: World { clock: process.clock(clock), random: Random::seeded(seed) },
            http: Some(process.http_client(&self.aws)),
            dial: process.dial(Receivers(receivers.collect())),
            store: process.store(self.store.clone()),
            messages: None,
            handshakes: quittance_devo::Handshakes::default(),
        };
        let collector = Collector::build(load(&self.config)?, parts, stop.clone()).await?;
        let ledger = collector.ledger();
        Ok(Running { process, ledger, task: tokio::spawn(collector.run()), stop })
    }

    /// As `kill -9` does.
    pub(super) async fn kill(&mut self, running: Running) {
        let fault = self.oracle.fault_begins();
        running.process.kill();
        running.task.abort();
        _ = running.task.await;
        // Its tasks end at their next turn, and what AWS was asked for comes to its end.
        tokio::task::yield_now().await;
        self.oracle.fault_ends(fault);
        self.points += running.process.points();
        self.account(&running.ledger);
    }

    /// In order.
    pub(super) async fn stop(&mut self, mut running: Running) {
        running.stop.cancel();
        let ended = timeout(LONGEST_STOP, &mut running.task).await;
        self.points += running.process.points();
        match ended {
            Ok(Ok(Ok(()))) => {
                let left = running.ledger.total().in_flight;
                if left > 0 {
                    self.oracle.break_rule(Rule::Ledger, format!("{left} events are under way after a stop"));
                }
                self.account(&running.ledger);
            }
            Ok(Ok(Err(error))) => self.oracle.break_rule(Rule::Process, format!("ended with {error}")),
            Ok(Err(panic)) => self.oracle.break_rule(Rule::Process, format!("panicked: {panic}")),
            Err(_) => {
                self.oracle.break_rule(Rule::Process, format!("did not stop within {LONGEST_STOP:?}"));
                self.kill(running).await;
            }
        }
    }

    /// Begins a stop in order as soon as it has done so many things, unless that takes longer than `longest`.
    pub(super) async fn begin_stop_within(running: &Running, things: u64, longest: Duration) {
        let stop = running.stop.clone();
        running.process.at(running.process.points() + things, move || stop.cancel());
        _ = timeout(longest, running.stop.cancelled()).await;
    }

    /// Begins a stop in order, of which the end is not waited for.
    pub(super) fn begin_stop(running: &Running) {
        running.stop.cancel();
    }

    /// Checks that the ledger adds up.
    pub(super) fn check_ledger(&self, ledger: &Ledger) {
        let counts = ledger.total();
        if !counts.balances() {
            self.oracle.break_rule(Rule::Ledger, format!("{counts:?}"));
        }
    }

    fn account(&mut self, ledger: &Ledger) {
        self.check_ledger(ledger);
        self.returned += ledger.total().returned;
    }

    /// Starts so far.
    pub(super) fn runs(&self) -> u64 {
        self.runs
    }

    /// What processes that are gone did, and the batches' events that came back to them.
    pub(super) fn done(&self) -> (u64, u64) {
        (self.points, self.returned)
    }

    /// What the dead-letter queues hold.
    pub(super) fn dead(&self) -> Vec<MessageId> {
        ["dead", "dead.fifo"].into_iter().flat_map(|queue| self.aws.message_ids(queue)).collect()
    }

    pub(super) fn is_satisfied(&self) -> bool {
        self.oracle.is_satisfied(&self.dead())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.config);
    }
}

impl Running {
    /// Whether it has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits until its process dies, or so long.
    pub(super) async fn until_dead(&self, longest: Duration) {
        _ = timeout(longest, self.process.died()).await;
    }
}

fn load(path: &Path) -> Result<Config> {
    Config::load(path).with_context(|| format!("the configuration {}", path.display()))
}

/// Tells seeds apart that run at the same time.
fn thread_number() -> String {
    format!("{:?}", std::thread::current().id()).chars().filter(char::is_ascii_digit).collect()
}
