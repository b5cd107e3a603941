//! A fake AWS with log groups, and a destination for what is collected from them.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::{Budget, Clock, Ended, Ledger, Outlet, Output, Proof, PullerContext, Random, Unit, World, output};
use quittance_custom_logs::CustomLogs;
use quittance_testbed::{
    aws::{FakeAws, Place},
    store::MemoryStore,
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

/// Where the fastest quota is not: 10 calls a second.
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct Scene {
    pub(crate) aws: FakeAws,
    pub(crate) account: Arc<Account>,
    world: World,
    store: Arc<MemoryStore>,
    output: Output,
    ledger: Arc<Ledger>,
    /// Tags and texts, in the order of their delivery.
    delivered: Arc<Mutex<Vec<(String, String)>>>,
}

/// Units that run.
pub(crate) struct Running {
    stop: CancellationToken,
    units: Vec<JoinHandle<Ended>>,
}

struct FakeClock(FakeAws);

impl Clock for FakeClock {
    fn wall(&self) -> SystemTime {
        self.0.now().into()
    }
}

pub(crate) fn place() -> Place {
    Place::new("111122223333", REGION)
}

/// A section with these keys beside what it needs.
pub(crate) fn section(extra: &Value) -> Value {
    let mut section = json!({"types": ["logs"], "log_groups": ["/app/*"], "regions": [REGION]});
    section.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    section
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        let aws = FakeAws::new_at(5, "2026-01-15T12:00:00Z".parse().unwrap());
        let clock: Arc<dyn Clock> = Arc::new(FakeClock(aws.clone()));
        let settings = AccountSettings {
            id: "10001".to_owned(),
            credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
            endpoint_url: None,
            http: aws.http_client(),
            clock: clock.clone(),
            limiters: Limiters::default(),
            call_limits: Vec::new(),
        };
        let (output, mut inlet) = output("test");
        let delivered = Arc::<Mutex<Vec<_>>>::default();
        let list = delivered.clone();
        inlet.set_ready(true);
        tokio::spawn(async move {
            while let Some(batch) = inlet.next().await {
                let mut list = list.lock().unwrap();
                for event in batch.events.iter() {
                    let text = String::from_utf8_lossy(event.bytes).into_owned();
                    list.push((batch.events.tags()[usize::from(event.tag)].to_string(), text));
                }
                batch.receipt.delivered(Proof::Closed);
            }
        });
        Scene {
            account: Arc::new(Account::new(settings).await),
            world: World { clock, random: Random::seeded(3) },
            store: Arc::default(),
            ledger: Arc::default(),
            aws,
            output,
            delivered,
        }
    }

    /// The units of a section.
    pub(crate) fn units(&self, name: &str, section: Value) -> Vec<Unit> {
        CustomLogs.plan_as(name, serde_json::from_value(section).unwrap(), &self.account).unwrap()
    }

    /// Collects what a section asks for.
    pub(crate) fn run(&self, name: &str, section: Value) -> Running {
        let stop = CancellationToken::new();
        let units = self.units(name, section).into_iter().map(|unit| {
            let ledger = self.ledger.unit(&unit.id);
            let context = PullerContext {
                unit: unit.id.clone(),
                store: self.store.clone(),
                outlet: Outlet::new([self.output.clone()].into(), Budget::new(16 << 20), ledger),
                world: self.world.clone(),
                stop: stop.clone(),
            };
            tokio::spawn(async move { unit.puller.run(context).await })
        });
        Running { units: units.collect(), stop }
    }

    /// Puts an event that was written so many milliseconds after the present, and is there when it was.
    pub(crate) fn put(&self, group: &str, after: i64, text: &str) {
        self.put_late(group, after, 0, text);
    }

    /// The same, there only so many milliseconds later.
    pub(crate) fn put_late(&self, group: &str, after: i64, late: i64, text: &str) {
        let time = self.aws.now() + SignedDuration::from_millis(after);
        self.put_at(&place(), group, time, late, text);
    }

    pub(crate) fn put_at(&self, place: &Place, group: &str, time: Timestamp, late: i64, text: &str) {
        self.aws.put_log_event(place, group, "stream", time, time + SignedDuration::from_millis(late), text);
    }

    /// The texts that were delivered, sorted.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<_> = self.delivered.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
        texts.sort();
        texts
    }

    /// Tags and texts, sorted.
    pub(crate) fn delivered(&self) -> Vec<(String, String)> {
        let mut delivered = self.delivered.lock().unwrap().clone();
        delivered.sort();
        delivered
    }

    /// Stops, and checks what must hold then.
    pub(crate) async fn end(&self, running: Running) {
        running.stop.cancel();
        for unit in running.units {
            let ended = unit.await.unwrap();
            assert!(matches!(ended, Ended::Stopped), "{ended:?}");
        }
        let counts = self.ledger.total();
        assert!(counts.balances(), "{counts:?}");
        assert_eq!(counts.in_flight, 0, "{counts:?}");
    }
}

pub(crate) async fn minutes(minutes: u64) {
    sleep(Duration::from_secs(60 * minutes)).await;
}
