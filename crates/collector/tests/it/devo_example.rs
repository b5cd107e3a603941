//! The whole example of Devo's shape, for an hour of virtual time: nine services at once, and each event in its table.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use quittance_collector::{Collector, Config, Parts};
use quittance_core::{Random, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, Place, QueueSettings, Redrive, Sample, Shape},
    certificates::Pki,
    generate::{Origin, cloudfront, cloudtrail, eventbridge, guardduty, gzip, logs, metrics, securityhub, vpcflow},
    link::SimDial,
    sink::{Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// As it stands in Devo's shape, with every service; only where AWS is is said beside it.
const EXAMPLE: &str = include_str!("example.yaml");

const MINUTE: Duration = Duration::from_secs(60);

/// A collector between the fake AWS and a receiver at Devo's own name.
struct Scene {
    aws: FakeAws,
    sink: Sink,
    folder: TempDir,
    pki: Pki,
    /// The start of the table of each event that must arrive, by its text.
    expected: HashMap<Vec<u8>, &'static str>,
    rng: Rng,
}

impl Scene {
    fn new() -> Scene {
        let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new().unwrap());
        let certs = folder.path().join("certs");
        pki.write_to(&certs).unwrap();
        pki.client.write_to(&certs, "mydomain").unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        let aws = FakeAws::new_at(3, "2026-02-01T00:00:00Z".parse().unwrap());
        // AWS's own quotas.
        for (api, quota) in
            [("LookupEvents", 2), ("FilterLogEvents", 5), ("DescribeLogGroups", 10), ("GetMetricData", 50)]
        {
            aws.set_quota(api, quota);
        }
        Scene { aws, sink: Sink::new(Keep::Messages), folder, pki, expected: HashMap::new(), rng: Rng::with_seed(7) }
    }

    async fn build(&self, yaml: &str, stop: &CancellationToken) -> Collector {
        let path = self.folder.path().join("config/config.yaml");
        std::fs::write(&path, yaml).unwrap();
        let server = self.pki.authority.server(&["collector-eu.devo.io"]).unwrap();
        let parts = Parts {
            world: World { clock: Arc::new(AwsClock(self.aws.clone())), random: Random::seeded(9) },
            http: Some(self.aws.http_client()),
            dial: Arc::new(SimDial {
                sink: self.sink.clone(),
                tls: self.pki.server_config_with(&server, rustls::ALL_VERSIONS).unwrap(),
            }),
            handshakes: Handshakes::default(),
            store: Arc::new(MemoryStore::default()),
            messages: None,
        };
        Collector::build(Config::load(&path).unwrap(), parts, stop.clone()).await.unwrap()
    }

    fn expect(&mut self, table: &'static str, text: impl Into<Vec<u8>>) {
        assert!(self.expected.insert(text.into(), table).is_none(), "two events are alike");
    }

    fn origin(&self, region: &str) -> Origin {
        Origin::new(self.aws.account(), region, self.aws.now())
    }

    fn place(&self, region: &str) -> Place {
        Place::new(self.aws.account(), region)
    }

    fn make_queues(&self) {
        for (queue, bucket) in [
            ("devo-cloudwatch-events", None),
            ("devo-securityhub", None),
            ("devo-vpcflow", Some(("flow-logs", "eu-west-1"))),
            ("devo-cloudfront", Some(("cloudfront-logs", "eu-west-1"))),
            ("devo-umbrella", Some(("umbrella-logs", "us-west-1"))),
        ] {
            let dead = format!("{queue}-dead");
            self.aws.create_queue(&dead, QueueSettings::default());
            let redrive = Some(Redrive { queue: dead, max_receive_count: 10 });
            self.aws.create_queue(queue, QueueSettings { redrive, ..QueueSettings::default() });
            if let Some((bucket, region)) = bucket {
                self.aws.create_bucket(bucket);
                self.aws.set_bucket_region(bucket, region);
                self.aws.notify(bucket, queue, Shape::S3Event);
            }
        }
        for group in ["/aws/lambda/fn-a", "/aws/rds/b"] {
            self.aws.create_log_group(&self.place("eu-west-1"), group);
        }
    }

    /// Ten audit events in each region, from `at` on; two names are not wanted.
    fn audits(&mut self, at: Timestamp, first: u64) -> u64 {
        let mut dropped = 0;
        for (region, first) in [("us-east-1", first), ("eu-west-1", first + 500_000)] {
            let origin = Origin::new(self.aws.account(), region, at);
            for ordinal in first..first + 10 {
                let mut record = String::new();
                cloudtrail::record(&mut record, &mut self.rng, &origin, ordinal);
                let shown = at + SignedDuration::from_secs(90);
                self.aws.put_audit_event(&self.place(region), at, shown, record.clone());
                match ["Decrypt", "AssumeRole"].iter().any(|name| record.contains(&format!("\"eventName\":\"{name}\"")))
                {
                    true => dropped += 1,
                    false => self.expect("cloud.aws.cloudtrail.", record),
                }
            }
        }
        dropped
    }

    /// What every other service sees in one minute.
    fn minute(&mut self, minute: u64, detector: &str) {
        let (now, eu) = (self.aws.now(), self.origin("eu-west-1"));
        for ordinal in minute * 10..minute * 10 + 10 {
            let event = eventbridge::event(&mut self.rng, &eu, ordinal);
            self.aws.send("devo-cloudwatch-events", event.clone());
            self.expect("cloud.aws.cloudwatch.events.", event);
            for group in ["/aws/lambda/fn-a", "/aws/rds/b"] {
                let message = logs::message(&mut self.rng, &eu, ordinal * 2 + u64::from(group.ends_with('b')));
                let message = message.trim_end_matches(['\r', '\n']).to_owned();
                self.aws.put_log_event(&self.place("eu-west-1"), group, "stream", now, now, message.clone());
                self.expect("cloud.aws.cloudwatch.logs.", message);
            }
        }
        let message = securityhub::message(&mut self.rng, &eu, minute * 3, 3);
        for finding in findings(&message) {
            self.expect("cloud.aws.securityhub.findings.", finding);
        }
        self.aws.send("devo-securityhub", message);
        let version = guardduty::Version { updated: now, count: 1, archived: false };
        let finding = guardduty::finding(&mut self.rng, &eu, minute, version);
        self.aws.put_finding(detector, finding.clone());
        self.expect("cloud.aws.guardduty.findings.", finding);

        let object = vpcflow::object(&mut self.rng, &eu, minute * 20, 20);
        lines(&object).skip(1).for_each(|line| self.expect("cloud.aws.vpc.flow.", line));
        self.aws.put_object("flow-logs", &vpcflow::key(&mut self.rng, &eu), gzip(&object, 6));
        let object = cloudfront::object(&mut self.rng, &eu, minute * 20, 20);
        for line in lines(&object).filter(|line| !line.starts_with(b"#")) {
            self.expect("web.aws.cloudfront.accessW3c.", line);
        }
        self.aws.put_object("cloudfront-logs", &cloudfront::key(&mut self.rng, &eu), gzip(&object, 6));
        for (folder, table) in [
            ("dnslogs", "sig.cisco.umbrella.dns"),
            ("iplogs", "sig.cisco.umbrella.ip"),
            ("proxylogs", "sig.cisco.umbrella.proxy"),
        ] {
            let rows: Vec<_> =
                (0..10).map(|n| format!("\"2026-02-01 00:{minute:02}:0{n}\",\"{folder} {n}\"")).collect();
            let key = format!("8234970_0a1b/{folder}/2026-02-01/2026-02-01-00-{minute:02}-abcd.csv.gz");
            self.aws.put_object("umbrella-logs", &key, gzip(format!("{}\n", rows.join("\n")).as_bytes(), 6));
            rows.into_iter().for_each(|row| self.expect(table, row));
        }
        if minute.is_multiple_of(5) {
            self.datapoints(minute);
        }
    }

    /// A sample in the period that begins now, so that its statistics are known.
    fn datapoints(&mut self, minute: u64) {
        let now = self.aws.now().as_second();
        let at = Timestamp::from_second(now - now.rem_euclid(300)).unwrap();
        let value = 10 + minute;
        for ordinal in 0..6 {
            let metric = metrics::metric(ordinal);
            let dimensions: BTreeMap<_, _> = metric.dimensions.iter().cloned().collect();
            for statistic in ["Average", "Maximum", "Minimum", "SampleCount", "Sum"] {
                let value = if statistic == "SampleCount" { 1 } else { value };
                let parts = [
                    format!("{{\"namespace\":{},\"metric\":{}", json!(metric.namespace), json!(metric.name)),
                    format!("\"dimensions\":{},\"statistic\":\"{statistic}\",\"period\":300", json!(dimensions)),
                    format!("\"timestamp\":\"{at}\",\"value\":{value}.0"),
                    format!("\"account\":\"{}\",\"region\":\"eu-west-1\"}}", self.aws.account()),
                ];
                self.expect("cloud.aws.cloudwatch.metrics.", parts.join(","));
            }
            self.aws.put_metric(&self.place("eu-west-1"), metric, Sample::new(at, value as f64));
        }
    }
}

/// The findings in a message of Security Hub, each as it stands there.
fn findings(message: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Envelope<'m> {
        #[serde(borrow)]
        detail: Detail<'m>,
    }
    #[derive(Deserialize)]
    struct Detail<'m> {
        #[serde(borrow)]
        findings: Vec<&'m RawValue>,
    }
    let envelope: Envelope<'_> = serde_json::from_str(message).unwrap();
    envelope.detail.findings.into_iter().map(|finding| finding.get().to_owned()).collect()
}

fn lines(object: &[u8]) -> impl Iterator<Item = &[u8]> {
    object.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn with_endpoint(yaml: &str) -> String {
    yaml.replace("    enabled: true\n", "    enabled: true\n    endpoint_url: https://aws.test\n")
}

#[tokio::test(start_paused = true)]
async fn the_example_runs_for_an_hour_and_every_event_is_in_its_table_once() {
    let mut scene = Scene::new();
    scene.make_queues();
    let detector = scene.aws.add_detector(&scene.place("eu-west-1"));
    // What its `start_time` asks for: there long before the collector.
    let mut dropped = 0;
    for day in 0..31 {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        dropped += scene.audits(at + SignedDuration::from_hours(24 * day), day as u64 * 10);
    }
    let stop = CancellationToken::new();
    let collector = scene.build(&with_endpoint(EXAMPLE), &stop).await;
    let ledger = collector.ledger();
    let running = tokio::spawn(collector.run());
    sleep(MINUTE).await;
    for minute in 0..40 {
        scene.minute(minute, &detector);
        dropped += scene.audits(scene.aws.now(), 10_000 + minute * 10);
        sleep(MINUTE).await;
    }
    sleep(20 * MINUTE).await;
    stop.cancel();
    running.await.unwrap().unwrap();

    let mut missing = std::mem::take(&mut scene.expected);
    assert!(missing.len() > 5000, "{} events", missing.len());
    for (tag, text) in scene.sink.messages() {
        let Some(table) = missing.remove(&text) else {
            panic!("twice, or never there: {tag} {}", String::from_utf8_lossy(&text));
        };
        assert!(tag.starts_with(table), "{tag}, not {table}");
    }
    let mut by_table: BTreeMap<&str, u64> = BTreeMap::new();
    missing.values().for_each(|table| *by_table.entry(table).or_default() += 1);
    assert!(missing.is_empty(), "missing: {by_table:?}");
    let total = ledger.total();
    assert!(total.balances());
    assert_eq!((total.filtered, total.returned, total.quarantined, total.in_flight), (dropped, 0, 0, 0));
    // A permission is proved by a call that asks for more than there may be.
    let is_proof = |api: &str, outcome: &str| (api, outcome) == ("ReceiveMessage", "InvalidParameterValue");
    let calls = scene.aws.all_calls().into_iter();
    let failed: Vec<_> = calls.filter(|((api, outcome), _)| outcome != "ok" && !is_proof(api, outcome)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    // `requests_limits` allows five; half of CloudTrail's quota is less.
    assert_eq!(scene.aws.calls_peak("LookupEvents"), 1);
    assert!(scene.aws.calls_peak("FilterLogEvents") <= 5);
}

/// Both are of one account, so that both have the same half of its quota.
#[tokio::test(start_paused = true)]
async fn two_inputs_of_one_account_share_one_budget() {
    let mut scene = Scene::new();
    let eu = scene.place("eu-central-1");
    let groups: Vec<String> = (0..20).map(|n| format!("/app/{n:02}")).collect();
    groups.iter().for_each(|group| scene.aws.create_log_group(&eu, group));
    let (head, _) = EXAMPLE.split_once("inputs:").unwrap();
    let input = |name: &str, id: u32| {
        format!(
            "  {name}:
    id: {id}
    endpoint_url: https://aws.test
    credentials: {{access_key: AKIA{id}, access_secret: secret}}
    services:
      audit-events-all: {{types: [audits_api], regions: [eu-central-1]}}
      logs: {{types: [logs], log_groups: [\"/app/*\"], regions: [eu-central-1], request_period_in_seconds: 5}}
"
        )
    };
    let yaml = format!("{head}inputs:\n{}{}", input("one", 10001), input("two", 10002));
    let stop = CancellationToken::new();
    let collector = scene.build(&yaml, &stop).await;
    let running = tokio::spawn(collector.run());
    sleep(MINUTE).await;
    for minute in 0..4 {
        let now = scene.aws.now();
        for (n, group) in (0..).zip(&groups) {
            let text = format!("log {minute} {n}");
            scene.aws.put_log_event(&eu, group, "stream", now, now, text.clone());
            scene.expect("cloud.aws.cloudwatch.logs.", text);
        }
        // Pages enough that both would ask more than they may.
        let origin = scene.origin("eu-central-1");
        for ordinal in minute * 200..minute * 200 + 200 {
            let mut record = String::new();
            cloudtrail::record(&mut record, &mut scene.rng, &origin, ordinal);
            scene.aws.put_audit_event(&eu, now, now, record.clone());
            scene.expect("cloud.aws.cloudtrail.events.", record);
        }
        sleep(MINUTE).await;
    }
    sleep(20 * MINUTE).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    // Each input delivers everything: two readers were asked for.
    let mut arrived: HashMap<Vec<u8>, u32> = HashMap::new();
    scene.sink.messages().into_iter().for_each(|(_, text)| *arrived.entry(text).or_default() += 1);
    assert!(scene.expected.keys().all(|text| arrived.get(text) == Some(&2)));
    assert_eq!(arrived.len(), scene.expected.len());
    let peaks = ["LookupEvents", "FilterLogEvents"].map(|api| scene.aws.calls_peak(api));
    assert_eq!(peaks, [1, 2], "half of 2 a second, and of 5 in this region");
    let throttled: Vec<_> =
        scene.aws.all_calls().into_iter().filter(|((_, outcome), _)| outcome.starts_with("Throttling")).collect();
    assert!(throttled.is_empty(), "{throttled:?}");
}
