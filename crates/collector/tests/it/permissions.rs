//! What is missing at AWS is named by a check, each with its code, and keeps no other unit from working.

use std::{path::PathBuf, sync::Arc, time::Duration};

use quittance_collector::{Collector, Config, Parts, Reach, Report, check};
use quittance_core::{Random, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, Place, QueueSettings, Redrive},
    certificates::Pki,
    link::SimDial,
    log::Log,
    sink::{Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const CONFIG: &str = "
globals: {id: one, name: rights}
outputs:
  devo_1:
    type: devo_platform
    config: {address: localhost, chain: chain.crt, cert: client.crt, key: client.key}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials: {access_key: AKIATEST, access_secret: secret}
    services:
      audit-events-all: {types: [audits_s3, audits_api], audit_sqs_queue_name: trail, regions: [us-east-1]}
      service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1]}
      metrics-all: {regions: [us-east-1]}
      aws-guardduty: {regions: [us-east-1]}
      cisco-umbrella: {bucket: umbrella, regions: [us-east-1]}
      cwl_1: {types: [logs], log_groups: [/app/a, /rds/*], regions: [us-east-1]}
";

const RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

struct Scene {
    aws: FakeAws,
    sink: Sink,
    folder: TempDir,
    pki: Pki,
}

impl Scene {
    /// An account in which nothing is missing.
    fn new() -> Scene {
        let (folder, pki, aws) = (tempfile::tempdir().unwrap(), Pki::new().unwrap(), FakeAws::new(3));
        pki.write_to(folder.path()).unwrap();
        let retention = RETENTION;
        for (queue, buckets) in [("trail", vec!["logs".to_owned()]), ("events", Vec::new())] {
            let dead = format!("{queue}-dead");
            aws.create_queue(&dead, QueueSettings { retention, ..QueueSettings::default() });
            let redrive = Some(Redrive { queue: dead, max_receive_count: 10 });
            aws.create_queue(queue, QueueSettings { redrive, retention, buckets, ..QueueSettings::default() });
        }
        aws.put_object("logs", "AWSLogs/1/CloudTrail/x.json.gz", &b"x"[..]);
        aws.put_object("umbrella", "dnslogs/2026-01-01/x.csv.gz", &b"x"[..]);
        let place = Place { region: "us-east-1".to_owned(), ..Place::default() };
        aws.create_log_group(&place, "/app/a");
        aws.create_log_group(&place, "/rds/b");
        aws.add_detector(&place);
        Scene { aws, sink: Sink::new(Keep::Distinct), folder, pki }
    }

    fn path(&self, config: &str) -> PathBuf {
        let path = self.folder.path().join("config.yaml");
        std::fs::write(&path, config).unwrap();
        path
    }

    fn world(&self) -> World {
        World { clock: Arc::new(AwsClock(self.aws.clone())), random: Random::seeded(9) }
    }

    fn dial(&self) -> Arc<SimDial> {
        Arc::new(SimDial { sink: self.sink.clone(), tls: self.pki.server_config().unwrap() })
    }

    async fn check(&self, config: &str) -> Report {
        let http = Some(self.aws.http_client());
        check(&*self.path(config), Reach { world: self.world(), http, dial: self.dial(), online: true }).await.unwrap()
    }

    /// The lines of a check.
    async fn said(&self) -> Vec<String> {
        self.said_of(CONFIG).await
    }

    async fn said_of(&self, config: &str) -> Vec<String> {
        self.check(config).await.problems.all.iter().map(ToString::to_string).collect()
    }
}

/// Each API that the collector asks, the action that allows it, and how many units need it.
const NEEDED: &[(&str, &str, usize)] = &[
    ("GetQueueUrl", "sqs:GetQueueUrl", 2),
    ("GetQueueAttributes", "sqs:GetQueueAttributes", 2),
    ("ReceiveMessage", "sqs:ReceiveMessage", 2),
    ("DeleteMessageBatch", "sqs:DeleteMessage", 2),
    ("ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility", 2),
    ("GetObject", "s3:GetObject", 2),
    ("ListObjectsV2", "s3:ListBucket", 2),
    ("LookupEvents", "cloudtrail:LookupEvents", 1),
    ("ListMetrics", "cloudwatch:ListMetrics", 1),
    ("GetMetricData", "cloudwatch:GetMetricData", 1),
    ("GetMetricStatistics", "cloudwatch:GetMetricStatistics", 1),
    ("ListDetectors", "guardduty:ListDetectors", 1),
    ("ListFindings", "guardduty:ListFindings", 1),
    ("GetFindings", "guardduty:GetFindings", 1),
    ("FilterLogEvents", "logs:FilterLogEvents", 1),
    ("DescribeLogGroups", "logs:DescribeLogGroups", 1),
];

#[tokio::test(start_paused = true)]
async fn where_nothing_is_missing_nothing_is_said() {
    assert_eq!(Scene::new().said().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn each_missing_permission_is_named_in_one_line() {
    let scene = Scene::new();
    for (api, action, units) in NEEDED {
        scene.aws.fail_while(api, if action.starts_with("s3") { "AccessDenied" } else { "AccessDeniedException" });
        let said = scene.said().await;
        scene.aws.recover(api);
        assert_eq!(said.len(), *units, "{api}: {said:?}");
        for line in said {
            let named = line.contains(&format!("allow {action}")) && line.contains("AccessDenied");
            assert!(named && line.ends_with("[SetupError104]") && !line.contains('\n'), "{api}: {line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_other_refusal_is_named_in_one_line() {
    let scene = Scene::new();
    let kms = "User: arn:aws:iam::1:user/u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k";
    for (api, code, message, expected) in [
        ("GetObject", "AccessDenied", kms, "kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k"),
        ("ReceiveMessage", "KMS.AccessDeniedException", kms, "[SetupError105]"),
        (
            "GetQueueUrl",
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
            "[SetupError106]",
        ),
        ("ListObjectsV2", "NoSuchBucket", "The specified bucket does not exist", "[SetupError107]"),
        ("GetQueueUrl", "OptInRequired", "You are not subscribed", "[SetupError108]"),
        ("LookupEvents", "RequestTimeTooSkewed", "too far", "[SetupError109]"),
        (
            "GetCallerIdentity",
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
            "[SetupError102]",
        ),
    ] {
        scene.aws.fail_while_saying(api, code, message);
        let said = scene.said().await;
        scene.aws.recover(api);
        assert!(said.iter().any(|line| line.contains(expected)), "{api} {code}: {said:?}");
        assert!(said.iter().all(|line| line.contains(code)), "{api} {code}: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_no_policy_names_is_proved_where_the_configuration_does() {
    let scene = Scene::new();
    scene.aws.create_queue("trail", QueueSettings { retention: RETENTION, ..QueueSettings::default() });
    let unproved = scene.said().await;
    assert!(unproved.iter().any(|line| line.ends_with("[SetupError134]")), "{unproved:?}");
    let named = CONFIG
        .replace("audit_sqs_queue_name: trail,", "audit_sqs_queue_name: trail, buckets: ['trail-{account}-{region}'],");
    let number = "111122223333";
    let bucket = format!("trail-{number}-us-east-1");
    scene.aws.put_object(&bucket, "AWSLogs/x.json.gz", &b"x"[..]);
    let proved = scene.said_of(&named).await;
    assert!(!proved.iter().any(|line| line.ends_with("[SetupError134]")), "{proved:?}");
    scene.aws.fail_while("GetObject", "AccessDenied");
    let refused = scene.said_of(&named).await;
    assert!(refused.iter().any(|line| line.contains(&bucket) && line.ends_with("[SetupError104]")), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_taken_for_anybody_is_told_once() {
    let scene = Scene::new();
    for api in ["GetCallerIdentity", "GetQueueUrl", "ListObjectsV2"] {
        scene.aws.fail_while(api, "InvalidClientTokenId");
    }
    let said = scene.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    let expected = "11:5: error: inputs.aws.credentials: ";
    assert!(said[0].starts_with(expected) && said[0].ends_with("[SetupError102]"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_lost_is_said_within_a_minute_and_touches_no_other_unit() {
    let scene = Scene::new();
    let (log, _guard) = Log::keep();
    let stop = CancellationToken::new();
    let parts = Parts {
        world: scene.world(),
        http: Some(scene.aws.http_client()),
        dial: scene.dial(),
        handshakes: Handshakes::default(),
        store: Arc::new(MemoryStore::default()),
        messages: None,
    };
    let collector = Collector::build(Config::load(scene.path(CONFIG)).unwrap(), parts, stop.clone()).await.unwrap();
    let collector = tokio::spawn(collector.run());
    sleep(Duration::from_secs(600)).await;
    for (api, action, units) in NEEDED {
        let before = log.lines_with(action).len();
        scene.aws.fail_while(api, if action.starts_with("s3") { "AccessDenied" } else { "AccessDeniedException" });
        sleep(Duration::from_secs(60)).await;
        let said = log.lines_with(action);
        assert!(said.len() >= before + units, "{api}: {said:?}");
        assert!(said.iter().all(|line| line.contains("code=SetupError104")), "{said:?}");
        scene.aws.recover(api);
        // Whoever stopped for it comes again by itself.
        sleep(Duration::from_secs(400)).await;
    }
    assert!(!log.lines_with("no longer found").is_empty());
    let event = r#"{"source":"aws.ec2","detail-type":"x","account":"111122223333","region":"us-east-1","detail":{}}"#;
    scene.aws.fail_while("LookupEvents", "AccessDeniedException");
    scene.aws.fail_while("ListMetrics", "AccessDeniedException");
    sleep(Duration::from_secs(600)).await;
    scene.aws.send("events", event);
    scene.sink.wait_for(|totals| totals.distinct == 1).await;
    stop.cancel();
    collector.await.unwrap().unwrap();
}
