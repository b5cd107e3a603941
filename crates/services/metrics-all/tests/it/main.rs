//! From metrics to a receiver.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::{Ended, Severity, Unit};
use quittance_metrics_all::MetricsAll;
use quittance_testbed::{
    aws::{ACCOUNT, FakeAws, Metric, Place, QueryFault, REGION, Sample},
    generate::metrics,
    unit::{Bench, Running},
};
use serde_json::{Value, json};
use tokio::time::sleep;

const OTHER: &str = "999999999999";

struct Scene {
    aws: FakeAws,
    bench: Bench,
    account: Arc<Account>,
}

impl Scene {
    async fn new() -> Self {
        let aws = FakeAws::new_at(3, "2026-03-01T12:00:00Z".parse().unwrap());
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

    fn plan(&self, config: Value) -> Result<Vec<Unit>, String> {
        let mut config = config;
        config.as_object_mut().unwrap().entry("regions").or_insert(json!([REGION]));
        let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
        MetricsAll.plan(config, &self.account).map_err(|error| error.to_string())
    }

    fn unit(&self, config: Value) -> Unit {
        self.plan(config).unwrap().remove(0)
    }

    fn run(&self, config: Value) -> Running {
        self.bench.run(&self.unit(config))
    }

    fn put(&self, metric: &Metric, sample: Sample) {
        self.aws.put_metric(&Place::default(), metric.clone(), sample);
    }

    /// Every event, as it can be read.
    fn events(&self) -> Vec<Value> {
        self.bench.texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// The values of each period, in the order of their coming where there are several.
    fn values(&self) -> BTreeMap<String, Vec<f64>> {
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for event in self.events() {
            let at = event["timestamp"].as_str().unwrap().to_owned();
            values.entry(at).or_default().push(event["value"].as_f64().unwrap());
        }
        values
    }
}

fn cpu() -> Metric {
    Metric::new("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1")])
}

async fn minutes(minutes: u64) {
    sleep(Duration::from_secs(60 * minutes)).await;
}

fn ago(now: Timestamp, minutes: i64) -> Timestamp {
    now - SignedDuration::from_mins(minutes)
}

async fn stop(running: Running) {
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_datapoint_becomes_an_event_for_each_statistic() {
    let scene = Scene::new().await;
    scene.put(&cpu(), Sample::new(ago(scene.aws.now(), 1), 1.0));
    let running = scene.run(json!({}));
    scene.put(&cpu(), Sample::set(scene.aws.now(), 4.0, 10.0, 1.0, 6.5).unit("Percent"));
    minutes(30).await;
    let delivered = scene.bench.delivered();
    let tag = format!("cloud.aws.cloudwatch.metrics.{ACCOUNT}.{REGION}");
    assert!(delivered.iter().all(|(own, _)| *own == tag), "{delivered:?}");
    let event = |statistic: &str, value: &str| {
        format!(
            r#"{{"namespace":"AWS/EC2","metric":"CPUUtilization","dimensions":{{"InstanceId":"i-1"}},"statistic":"{statistic}","period":300,"timestamp":"2026-03-01T12:00:00Z","value":{value},"account":"{ACCOUNT}","region":"{REGION}"}}"#
        )
    };
    let expected = [
        event("Average", "2.5"),
        event("Maximum", "6.5"),
        event("Minimum", "1.0"),
        event("SampleCount", "4.0"),
        event("Sum", "10.0"),
    ];
    assert_eq!(scene.bench.texts(), expected);
    stop(running).await;
}

/// Traps 10 and 11, and what GetMetricData gives up.
#[tokio::test(start_paused = true)]
async fn whatever_an_answer_leaves_out_is_asked_for_again() {
    let scene = Scene::new().await;
    let all: Vec<_> = (0..130).map(|n| Metric::new("my/space", "m", &[("n", &format!("{n:03}"))])).collect();
    let broken = Metric::new("my/space", "broken", &[]);
    let start = scene.aws.now();
    for minute in 0..60 {
        let at = start + SignedDuration::from_mins(minute);
        for metric in all.iter().chain([&broken]) {
            scene.put(metric, Sample::new(at, 1.0));
        }
    }
    let running = scene.run(json!({"statistics": ["Sum", "Maximum"]}));
    scene.aws.crowd_metrics(40, 100);
    scene.aws.fail_queries("m", 500, QueryFault::InternalError);
    scene.aws.fail_queries("broken", 1_000_000, QueryFault::InternalError);
    scene.aws.short_pages("GetMetricData", 0.3);
    scene.aws.repeat_tokens("GetMetricData", 2);
    scene.aws.fail_sometimes("GetMetricData", 0.1, "Throttling");
    scene.aws.fail_sometimes("ListMetrics", 0.1, "InternalServiceError");
    minutes(240).await;
    let events = scene.events();
    assert_eq!(events.len(), 131 * 2 * 12);
    assert!(events.iter().all(|event| event["value"] == 5.0 || event["statistic"] == "Maximum"), "whole periods");
    assert!(scene.aws.calls("GetMetricStatistics") > 0);
    stop(running).await;
    assert!(scene.bench.counts().balances());
}

/// Trap 12.
#[tokio::test(start_paused = true)]
async fn what_is_older_than_minutes_are_kept_comes_by_five_minutes_or_by_hours() {
    let scene = Scene::new().await;
    let now = scene.aws.now();
    let start = ago(now, 70 * 24 * 60);
    for hour in 0..70 * 24 {
        // Whether it is listed depends on when it was seen, not on what it tells of.
        scene.put(&cpu(), Sample::new(start + SignedDuration::from_hours(hour), 1.0));
    }
    let config = json!({"period": "1m", "statistics": ["SampleCount"], "start_time": start.to_string()});
    let running = scene.run(config);
    minutes(120).await;
    let events = scene.events();
    assert_eq!(events.len(), 70 * 24);
    let mut periods: BTreeMap<i64, usize> = BTreeMap::new();
    for event in events {
        *periods.entry(event["period"].as_i64().unwrap()).or_default() += 1;
    }
    assert_eq!(periods.keys().copied().collect::<Vec<_>>(), [60, 300, 3600]);
    assert!(periods[&3600] > 6 * 24 && periods[&300] > 47 * 24 && periods[&60] > 14 * 24, "{periods:?}");
    stop(running).await;
}

/// Trap 13.
#[tokio::test(start_paused = true)]
async fn a_value_that_grows_is_sent_again_as_a_revision() {
    let scene = Scene::new().await;
    let running = scene.run(json!({"statistics": ["Sum"]}));
    let now = scene.aws.now();
    scene.put(&cpu(), Sample::new(now, 3.0));
    scene.put(&cpu(), Sample::new(now, 4.0).visible_from(now + SignedDuration::from_mins(17)));
    minutes(180).await;
    let values = scene.values();
    assert_eq!(values["2026-03-01T12:00:00Z"], [3.0, 7.0]);
    stop(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_two_days_late_is_found_though_its_metric_is_silent() {
    let scene = Scene::new().await;
    let running = scene.run(json!({"statistics": ["Sum"]}));
    let daily = Metric::new("AWS/S3", "BucketSizeBytes", &[("BucketName", "b")]);
    let late = |hours: i64| scene.aws.now() + SignedDuration::from_hours(hours);
    scene.put(&daily, Sample::new(scene.aws.now(), 1.0).visible_from(late(47)));
    scene.put(&cpu(), Sample::new(late(1), 2.0).visible_from(late(3)));
    minutes(5 * 60).await;
    assert_eq!(scene.values().len(), 1);
    minutes(75 * 60).await;
    let values = scene.values();
    assert_eq!((values.len(), &values["2026-03-01T12:00:00Z"]), (2, &vec![1.0]));
    assert_eq!(values["2026-03-01T13:00:00Z"], [2.0]);
    stop(running).await;
}

#[tokio::test(start_paused = true)]
async fn metrics_that_report_all_day_arrive_once_over_restarts() {
    let scene = Scene::new().await;
    let start = scene.aws.now();
    let unit = scene.unit(json!({"statistics": ["Sum"]}));
    let mut expected = 0;
    for minute in (0..26 * 60).step_by(5) {
        for n in 0..3 {
            let metric = Metric::new("my/space", "m", &[("n", &n.to_string())]);
            let at = start + SignedDuration::from_mins(minute);
            // One in four is late, by an hour and a half at most.
            let late = if (minute / 5 + n) % 4 == 0 { (minute * 7 + n) % 90 } else { 2 };
            scene.put(&metric, Sample::new(at, 1.0).visible_from(at + SignedDuration::from_mins(late)));
            expected += 1;
        }
    }
    for (on, off) in [(400, 30), (300, 200), (60, 10), (800, 0)] {
        let running = scene.bench.run(&unit);
        minutes(on).await;
        stop(running).await;
        minutes(off).await;
    }
    assert_eq!(scene.events().len(), expected);
}

#[tokio::test(start_paused = true)]
async fn kills_lose_nothing_and_repeat_only_what_was_not_written_down() {
    let scene = Scene::new().await;
    let start = scene.aws.now();
    let mut rng = fastrand::Rng::with_seed(9);
    let mut expected = 0;
    for period in 0..10 * 12 {
        for ordinal in 0..12 {
            let at = start + SignedDuration::from_mins(period * 5);
            let late = SignedDuration::from_secs(if rng.u8(0..5) == 0 { rng.i64(0..10_000) } else { rng.i64(0..200) });
            let sample = metrics::sample(&mut rng, ordinal, at).visible_from(at + late);
            scene.put(&metrics::metric(ordinal), sample);
            expected += 2;
        }
    }
    let unit = scene.unit(json!({"statistics": ["Sum", "SampleCount"]}));
    for _ in 0..20 {
        let running = scene.bench.run(&unit);
        sleep(Duration::from_millis(rng.u64(0..3_000_000))).await;
        running.kill().await;
    }
    let running = scene.bench.run(&unit);
    minutes(16 * 60).await;
    let mut texts = scene.bench.texts();
    let all = texts.len();
    texts.dedup();
    assert_eq!(texts.len(), expected);
    assert!(all - expected < 100, "{all} of {expected}");
    stop(running).await;
}

#[tokio::test(start_paused = true)]
async fn linked_accounts_are_read_under_their_own_number() {
    let scene = Scene::new().await;
    let there = Place::new(OTHER, REGION);
    scene.aws.link_account(ACCOUNT, OTHER);
    let running = scene.run(json!({"statistics": ["Sum"], "linked_accounts": true, "with_units": true}));
    scene.put(&cpu(), Sample::new(scene.aws.now(), 1.0).unit("Percent"));
    scene.aws.put_metric(&there, cpu(), Sample::new(scene.aws.now(), 2.0).unit("Percent"));
    minutes(30).await;
    let found: Vec<_> = scene
        .bench
        .delivered()
        .into_iter()
        .map(|(tag, text)| {
            let event: Value = serde_json::from_str(&text).unwrap();
            (tag, event["account"].clone(), event["value"].clone(), event["unit"].clone())
        })
        .collect();
    let tag = |account: &str| format!("cloud.aws.cloudwatch.metrics.{account}.{REGION}");
    // Only GetMetricStatistics tells units, and it sees no other accounts.
    let expected = [
        (tag(ACCOUNT), json!(ACCOUNT), json!(1.0), json!("Percent")),
        (tag(OTHER), json!(OTHER), json!(2.0), Value::Null),
    ];
    assert_eq!(found, expected);
    // A link that is gone hides its account, and nothing else.
    scene.aws.unlink_account(ACCOUNT, OTHER);
    scene.put(&cpu(), Sample::new(scene.aws.now(), 5.0));
    scene.aws.put_metric(&there, cpu(), Sample::new(scene.aws.now(), 6.0));
    minutes(30).await;
    assert_eq!(scene.events().len(), 3);
    stop(running).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_is_selected_is_asked_for() {
    let scene = Scene::new().await;
    let now = scene.aws.now();
    let put = |namespace: &str, name: &str, dimensions: &[(&str, &str)]| {
        scene.put(&Metric::new(namespace, name, dimensions), Sample::new(now, 1.0));
    };
    put("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1")]);
    put("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-2"), ("Zone", "a")]);
    put("AWS/EC2", "NetworkIn", &[("InstanceId", "i-1")]);
    put("AWS/S3", "CPUUtilization", &[("InstanceId", "i-1")]);
    put("my/space", "CPUUtilization", &[]);
    let selected = async |config: Value| {
        let bench = Bench::new(&scene.aws, 1);
        let mut config = config;
        config["start_time"] = json!(ago(now, 10).to_string());
        config["statistics"] = json!(["p50"]);
        let running = bench.run(&scene.unit(config));
        minutes(15).await;
        let mut found: Vec<_> = bench
            .texts()
            .iter()
            .map(|text| {
                let event: Value = serde_json::from_str(text).unwrap();
                let id = event["dimensions"]["InstanceId"].as_str().unwrap_or("-").to_owned();
                format!("{} {} {id}", event["namespace"].as_str().unwrap(), event["metric"].as_str().unwrap())
            })
            .collect();
        stop(running).await;
        found.sort();
        found
    };
    assert_eq!(selected(json!({})).await.len(), 5);
    assert_eq!(selected(json!({"namespaces": ["AWS/S3"]})).await, ["AWS/S3 CPUUtilization i-1"]);
    assert_eq!(
        selected(json!({"namespaces": ["AWS/*"], "metric_names": ["NetworkIn"]})).await,
        ["AWS/EC2 NetworkIn i-1"]
    );
    let by_zone = selected(json!({"dimensions": ["Zone"]})).await;
    assert_eq!(by_zone, ["AWS/EC2 CPUUtilization i-2"]);
    assert_eq!(selected(json!({"dimensions": ["InstanceId=i-1"], "namespaces": ["AWS/EC2"]})).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn quotas_are_left_to_others_by_half() {
    let scene = Scene::new().await;
    scene.aws.set_quota("ListMetrics", 25);
    for n in 0..7000 {
        scene.put(&Metric::new("my/space", "m", &[("n", &n.to_string())]), Sample::new(scene.aws.now(), 1.0));
    }
    let running = scene.run(json!({"statistics": ["Sum"]}));
    minutes(20).await;
    assert_eq!(scene.events().len(), 7000);
    assert!(scene.aws.calls_peak("ListMetrics") <= 13, "{}", scene.aws.calls_peak("ListMetrics"));
    assert!(scene.aws.calls_peak("GetMetricData") <= 25, "{}", scene.aws.calls_peak("GetMetricData"));
    stop(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_missing_is_named() {
    let scene = Scene::new().await;
    let unit = scene.unit(json!({}));
    assert!(unit.setup.check().await.unwrap().is_empty());
    for api in ["ListMetrics", "GetMetricData", "GetMetricStatistics"] {
        scene.aws.fail_while(api, "AccessDenied");
        let findings = unit.setup.check().await.unwrap();
        assert!(findings[0].severity == Severity::Error && findings[0].problem.contains(api), "{findings:?}");
        scene.aws.recover(api);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said() {
    let scene = Scene::new().await;
    let refused = |config: Value, expected: &str| {
        let error = scene.plan(config).err().unwrap();
        assert!(error.contains(expected), "{error}");
    };
    refused(json!({"regions": []}), "`regions`");
    refused(json!({"statistics": ["Mean"]}), "`Mean` is no statistic");
    refused(json!({"statistics": ["p101"]}), "`p101` is no statistic");
    let percentiles: Vec<_> = (0..11).map(|number| format!("p{number}")).collect();
    refused(json!({"statistics": percentiles}), "`statistics`: expected 10 at most");
    refused(json!({"period": 90}), "`period`: expected whole minutes");
    refused(json!({"period": "2d"}), "`period`");
    refused(json!({"start_time": "soon"}), "`start_time`");
    refused(json!({"namespaces": [" "]}), "`namespaces`");
    let units = scene.plan(json!({"regions": ["eu-west-1", "us-east-1"], "period": "1h"})).unwrap();
    assert_eq!(units[1].id.to_string(), "aws/10001/metrics-all/metrics/us-east-1");
}

/// One answer of GetMetricData may become 25 MB of events.
#[tokio::test(start_paused = true)]
async fn a_large_answer_is_given_in_pages_of_about_a_megabyte() {
    let scene = Scene::new().await;
    let start = scene.aws.now();
    for n in 0..100 {
        let metric = Metric::new("my/space", "m", &[("n", &n.to_string())]);
        // Nothing for hours around the first moment, wherever periods begin.
        for minute in (0..46 * 60).step_by(5).chain((50 * 60..60 * 60).step_by(5)) {
            scene.put(&metric, Sample::new(start - SignedDuration::from_mins(minute + 30), 1.0));
        }
    }
    let from = (start - SignedDuration::from_hours(48)).to_string();
    let running = scene.run(json!({"statistics": ["Sum"], "start_time": from}));
    minutes(120).await;
    let largest = scene.bench.largest_batch();
    assert!((1 << 20..2 << 20).contains(&largest), "{largest}");
    let mut texts = scene.bench.texts();
    let all = texts.len();
    texts.dedup();
    let expected = 100 * 46 * 12;
    assert_eq!((all, texts.len()), (expected, expected));
    stop(running).await;
}
