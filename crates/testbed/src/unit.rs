//! One unit of a service between the fake AWS and a destination that confirms whatever it gets.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use quittance_core::{
    Budget, Clock, Counts, Ended, Inlet, Ledger, Outlet, Proof, PullerContext, Random, Severity, Unit, World, output,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{aws::FakeAws, store::MemoryStore};

/// How long, in virtual time, a unit may take until its queue is empty.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What came of a queue's messages.
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

/// Checks a unit and runs it until nothing is left in its queue. For tests whose time is paused.
///
/// # Panics
///
/// If its setup finds an error, it ends by itself, an hour passes, or its ledger does not balance.
pub async fn run_until_empty(unit: &Unit, aws: &FakeAws, queue: &str) -> Arrived {
    let findings = unit.setup.check().await.expect("the setup finds out");
    assert!(findings.iter().all(|finding| finding.severity != Severity::Error), "{findings:?}");
    let (output, inlet) = output("test");
    let delivered = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(confirm(inlet, delivered.clone()));
    let ledger = Ledger::default();
    let stop = CancellationToken::new();
    let context = PullerContext {
        unit: unit.id.clone(),
        store: Arc::new(MemoryStore::default()),
        outlet: Outlet::new([output].into(), Budget::new(16 << 20), ledger.unit(&unit.id)),
        world: World { clock: Arc::new(FakeClock(aws.clone())), random: Random::seeded(1) },
        stop: stop.clone(),
    };
    let puller = unit.puller.clone();
    let running = tokio::spawn(async move { puller.run(context).await });
    let start = Instant::now();
    loop {
        let counts = aws.counts(queue);
        if counts.visible == 0 && counts.in_flight == 0 {
            break;
        }
        assert!(!running.is_finished() && start.elapsed() < PATIENCE, "the queue is not emptied: {counts:?}");
        sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    let ended = running.await.expect("the puller does not panic");
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
    let counts = ledger.total();
    assert!(counts.balances() && counts.in_flight == 0, "{counts:?}");
    let mut events = std::mem::take(&mut *delivered.lock().unwrap_or_else(PoisonError::into_inner));
    events.sort();
    Arrived { events, counts }
}

async fn confirm(mut inlet: Inlet, delivered: Arc<Mutex<Vec<(String, String)>>>) {
    inlet.set_ready(true);
    while let Some(batch) = inlet.next().await {
        let tags = batch.events.tags();
        let events = batch
            .events
            .iter()
            .map(|event| (tags[usize::from(event.tag)].to_string(), String::from_utf8_lossy(event.bytes).into_owned()));
        delivered.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
        batch.receipt.delivered(Proof::Closed);
    }
}

/// A clock that agrees with the fake AWS.
struct FakeClock(FakeAws);

impl Clock for FakeClock {
    fn wall(&self) -> SystemTime {
        self.0.now().into()
    }
}
