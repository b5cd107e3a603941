//! Runs a unit in virtual time, from a fake AWS to a receiver that delivers whatever comes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use quittance_core::{
    Budget, Clock, Counts, Ended, Inlet, Ledger, Outlet, Output, Proof, PullerContext, Random, Severity, Unit, World,
    output,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{aws::FakeAws, store::MemoryStore};

/// What units share: a store that outlives them, a receiver, a ledger.
pub struct Bench {
    /// Where units remember what they delivered.
    pub store: Arc<MemoryStore>,
    world: World,
    output: Output,
    ledger: Arc<Ledger>,
    delivered: Arc<Mutex<Vec<(String, String)>>>,
    /// Memory that the largest batch took.
    largest: Arc<Mutex<usize>>,
}

/// A unit that runs.
pub struct Running {
    stop: CancellationToken,
    ended: JoinHandle<Ended>,
}

impl Bench {
    /// A receiver that confirms, and a clock that agrees with `aws`.
    pub fn new(aws: &FakeAws, seed: u64) -> Self {
        let (output, inlet) = output("test");
        let (delivered, largest) = (Arc::default(), Arc::default());
        tokio::spawn(deliver(inlet, Arc::clone(&delivered), Arc::clone(&largest)));
        let world = World { clock: Arc::new(AwsClock(aws.clone())), random: Random::seeded(seed) };
        Self { store: Arc::default(), world, output, ledger: Arc::default(), delivered, largest }
    }

    /// The clock that agrees with the fake AWS.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.world.clock.clone()
    }

    /// Runs a unit until it is stopped.
    pub fn run(&self, unit: &Unit) -> Running {
        let stop = CancellationToken::new();
        let context = PullerContext {
            unit: unit.id.clone(),
            store: self.store.clone(),
            outlet: Outlet::new([self.output.clone()].into(), Budget::new(16 << 20), self.ledger.unit(&unit.id)),
            world: self.world.clone(),
            stop: stop.clone(),
        };
        let puller = unit.puller.clone();
        Running { stop, ended: tokio::spawn(async move { puller.run(context).await }) }
    }

    /// Tag and text of every event that was delivered, sorted.
    pub fn delivered(&self) -> Vec<(String, String)> {
        let mut delivered = lock(&self.delivered).clone();
        delivered.sort();
        delivered
    }

    /// The texts alone.
    pub fn texts(&self) -> Vec<String> {
        self.delivered().into_iter().map(|(_, text)| text).collect()
    }

    /// Memory that the largest batch took so far, in bytes.
    pub fn largest_batch(&self) -> usize {
        *lock(&self.largest)
    }

    /// What the ledger says of all units.
    pub fn counts(&self) -> Counts {
        self.ledger.total()
    }
}

impl Running {
    /// Ends it as a restart does.
    pub async fn stop(self) -> Ended {
        self.stop.cancel();
        self.ended.await.expect("a unit does not panic")
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(self) {
        self.ended.abort();
        _ = self.ended.await;
        // The tasks that it had are ended by the runtime at their next turn.
        tokio::task::yield_now().await;
    }
}

/// What came of a source.
pub struct Arrived {
    /// Tag and text of every event, sorted.
    pub events: Vec<(String, String)>,
    /// What the ledger says.
    pub counts: Counts,
}

impl Arrived {
    /// How many events each tag got, in the order of the tags.
    pub fn tags(&self) -> Vec<(&str, usize)> {
        let chunks = self.events.chunk_by(|a, b| a.0 == b.0);
        chunks.map(|events| (&*events[0].0, events.len())).collect()
    }
}

/// How long, in virtual time, a unit may take until enough happened.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Checks a unit and runs it until nothing is left in its queue. For tests whose time is paused.
///
/// # Panics
///
/// As [`run_until`] does.
pub async fn run_until_empty(unit: &Unit, aws: &FakeAws, queue: &str) -> Arrived {
    let is_empty = |_| {
        let counts = aws.counts(queue);
        counts.visible == 0 && counts.in_flight == 0
    };
    run_until(unit, aws, is_empty).await
}

/// Checks a unit and runs it until enough happened: `is_enough` is told how many events have arrived. For tests whose time
/// is paused.
///
/// # Panics
///
/// If its setup finds an error, it ends by itself, an hour passes, or its ledger does not balance.
pub async fn run_until(unit: &Unit, aws: &FakeAws, is_enough: impl Fn(usize) -> bool) -> Arrived {
    let findings = unit.setup.check().await.expect("the setup finds out");
    assert!(findings.iter().all(|finding| finding.severity != Severity::Error), "{findings:?}");
    let bench = Bench::new(aws, 1);
    let (running, start) = (bench.run(unit), Instant::now());
    loop {
        let arrived = lock(&bench.delivered).len();
        if is_enough(arrived) {
            break;
        }
        let goes_on = !running.ended.is_finished() && start.elapsed() < PATIENCE;
        assert!(goes_on, "not enough happened: {arrived} events arrived");
        sleep(Duration::from_millis(20)).await;
    }
    let ended = running.stop().await;
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
    let counts = bench.counts();
    assert!(counts.balances() && counts.in_flight == 0, "{counts:?}");
    Arrived { events: bench.delivered(), counts }
}

async fn deliver(mut inlet: Inlet, delivered: Arc<Mutex<Vec<(String, String)>>>, largest: Arc<Mutex<usize>>) {
    inlet.set_ready(true);
    while let Some(batch) = inlet.next().await {
        {
            let mut largest = lock(&largest);
            *largest = batch.events.footprint().max(*largest);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let tags = batch.events.tags();
        let events = batch.events.iter().map(|event| (tags[usize::from(event.tag)].to_string(), text(event.bytes)));
        lock(&delivered).extend(events);
        batch.receipt.delivered(Proof::Closed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that agrees with the fake AWS.
pub struct AwsClock(pub FakeAws);

impl Clock for AwsClock {
    fn wall(&self) -> SystemTime {
        self.0.now().into()
    }
}
