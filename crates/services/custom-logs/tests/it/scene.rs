//! A fake AWS with log groups, and a destination for what is collected from them.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::{Ended, Unit};
use quittance_custom_logs::CustomLogs;
use quittance_testbed::{
    aws::{FakeAws, Place},
    unit::{Bench, Running},
};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Where the fastest quota is not: 10 calls a second.
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct Scene {
    pub(crate) aws: FakeAws,
    pub(crate) account: Arc<Account>,
    bench: Bench,
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
        let bench = Bench::new(&aws, 3);
        let settings = AccountSettings {
            id: "10001".to_owned(),
            credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
            endpoint_url: None,
            http: aws.http_client(),
            clock: bench.clock(),
            limiters: Limiters::default(),
            call_limits: Vec::new(),
        };
        Scene { account: Arc::new(Account::new(settings).await), aws, bench }
    }

    /// The units of a section.
    pub(crate) fn units(&self, name: &str, section: Value) -> Vec<Unit> {
        CustomLogs.plan_as(name, serde_json::from_value(section).unwrap(), &self.account).unwrap()
    }

    /// Collects what a section of one region asks for.
    pub(crate) fn run(&self, name: &str, section: Value) -> Running {
        self.bench.run(&self.units(name, section).remove(0))
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
        let mut texts = self.bench.texts();
        texts.sort();
        texts
    }

    /// Tags and texts, sorted.
    pub(crate) fn delivered(&self) -> Vec<(String, String)> {
        self.bench.delivered()
    }

    /// Stops, and checks what must hold then.
    pub(crate) async fn end(&self, running: Running) {
        let ended = running.stop().await;
        assert!(matches!(ended, Ended::Stopped), "{ended:?}");
        let counts = self.bench.counts();
        assert!(counts.balances(), "{counts:?}");
    }
}

pub(crate) async fn minutes(minutes: u64) {
    sleep(Duration::from_secs(60 * minutes)).await;
}
