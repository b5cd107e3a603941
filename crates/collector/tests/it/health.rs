//! A unit that stands still is named, with the stage where it stands, and nothing is said of the others.

use std::{sync::Arc, time::Duration};

use quittance_collector::{Collector, Config, Parts};
use quittance_core::{Health, Random, Stage, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, Shape},
    certificates::Pki,
    link::SimDial,
    log::Log,
    sink::{Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

const CONFIG: &str = "
globals: {id: one, name: health}
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
      audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, regions: [us-east-1]}
      service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1]}
";

const MINUTE: Duration = Duration::from_secs(60);

struct Scene {
    aws: FakeAws,
    sink: Sink,
    health: Arc<Health>,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _folder: TempDir,
}

impl Scene {
    async fn run() -> Scene {
        let (folder, pki, aws, sink) =
            (tempfile::tempdir().unwrap(), Pki::new().unwrap(), FakeAws::new(3), Sink::new(Keep::Distinct));
        pki.write_to(folder.path()).unwrap();
        for queue in ["trail", "events"] {
            aws.create_queue(queue, QueueSettings::default());
        }
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, CONFIG).unwrap();
        let parts = Parts {
            world: World { clock: Arc::new(AwsClock(aws.clone())), random: Random::seeded(9) },
            http: Some(aws.http_client()),
            dial: Arc::new(SimDial { sink: sink.clone(), tls: pki.server_config().unwrap() }),
            handshakes: Handshakes::default(),
            store: Arc::new(MemoryStore::default()),
            messages: None,
        };
        let stop = CancellationToken::new();
        let collector = Collector::build(Config::load(path).unwrap(), parts, stop.clone()).await.unwrap();
        let health = collector.health();
        let running = tokio::spawn(async move { collector.run().await.unwrap() });
        Scene { aws, sink, health, stop, running, _folder: folder }
    }

    /// The units that stand still, by a part of their names.
    fn stalled(&self) -> Vec<(&'static str, Stage)> {
        let mut stalled = Vec::new();
        for unit in self.health.units() {
            let name = if unit.unit.as_str().contains("audit-events-all") { "audits" } else { "events" };
            stalled.extend(unit.stalled.map(|(stage, _)| (name, stage)));
        }
        stalled
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_stands_still_is_named_with_its_stage_and_no_other_is() {
    let (log, _guard) = Log::keep();
    let scene = Scene::run().await;
    sleep(60 * MINUTE).await;
    assert_eq!((scene.health.units().len(), scene.stalled()), (2, Vec::new()), "nothing to do is no trouble");

    scene.aws.notify("logs", "trail", Shape::S3Event);
    scene.aws.fail_while("GetObject", "InternalError");
    let key =
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/01/111122223333_CloudTrail_us-east-1_20260101T0000Z_a.json";
    let record = r#"{"Records":[{"eventSource":"s3.amazonaws.com","eventName":"x","awsRegion":"us-east-1"}]}"#;
    scene.aws.put_object("logs", key, record);
    sleep(7 * MINUTE).await;
    assert_eq!(scene.stalled(), [("audits", Stage::Source)]);
    let said = log.lines_with("unit does not get on");
    assert!(said.len() == 1 && said[0].contains("stage=source") && said[0].contains("code=PullError303"), "{said:?}");
    sleep(60 * MINUTE).await;
    let said = log.lines_with("unit does not get on").len();
    assert!((4..=5).contains(&said), "from time to time: {said}");
    scene.aws.recover("GetObject");
    scene.sink.wait_for(|totals| totals.distinct == 1).await;
    sleep(MINUTE).await;
    assert_eq!(scene.stalled(), []);
    assert_eq!(log.lines_with("unit gets on again").len(), 1);

    scene.stop.cancel();
    scene.running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_destination_is_one_line_for_all_units() {
    let (log, _guard) = Log::keep();
    let scene = Scene::run().await;
    sleep(MINUTE).await;
    scene.sink.set_down(true);
    scene.sink.reset_open();
    let event = r#"{"source":"aws.ec2","detail-type":"x","account":"111122223333","region":"us-east-1","detail":{}}"#;
    scene.aws.send("events", event);
    sleep(6 * MINUTE).await;
    assert_eq!(scene.stalled(), [("audits", Stage::Destination), ("events", Stage::Destination)]);
    let said = log.lines_with("units wait for a destination to confirm");
    assert!(said.len() == 1 && said[0].contains("units=2"), "{said:?}");
    assert!(log.lines_with("unit does not get on").is_empty());
    scene.sink.set_down(false);
    scene.sink.wait_for(|totals| totals.distinct == 1).await;
    sleep(MINUTE).await;
    assert_eq!(scene.stalled(), []);
    scene.stop.cancel();
    scene.running.await.unwrap();
}
