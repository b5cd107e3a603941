//! Every key of Devo's shape has an effect: one line each, with what differs when it is set otherwise.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use quittance_collector::{Collector, Config, Parts, state_folder};
use quittance_core::{Dial, Link, Random, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, Place, QueueSettings, Sample, Shape},
    certificates::Pki,
    generate::{Origin, cloudfront, guardduty, gzip, metrics, securityhub, vpcflow},
    link::SimDial,
    sink::{Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::support::{check, good_but, read};

/// Every service, and of every source a little.
const BASE: &str = r#"
globals:
  id: "12345"
  name: keys
outputs:
  devo_1:
    type: devo_platform
    config: {address: localhost, port: 443, type: SSL, chain: chain.crt, cert: client.crt, key: client.key}
inputs:
  aws:
    id: "12351"
    enabled: true
    endpoint_url: https://aws.test
    credentials: {access_key: AKIATEST, access_secret: secret}
    services:
      service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1]}
      sqs-cloudwatch-consumer: {cloudwatch_sqs_queue_name: hub, regions: [us-east-1]}
      audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, regions: [us-east-1]}
      metrics-all: {regions: [us-east-1]}
      aws-guardduty: {regions: [us-east-1]}
      non-cloudwatch-logs: {types: [vpcflowlogs, cloudfront], vpcflowlogs_sqs_queue_name: vpc, cloudfront_sqs_queue_name: cdn, regions: [us-east-1]}
      cwl_1: {types: [logs], log_groups: [/app/a], regions: [us-east-1]}
      cisco-umbrella: {cisco_umbrella_sqs_queue_name: umbrella, regions: [us-east-1]}
"#;

const MINUTE: Duration = Duration::from_secs(60);

/// What a run came to.
struct Seen {
    /// Each tag and text that arrived.
    events: BTreeSet<(String, String)>,
    filtered: u64,
    /// Calls of LookupEvents.
    lookups: u64,
    receives: u64,
    /// Roles that were assumed.
    assumed: u64,
    /// Where it connected to.
    dialled: BTreeSet<(String, u16)>,
    /// Connections that it made.
    connections: u64,
}

impl Seen {
    fn tags(&self, start: &str) -> usize {
        self.events.iter().filter(|(tag, _)| tag.starts_with(start)).count()
    }

    fn has(&self, tag: &str) -> bool {
        self.events.iter().any(|(other, _)| other == tag)
    }

    fn says(&self, text: &str) -> bool {
        self.events.iter().any(|(_, other)| other.contains(text))
    }
}

struct Recording {
    dial: SimDial,
    asked: Mutex<BTreeSet<(String, u16)>>,
}

#[async_trait]
impl Dial for Recording {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        self.asked.lock().unwrap().insert((host.to_owned(), port));
        self.dial.dial(host, port).await
    }
}

/// What happens twice: before the collector starts, and six minutes later.
fn happen(aws: &FakeAws, detector: &str, n: u64) {
    let (mut rng, now) = (fastrand::Rng::with_seed(n), aws.now());
    let origin = Origin::new(aws.account(), "us-east-1", now);
    let envelope = |name: &str| {
        format!(
            r#"{{"source":"aws.ec2","account":"222222222222","region":"ap-south-1","time":"{now}","detail":{{"eventName":"{name}"}},"n":{n}}}"#
        )
    };
    let record = |name: &str| {
        format!(
            r#"{{"eventSource":"ec2.amazonaws.com","awsRegion":"ap-south-1","userIdentity":{{"accountId":"333333333333"}},"eventName":"{name}","n":{n}}}"#
        )
    };
    for name in ["RunInstances", "Decrypt"] {
        aws.send("events", envelope(name));
        aws.put_audit_event(&Place::default(), now, now, record(name).replace("\"n\"", "\"api\""));
        let key = format!("AWSLogs/333333333333/CloudTrail/ap-south-1/2026/02/01/{name}_{n}.json.gz");
        aws.put_object("trail", &key, gzip(format!("{{\"Records\":[{}]}}", record(name)).as_bytes(), 6));
    }
    aws.send("hub", securityhub::message(&mut rng, &origin, n, 1));
    aws.put_object("vpc", &vpcflow::key(&mut rng, &origin), gzip(&vpcflow::object(&mut rng, &origin, n * 10, 2), 6));
    let object = cloudfront::object(&mut rng, &origin, n * 10, 2);
    aws.put_object("cdn", &cloudfront::key(&mut rng, &origin), gzip(&object, 6));
    aws.put_object("umbrella", &format!("o/dnslogs/2026-02-01/{n}.csv"), format!("\"2026-02-01 00:00:00\",\"{n}\"\n"));
    for group in ["/app/a", "/app/b"] {
        aws.put_log_event(&Place::default(), group, "stream", now, now, format!("log {group} {n}"));
    }
    let version = guardduty::Version { updated: now, count: 1, archived: false };
    aws.put_finding(detector, guardduty::finding(&mut rng, &origin, n, version));
    aws.put_metric(&Place::default(), metrics::metric(n), Sample::new(now, 1.0));
}

/// A run of a quarter of an hour.
async fn run(yaml: &str) -> Seen {
    let aws = FakeAws::new_at(3, "2026-02-01T00:00:00Z".parse().unwrap());
    let (folder, pki, sink) = (tempfile::tempdir().unwrap(), Pki::new().unwrap(), Sink::new(Keep::Messages));
    pki.write_to(folder.path()).unwrap();
    for queue in ["events", "hub", "trail", "vpc", "cdn", "umbrella", "empty"] {
        aws.create_queue(queue, QueueSettings::default());
        aws.create_bucket(queue);
        aws.notify(queue, queue, Shape::S3Event);
    }
    let detector = aws.add_detector(&Place::default());
    happen(&aws, &detector, 1);
    let dial = Arc::new(Recording {
        dial: SimDial { sink: sink.clone(), tls: pki.server_config().unwrap() },
        asked: Mutex::default(),
    });
    let parts = Parts {
        world: World { clock: Arc::new(AwsClock(aws.clone())), random: Random::seeded(9) },
        http: Some(aws.http_client()),
        dial: dial.clone(),
        handshakes: Handshakes::default(),
        store: Arc::new(MemoryStore::default()),
        messages: None,
    };
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, yaml).unwrap();
    let config = Config::load(&path).unwrap_or_else(|error| panic!("{error} in\n{yaml}"));
    let stop = CancellationToken::new();
    let collector = Collector::build(config, parts, stop.clone()).await.unwrap();
    let ledger = collector.ledger();
    let running = tokio::spawn(collector.run());
    sleep(6 * MINUTE).await;
    happen(&aws, &detector, 2);
    sleep(9 * MINUTE).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let events = sink.messages().into_iter().map(|(tag, text)| (tag, String::from_utf8(text).unwrap()));
    let dialled = dial.asked.lock().unwrap().clone();
    Seen {
        events: events.collect(),
        filtered: ledger.total().filtered,
        lookups: aws.calls("LookupEvents"),
        receives: aws.calls("ReceiveMessage"),
        assumed: aws.calls("AssumeRole"),
        dialled,
        connections: sink.totals().connections,
    }
}

/// The key, what stands in the base for it, what is put there, and what must then be so that was not before.
type Row = (&'static str, &'static str, &'static str, fn(&Seen) -> bool);

const EVENTS: &str = "service-events-all: {";
const AUDIT: &str = "audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, ";
const LOGS: &str = "non-cloudwatch-logs: {";

/// Everything that a run shows; how keys and files sign in is in `sign_in`.
const ROWS: &[Row] = &[
    ("outputs.address", "address: localhost", "address: 127.0.0.1", |seen| {
        seen.dialled.contains(&("127.0.0.1".into(), 443))
    }),
    ("outputs.port", "port: 443", "port: 8443", |seen| seen.dialled.contains(&("localhost".into(), 8443))),
    ("outputs.type", "type: devo_platform", "type: console #", |seen| seen.dialled.is_empty()),
    ("inputs.enabled", "aws:\n", "off: {enabled: false, services: {nonsense: 1}}\n  aws:\n", |seen| {
        seen.tags("cloud.aws.cloudwatch.events") == 4
    }),
    ("inputs.requests_per_second", "    enabled: true", "    requests_per_second: 0.002", |seen| {
        seen.lookups <= 4 && seen.receives <= 4
    }),
    (
        "inputs.requests_limits",
        "    enabled: true",
        "    requests_limits: [{period: 10m, number_of_requests: 1}]",
        |seen| seen.lookups <= 4 && seen.receives <= 4,
    ),
    (
        "credentials.base_assume_role",
        "access_secret: secret}",
        "access_secret: secret, base_assume_role: 'arn:aws:iam::111122223333:role/base'}",
        |seen| seen.assumed > 0,
    ),
    (
        "credentials.target_assume_role",
        "access_secret: secret}",
        "access_secret: secret, target_assume_role: 'arn:aws:iam::111122223333:role/base', assume_role_external_id: our-id}",
        |seen| seen.assumed > 0,
    ),
    ("services.auto_event_type", EVENTS, "service-events-all: {auto_event_type: true, ", |seen| {
        seen.has("cloud.aws.cloudwatch.ec2.222222222222.ap-south-1")
    }),
    (
        "services.auto_event_type",
        AUDIT,
        "audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, auto_event_type: true, ",
        |seen| seen.has("cloud.aws.cloudtrail.ec2.333333333333.ap-south-1"),
    ),
    ("services.drop_event_names", EVENTS, "service-events-all: {drop_event_names: [Decrypt], ", |seen| {
        seen.tags("cloud.aws.cloudwatch.events") == 2 && seen.filtered == 2
    }),
    (
        "services.drop_event_names",
        AUDIT,
        "audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, drop_event_names: [Decrypt], ",
        |seen| seen.filtered == 4,
    ),
    ("services.start_time", EVENTS, "service-events-all: {start_time: 2026-02-01T00:05:00Z, ", |seen| {
        seen.tags("cloud.aws.cloudwatch.events") == 2 && seen.filtered == 2
    }),
    (
        "services.start_time",
        "sqs-cloudwatch-consumer: {",
        "sqs-cloudwatch-consumer: {start_time: 2026-02-01T00:05:00Z, ",
        |seen| seen.tags("cloud.aws.securityhub") == 1 && seen.filtered == 1,
    ),
    ("services.start_time", LOGS, "non-cloudwatch-logs: {start_time: 2026-02-01T00:05:00Z, ", |seen| {
        (seen.tags("cloud.aws.vpc"), seen.tags("web.aws"), seen.filtered) == (2, 2, 4)
    }),
    ("services.start_time", "cisco-umbrella: {", "cisco-umbrella: {start_time: 2026-02-01T00:05:00Z, ", |seen| {
        (seen.tags("sig.cisco.umbrella.dns"), seen.filtered) == (1, 1)
    }),
    // By API, what happened before the first start is asked for; in objects that were made earlier, it is not wanted.
    (
        "services.start_time",
        AUDIT,
        "audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, start_time: 2026-01-31T00:00:00Z, ",
        |seen| seen.tags("cloud.aws.cloudtrail") == 8,
    ),
    (
        "services.start_time",
        AUDIT,
        "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, start_time: 2026-02-01T00:05:00Z, ",
        |seen| (seen.tags("cloud.aws.cloudtrail"), seen.filtered) == (2, 2),
    ),
    ("services.start_time", "cwl_1: {", "cwl_1: {start_time: 2026-01-31T00:00:00Z, ", |seen| seen.says("log /app/a 1")),
    ("services.start_time", "aws-guardduty: {", "aws-guardduty: {start_time: 2026-01-31T00:00:00Z, ", |seen| {
        seen.tags("cloud.aws.guardduty") == 2
    }),
    (
        "services.request_period_in_seconds",
        AUDIT,
        "audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, request_period_in_seconds: 20, ",
        |seen| seen.lookups > 40,
    ),
    (
        "services.regions",
        "hub, regions: [us-east-1]",
        "hub, regions: [us-east-1, eu-west-1], use_region_and_account_id_from_event: false",
        |seen| seen.tags("cloud.aws.securityhub.findings.111122223333.") == 2,
    ),
    (
        "use_region_and_account_id_from_event",
        EVENTS,
        "service-events-all: {use_region_and_account_id_from_event: false, ",
        |seen| seen.has("cloud.aws.cloudwatch.events.111122223333.us-east-1"),
    ),
    (
        "use_region_and_account_id_from_event",
        AUDIT,
        "audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, use_region_and_account_id_from_event: false, ",
        |seen| seen.has("cloud.aws.cloudtrail.events.111122223333.us-east-1"),
    ),
    (
        "s3_file_type_filter",
        AUDIT,
        "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, s3_file_type_filter: Decrypt_, ",
        |seen| seen.tags("cloud.aws.cloudtrail") == 2,
    ),
    ("cloudwatch_sqs_queue_name", "cloudwatch_sqs_queue_name: events", "cloudwatch_sqs_queue_name: empty", |seen| {
        seen.tags("cloud.aws.cloudwatch.events") == 0
    }),
    ("cloudwatch_sqs_queue_name", "cloudwatch_sqs_queue_name: hub", "cloudwatch_sqs_queue_name: empty", |seen| {
        seen.tags("cloud.aws.securityhub") == 0
    }),
    ("audit_sqs_queue_name", "audit_sqs_queue_name: trail", "audit_sqs_queue_name: empty", |seen| {
        seen.tags("cloud.aws.cloudtrail") == 4
    }),
    ("cloudtrail_sqs_queue_name", "audit_sqs_queue_name: trail", "cloudtrail_sqs_queue_name: empty", |seen| {
        seen.tags("cloud.aws.cloudtrail") == 4
    }),
    ("vpcflowlogs_sqs_queue_name", "vpcflowlogs_sqs_queue_name: vpc", "vpcflowlogs_sqs_queue_name: empty", |seen| {
        seen.tags("cloud.aws.vpc.flow") == 0
    }),
    ("cloudfront_sqs_queue_name", "cloudfront_sqs_queue_name: cdn", "cloudfront_sqs_queue_name: empty", |seen| {
        seen.tags("web.aws.cloudfront") == 0
    }),
    (
        "cisco_umbrella_sqs_queue_name",
        "cisco_umbrella_sqs_queue_name: umbrella",
        "cisco_umbrella_sqs_queue_name: empty",
        |seen| seen.tags("sig.cisco") == 0,
    ),
    ("log_groups", "log_groups: [/app/a]", "log_groups: [/app/b]", |seen| {
        seen.says("log /app/b 2") && !seen.says("log /app/a")
    }),
    ("types", "types: [audits_s3, audits_api]", "types: [audit_apis]", |seen| seen.tags("cloud.aws.cloudtrail") == 4),
    ("types", "types: [vpcflowlogs, cloudfront]", "types: [cloudfront]", |seen| seen.tags("cloud.aws.vpc") == 0),
];

#[tokio::test(start_paused = true)]
async fn each_key_makes_the_difference_that_it_is_for() {
    let base = run(BASE).await;
    assert!(base.connections > 0 && base.filtered == 0, "{:?}", base.events);
    let mut wrong = Vec::new();
    for (key, old, new, shows) in ROWS {
        assert!(BASE.contains(old), "`{old}` is not in the base");
        let seen = run(&BASE.replacen(old, new, 1)).await;
        if !shows(&seen) {
            wrong.push(format!(
                "{key}: `{new}`: filtered {}, lookups {}, {:#?}",
                seen.filtered, seen.lookups, seen.events
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is told without a run: state, bounds of memory and time, and the few keys that only are reported.
#[test]
fn keys_of_the_collector_itself() {
    let set = |keys: &str| read(&good_but("  name: aws01", &format!("  name: aws01\n{keys}")));
    // `name` is the host of every event, `id` stands in the log; neither is cut to Devo's length.
    let config = read(&good_but("  name: aws01", "  name: a-longer-name").replace("id: 12345", "id: longer-id"));
    assert_eq!((&*config.globals.name, &*config.globals.id), ("a-longer-name", "longer-id"));
    assert!(set("  debug: true").globals.debug);
    let folder = |name: &str| {
        state_folder(&set(&format!("  persistence: {{type: filesystem, config: {{directory_name: {name}}}}}")))
    };
    assert!(folder("remembered").ends_with("remembered"));
    assert!(folder("/var/lib/state").is_absolute());
    check(
        &good_but("  name: aws01", "  name: aws01\n  persistence: {type: redis}"),
        &["4:23: error: globals.persistence.type: expected `filesystem`, found `redis`"],
    );
    let reported = set("  multiprocessing: true\n  queue_wrap_max_size_in_messages: 100").without_effect();
    assert_eq!(reported, ["globals.multiprocessing", "globals.queue_wrap_max_size_in_messages"]);
    let refresh = "autoconfig: {enabled: true, refresh_interval_in_seconds: 600}";
    let config = read(&good_but("    id: 12351", &format!("    id: 12351\n    {refresh}")));
    assert_eq!(config.without_effect(), ["inputs.aws.autoconfig"]);
}
