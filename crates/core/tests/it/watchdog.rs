//! The watchdog: it names the stage at which a unit stands still, and says nothing of one that merely has nothing to do.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use quittance_core::{
    Batch, Budget, Debt, Ended, EventsBuilder, Failure, Finding, Health, Inlet, Ledger, NoStore, Proof, Puller,
    PullerContext, Random, Setup, Stage, Supervisor, SystemClock, Tag, Tags, Unit, UnitId, Watchdog, World, codes,
    debts, output,
};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

const AFTER: Duration = Duration::from_secs(300);

type Work = Box<dyn Fn(PullerContext) -> BoxFuture<'static, Ended> + Send + Sync>;

/// A unit that does as a test says.
struct Actor {
    work: Work,
    is_set_up: Arc<Mutex<Option<bool>>>,
}

#[async_trait]
impl Setup for Actor {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let is_set_up = *self.is_set_up.lock().unwrap();
        match is_set_up {
            Some(true) => Ok(Vec::new()),
            Some(false) => Ok(vec![Finding::error(&codes::SETUP_FAILED, "no such queue")]),
            None => pending().await,
        }
    }
}

#[async_trait]
impl Puller for Actor {
    async fn run(&self, context: PullerContext) -> Ended {
        (self.work)(context).await
    }
}

struct Scene {
    inlet: Option<Inlet>,
    health: Arc<Health>,
    budget: Arc<Budget>,
    is_set_up: Arc<Mutex<Option<bool>>>,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
    _watchdog: JoinHandle<Infallible>,
}

impl Scene {
    /// One unit, set up well, whose output confirms.
    fn new(work: impl Fn(PullerContext) -> BoxFuture<'static, Ended> + Send + Sync + 'static) -> Scene {
        let (end, inlet) = output("only");
        inlet.set_ready(true);
        let (stop, health, is_set_up) = (CancellationToken::new(), Arc::<Health>::default(), Arc::default());
        *Mutex::lock(&is_set_up).unwrap() = Some(true);
        let budget = Budget::new(1 << 20);
        let supervisor = Supervisor {
            outputs: [end].into(),
            budget: budget.clone(),
            ledger: Arc::new(Ledger::default()),
            health: health.clone(),
            store: Arc::new(NoStore),
            world: World { clock: Arc::new(SystemClock), random: Random::seeded(1) },
            watch: Duration::from_secs(45),
            stop: stop.clone(),
        };
        let watchdog = Watchdog {
            health: health.clone(),
            ledger: supervisor.ledger.clone(),
            outputs: supervisor.outputs.clone(),
            clock: supervisor.world.clock.clone(),
            unhealthy_after: AFTER,
        };
        let actor = Arc::new(Actor { work: Box::new(work), is_set_up: Arc::clone(&is_set_up) });
        let unit = Unit {
            id: UnitId::new(&["unit"]),
            source: String::new(),
            tag: String::new(),
            setup: actor.clone(),
            puller: actor,
        };
        Scene {
            inlet: Some(inlet),
            health,
            budget,
            is_set_up,
            stop,
            supervisor: tokio::spawn(supervisor.run(vec![unit])),
            _watchdog: tokio::spawn(watchdog.run()),
        }
    }

    fn inlet(&self) -> &Inlet {
        self.inlet.as_ref().unwrap()
    }

    /// Where the unit stands still, if it does.
    fn stage(&self) -> Option<Stage> {
        let units = self.health.units();
        assert!(units.len() <= 1, "{units:?}");
        units.first()?.stalled.map(|(stage, stands)| {
            assert!(stands >= AFTER, "{stands:?}");
            stage
        })
    }

    /// Where it stands shortly before it counts, and shortly after.
    async fn stalls(&self) -> Option<Stage> {
        sleep(AFTER - Duration::from_secs(20)).await;
        assert_eq!(self.stage(), None, "too early");
        sleep(Duration::from_secs(60)).await;
        self.stage()
    }
}

/// Gives one event after another, each when it could be given.
async fn gives(context: &PullerContext, every: Duration, bytes: usize) {
    let (debts, mut settlements) = debts();
    let tags = Tags::default();
    let tag = tags.id(&Tag::new("my.app.x.y").unwrap());
    for item in 0.. {
        let mut builder = EventsBuilder::new(tags.clone());
        builder.push(0, bytes, tag);
        let events = builder.finish(Bytes::from(vec![b'x'; bytes]));
        context.outlet.vitals().answered();
        context.outlet.emit(events, Debt { item, events: 0..1 }, context.outlet.all(), &debts).await;
        while settlements.try_recv().is_ok() {}
        sleep(every).await;
    }
}

fn polls(every: Duration) -> impl Fn(PullerContext) -> BoxFuture<'static, Ended> + Send + Sync {
    move |context: PullerContext| {
        Box::pin(async move {
            let vitals = context.outlet.vitals();
            vitals.asks_every(every);
            loop {
                tokio::select! {
                    () = context.stop.cancelled() => return Ended::Stopped,
                    () = sleep(every) => vitals.answered(),
                }
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_nothing_to_do_is_well_as_long_as_its_source_answers() {
    for every in [Duration::from_secs(20), Duration::from_secs(3600)] {
        let scene = Scene::new(polls(every));
        for _ in 0..24 * 60 {
            sleep(Duration::from_secs(60)).await;
            assert_eq!(scene.stage(), None);
        }
        scene.stop.cancel();
        scene.supervisor.await.unwrap();
        sleep(AFTER).await;
        assert!(scene.health.units().is_empty(), "it is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_is_named() {
    let scene = Scene::new(|_| Box::pin(pending()));
    assert_eq!(scene.stalls().await, Some(Stage::Source));
    let scene = Scene::new(|context| {
        context.outlet.vitals().asks_every(Duration::from_secs(3600));
        Box::pin(pending())
    });
    sleep(Duration::from_secs(7000)).await;
    assert_eq!(scene.stage(), None, "it may be that it was not asked");
    sleep(Duration::from_secs(300)).await;
    assert_eq!(scene.stage(), Some(Stage::Source));
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_held_and_not_dealt_with_are_visible_work() {
    let scene = Scene::new(|context| {
        Box::pin(async move {
            loop {
                context.outlet.vitals().holds(3);
                context.outlet.vitals().answered();
                sleep(Duration::from_secs(20)).await;
            }
        })
    });
    assert_eq!(scene.stalls().await, Some(Stage::Source));
    assert_eq!(scene.health.units()[0].held, 3);
}

#[tokio::test(start_paused = true)]
async fn one_message_dealt_with_now_and_then_is_progress() {
    let scene = Scene::new(|context| {
        Box::pin(async move {
            context.outlet.vitals().holds(3);
            loop {
                sleep(AFTER - Duration::from_secs(30)).await;
                context.outlet.vitals().concluded();
            }
        })
    });
    for _ in 0..100 {
        sleep(Duration::from_secs(60)).await;
        assert_eq!(scene.stage(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn receipts_that_do_not_come_back_are_named_and_those_that_do_are_progress() {
    let mut scene = Scene::new(|context| {
        Box::pin(async move {
            gives(&context, Duration::from_secs(1), 10).await;
            Ended::Stopped
        })
    });
    assert_eq!(scene.stalls().await, Some(Stage::Delivery));
    assert!(scene.health.units()[0].in_flight > 0);
    let mut inlet = scene.inlet.take().unwrap();
    let _sender = tokio::spawn(async move {
        while let Some(Batch { receipt, .. }) = inlet.next().await {
            receipt.delivered(Proof::Closed);
        }
    });
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.stage(), None);
}

#[tokio::test(start_paused = true)]
async fn events_that_come_back_each_time_are_no_idleness() {
    let mut scene = Scene::new(|context| {
        Box::pin(async move {
            gives(&context, Duration::from_secs(7), 10).await;
            Ended::Stopped
        })
    });
    let mut inlet = scene.inlet.take().unwrap();
    // Every batch comes back at once, so that nearly always nothing is on its way.
    let _sender = tokio::spawn(async move { while inlet.next().await.is_some() {} });
    assert_eq!(scene.stalls().await, Some(Stage::Delivery));
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_is_named() {
    let scene = Scene::new(|context| {
        Box::pin(async move {
            gives(&context, Duration::ZERO, 1 << 20).await;
            Ended::Stopped
        })
    });
    // Others have it all.
    let _room = scene.budget.take(1 << 20).await;
    assert_eq!(scene.stalls().await, Some(Stage::Room));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_confirm_is_named_before_and_during_a_run() {
    let scene = Scene::new(polls(Duration::from_secs(20)));
    scene.inlet().set_ready(false);
    assert_eq!(scene.stalls().await, Some(Stage::Destination));
    scene.inlet().set_ready(true);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.stage(), None);
    scene.inlet().set_ready(false);
    assert_eq!(scene.stalls().await, Some(Stage::Destination));
}

#[tokio::test(start_paused = true)]
async fn a_setup_that_hangs_or_fails_is_named() {
    for (is_set_up, stage) in [(None, Stage::Setup), (Some(false), Stage::Retry)] {
        let scene = Scene::new(polls(Duration::from_secs(20)));
        *scene.is_set_up.lock().unwrap() = is_set_up;
        assert_eq!(scene.stalls().await, Some(stage));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_named() {
    let scene = Scene::new(|context| {
        Box::pin(async move {
            context.outlet.vitals().state_refuses(true);
            pending().await
        })
    });
    assert_eq!(scene.stalls().await, Some(Stage::State));
}
