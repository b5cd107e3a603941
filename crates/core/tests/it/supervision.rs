//! Units under the supervisor: each on its own, again after every failure, gone after a stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use quittance_core::{
    Budget, Class, Ended, Failure, Finding, Inlet, Ledger, NoStore, Puller, PullerContext, Random, Setup, Supervisor,
    SystemClock, Unit, UnitId, World, codes, output,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy)]
enum Behaviour {
    Panics,
    Fails(Class),
    NotSetUp,
    Works,
}

struct Actor {
    behaviour: Behaviour,
    checks: AtomicU32,
    runs: AtomicU32,
    stopped: AtomicU32,
}

#[async_trait]
impl Setup for Actor {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let finding = Finding::error(&codes::SETUP_FAILED, "no such queue");
        Ok(if matches!(self.behaviour, Behaviour::NotSetUp) { vec![finding] } else { Vec::new() })
    }
}

#[async_trait]
impl Puller for Actor {
    async fn run(&self, context: PullerContext) -> Ended {
        self.runs.fetch_add(1, Ordering::Relaxed);
        match self.behaviour {
            Behaviour::Panics => panic!("a bug of this unit"),
            Behaviour::Fails(class) => Ended::Failed(Failure { code: &codes::FAILED, class, error: "cannot".into() }),
            Behaviour::NotSetUp | Behaviour::Works => {
                context.stop.cancelled().await;
                self.stopped.fetch_add(1, Ordering::Relaxed);
                Ended::Stopped
            }
        }
    }
}

/// A store for units that keep nothing.
fn actor(name: &str, behaviour: Behaviour) -> (Arc<Actor>, Unit) {
    let zero = AtomicU32::default;
    let actor = Arc::new(Actor { behaviour, checks: zero(), runs: zero(), stopped: zero() });
    (
        actor.clone(),
        Unit {
            id: UnitId::new(&[name]),
            source: name.to_owned(),
            tag: String::new(),
            setup: actor.clone(),
            puller: actor,
        },
    )
}

fn supervise(units: Vec<Unit>) -> (Inlet, CancellationToken, tokio::task::JoinHandle<()>) {
    let (end, inlet) = output("only");
    let stop = CancellationToken::new();
    let supervisor = Supervisor {
        outputs: [end].into(),
        budget: Budget::new(1 << 20),
        ledger: Arc::new(Ledger::default()),
        health: Arc::default(),
        store: Arc::new(NoStore),
        world: World { clock: Arc::new(SystemClock), random: Random::seeded(1) },
        watch: Duration::from_secs(45),
        stop: stop.clone(),
    };
    (inlet, stop, tokio::spawn(supervisor.run(units)))
}

fn runs(actor: &Actor) -> u32 {
    actor.runs.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_bad_unit_comes_again_and_disturbs_no_other() {
    let (panics, first) = actor("panics", Behaviour::Panics);
    let (fails, second) = actor("fails", Behaviour::Fails(Class::Retry));
    let (works, third) = actor("works", Behaviour::Works);
    let (inlet, stop, supervisor) = supervise(vec![first, second, third]);
    inlet.set_ready(true);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    for again in [&panics, &fails] {
        // Waits grow to five minutes: often at first, then a dozen times an hour.
        assert!((15..60).contains(&runs(again)), "{}", runs(again));
    }
    assert_eq!(runs(&works), 1);
    stop.cancel();
    supervisor.await.unwrap();
    assert_eq!(works.stopped.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_person_is_tried_slowly() {
    let (refused, first) = actor("refused", Behaviour::Fails(Class::NeedsPerson));
    let (not_set_up, second) = actor("not set up", Behaviour::NotSetUp);
    let (inlet, stop, supervisor) = supervise(vec![first, second]);
    inlet.set_ready(true);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!((2..=10).contains(&runs(&refused)), "{}", runs(&refused));
    assert_eq!(runs(&not_set_up), 0);
    assert!(not_set_up.checks.load(Ordering::Relaxed) >= 2);
    stop.cancel();
    supervisor.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_of_a_source_before_the_outputs_confirm() {
    let (unit, first) = actor("unit", Behaviour::Works);
    let (inlet, stop, supervisor) = supervise(vec![first]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((unit.checks.load(Ordering::Relaxed), runs(&unit)), (0, 0));
    inlet.set_ready(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((unit.checks.load(Ordering::Relaxed), runs(&unit)), (1, 1));
    stop.cancel();
    supervisor.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_unit_in_its_wait() {
    let (_, first) = actor("fails", Behaviour::Fails(Class::NeedsPerson));
    let (inlet, stop, supervisor) = supervise(vec![first]);
    inlet.set_ready(true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    stop.cancel();
    supervisor.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}
