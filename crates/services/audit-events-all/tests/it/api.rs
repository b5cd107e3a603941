//! From CloudTrail's own memory to a receiver (`types: [audits_api]`).

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use quittance_audit_events_all::AuditEventsAll;
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::{Ended, Severity, Unit};
use quittance_testbed::{
    aws::{FakeAws, Place},
    generate::{Origin, cloudtrail},
    unit::Bench,
};
use serde_json::{Value, json};
use tokio::time::sleep;

const REGION: &str = "us-east-1";

struct Scene {
    aws: FakeAws,
    bench: Bench,
    account: Arc<Account>,
}

impl Scene {
    async fn new() -> Self {
        let aws = FakeAws::new_at(3, "2026-03-01T12:00:00Z".parse().unwrap());
        aws.set_quota("LookupEvents", 2);
        let bench = Bench::new(&aws, 3);
        let settings = AccountSettings {
            id: "10001".to_owned(),
            credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
            endpoint_url: Some("https://aws.test".to_owned()),
            http: aws.http_client(),
            clock: bench.clock(),
            limiters: Limiters::default(),
            call_limits: Vec::new(),
        };
        Scene { aws, bench, account: Arc::new(Account::new(settings).await) }
    }

    fn unit(&self, more: Value) -> Unit {
        let mut config = json!({"types": ["audits_api"], "regions": [REGION]});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config = serde_json::from_value(config).unwrap();
        AuditEventsAll.plan(config, &self.account).unwrap().remove(0)
    }

    /// Puts generated events, one every so often from `start` on, each shown so much later; the texts, sorted.
    fn put(&self, start: Timestamp, every: Duration, late: Duration, ordinals: std::ops::Range<u64>) -> Vec<String> {
        let mut rng = fastrand::Rng::with_seed(ordinals.start);
        let origin = Origin::new(self.aws.account(), REGION, start);
        let plus = |at: Timestamp, by: Duration| at + SignedDuration::try_from(by).unwrap();
        let mut texts: Vec<_> = ordinals
            .zip(0_u32..)
            .map(|(ordinal, n)| {
                let mut record = String::new();
                cloudtrail::record(&mut record, &mut rng, &origin, ordinal);
                let at = plus(start, every * n);
                self.aws.put_audit_event(&Place::default(), at, plus(at, late), record.clone());
                record
            })
            .collect();
        texts.sort();
        texts
    }
}

async fn minutes(minutes: u64) {
    sleep(Duration::from_secs(60 * minutes)).await;
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn records_arrive_as_they_were_written_each_in_its_table() {
    let scene = Scene::new().await;
    let running = scene.bench.run(&scene.unit(json!({"auto_event_type": true})));
    minutes(1).await;
    let texts = scene.put(scene.aws.now(), SECOND, 60 * SECOND, 0..200);
    minutes(30).await;
    let mut delivered = scene.bench.texts();
    delivered.sort();
    assert_eq!(delivered, texts);
    assert!(scene.bench.delivered().iter().all(|(tag, text)| {
        let record: Value = serde_json::from_str(text).unwrap();
        let source = record["eventSource"].as_str().unwrap().split('.').next().unwrap().replace('-', "_");
        tag.starts_with(&format!("cloud.aws.cloudtrail.{source}."))
    }));
    assert!(matches!(running.stop().await, Ended::Stopped));
}

/// Trap 8: found by the sweep, and by nothing else.
#[tokio::test(start_paused = true)]
async fn an_event_85_minutes_late_arrives_once() {
    let scene = Scene::new().await;
    let running = scene.bench.run(&scene.unit(json!({})));
    minutes(5).await;
    let texts = scene.put(scene.aws.now(), SECOND, 85 * 60 * SECOND, 0..10);
    minutes(84).await;
    assert!(scene.bench.texts().is_empty());
    minutes(24 * 60).await;
    assert_eq!(scene.bench.texts(), texts);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

/// Trap 7: pages come newest first, so what was read before a kill says nothing of what is older.
#[tokio::test(start_paused = true)]
async fn a_kill_among_the_pages_loses_nothing() {
    let scene = Scene::new().await;
    let start = scene.aws.now() - SignedDuration::from_mins(50);
    let texts = scene.put(start, SECOND, Duration::ZERO, 0..1000);
    let config = json!({"start_time": start.to_string()});
    let running = scene.bench.run(&scene.unit(config.clone()));
    sleep(7 * SECOND).await;
    running.kill().await;
    let given = scene.bench.texts().len();
    assert!((1..1000).contains(&given), "{given} of 1000");
    let running = scene.bench.run(&scene.unit(config));
    minutes(180).await;
    let mut delivered = scene.bench.texts();
    delivered.dedup();
    assert_eq!(delivered, texts);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

/// Trap 9, and the half of the quota that is left to the customer.
#[tokio::test(start_paused = true)]
async fn a_busy_account_is_read_whole_with_half_the_quota() {
    let scene = Scene::new().await;
    scene.aws.short_pages("LookupEvents", 0.2);
    let running = scene.bench.run(&scene.unit(json!({"drop_event_names": ["NoSuchName"]})));
    minutes(1).await;
    // 30 a second for two minutes, then for ever nothing.
    let texts = scene.put(scene.aws.now(), SECOND / 30, 30 * SECOND, 0..3600);
    minutes(5 * 60).await;
    assert_eq!(scene.bench.texts().len(), texts.len());
    assert_eq!(scene.bench.texts(), texts);
    assert_eq!(scene.aws.calls_peak("LookupEvents"), 1);
    assert_eq!(scene.aws.calls_with("LookupEvents", "ThrottlingException"), 0);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn tokens_that_expire_repeat_or_are_lost_cost_time_alone() {
    let scene = Scene::new().await;
    let running = scene.bench.run(&scene.unit(json!({})));
    minutes(1).await;
    let texts = scene.put(scene.aws.now(), SECOND, 60 * SECOND, 0..2000);
    for _ in 0..10 {
        minutes(5).await;
        scene.aws.repeat_tokens("LookupEvents", 1);
        scene.aws.fail_next("LookupEvents", 2, 400, "ThrottlingException");
        sleep(5 * SECOND).await;
        scene.aws.expire_tokens("LookupEvents");
    }
    minutes(300).await;
    assert_eq!(scene.bench.texts(), texts);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_is_filtered_and_what_is_refused_is_said() {
    let scene = Scene::new().await;
    let running = scene.bench.run(&scene.unit(json!({"drop_event_names": ["AssumeRole", "Decrypt"]})));
    minutes(1).await;
    let texts = scene.put(scene.aws.now(), SECOND, 60 * SECOND, 0..500);
    minutes(60).await;
    let is_dropped =
        |text: &String| text.contains("\"eventName\":\"AssumeRole\"") || text.contains("\"eventName\":\"Decrypt\"");
    let (dropped, kept): (Vec<_>, Vec<_>) = texts.into_iter().partition(is_dropped);
    assert!(!dropped.is_empty());
    assert_eq!(scene.bench.texts(), kept);
    assert_eq!(scene.bench.counts().filtered, dropped.len() as u64);
    scene.aws.fail_while("LookupEvents", "AccessDeniedException");
    let findings = scene.unit(json!({})).setup.check().await.unwrap();
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings[0].fix.contains("cloudtrail:LookupEvents"), "{findings:?}");
    assert!(matches!(running.stop().await, Ended::Stopped));
}
