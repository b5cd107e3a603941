//! The whole collector in virtual time: its real configuration, the official SDK, real TLS, all in one process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use quittance_collector::{Collector, CollectorError, Config, Messages, Parts, messages};
use quittance_core::{Ledger, Random, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, Redrive, Shape},
    certificates::Pki,
    generate::{Origin, cloudtrail, eventbridge, gzip},
    link::SimDial,
    log::Log,
    sink::{Fault, Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

struct Scene {
    aws: FakeAws,
    sink: Sink,
    folder: TempDir,
    pki: Pki,
    stop: CancellationToken,
}

struct Running {
    ledger: Arc<Ledger>,
    task: JoinHandle<Result<(), CollectorError>>,
    stop: CancellationToken,
}

impl Scene {
    fn new() -> Scene {
        let (folder, pki, aws) = (tempfile::tempdir().unwrap(), Pki::new().unwrap(), FakeAws::new(3));
        pki.write_to(folder.path()).unwrap();
        for queue in ["trail", "events"] {
            let dead = format!("{queue}-dead");
            aws.create_queue(&dead, QueueSettings::default());
            let redrive = Some(Redrive { queue: dead, max_receive_count: 3 });
            aws.create_queue(queue, QueueSettings { redrive, ..QueueSettings::default() });
        }
        aws.notify("logs", "trail", Shape::SnsWrapped);
        Scene { aws, sink: Sink::new(Keep::Distinct), folder, pki, stop: CancellationToken::new() }
    }

    /// Objects of ten events each, and as many events in the other queue.
    fn fill(&self, objects: u64) {
        let mut rng = fastrand::Rng::with_seed(5);
        let origin = Origin::new("111122223333", "eu-west-1", self.aws.now());
        for n in 0..objects {
            let object = cloudtrail::object(&mut rng, &origin, n * 10, 10);
            self.aws.put_object("logs", &cloudtrail::key(&mut rng, &origin), gzip(&object, 6));
            for event in 0..10 {
                self.aws.send("events", eventbridge::event(&mut rng, &origin, n * 10 + event));
            }
        }
    }

    async fn run(&self, globals: &str, messages: Option<Messages>) -> Running {
        let collector = self.build(globals, "events", messages).await.unwrap();
        Running { ledger: collector.ledger(), task: tokio::spawn(collector.run()), stop: self.stop.clone() }
    }

    async fn build(
        &self,
        globals: &str,
        events_queue: &str,
        messages: Option<Messages>,
    ) -> Result<Collector, CollectorError> {
        self.build_from(&self.config(globals, events_queue), messages).await
    }

    fn config(&self, globals: &str, events_queue: &str) -> String {
        format!(
            "
globals: {{id: one, name: whole{globals}}}
outputs:
  devo_1:
    type: devo_platform
    config: {{address: localhost, chain: chain.crt, cert: client.crt, key: client.key}}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials: {{access_key: AKIATEST, access_secret: secret}}
    services:
      audit-events-all: {{types: [audits_s3], audit_sqs_queue_name: trail, auto_event_type: true, regions: [us-east-1]}}
      service-events-all: {{cloudwatch_sqs_queue_name: {events_queue}, regions: [us-east-1]}}
"
        )
    }

    async fn build_from(&self, text: &str, messages: Option<Messages>) -> Result<Collector, CollectorError> {
        let path: PathBuf = self.folder.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        let parts = Parts {
            world: World { clock: Arc::new(AwsClock(self.aws.clone())), random: Random::seeded(9) },
            http: Some(self.aws.http_client()),
            dial: Arc::new(SimDial { sink: self.sink.clone(), tls: self.pki.server_config().unwrap() }),
            handshakes: Handshakes::default(),
            store: Arc::new(MemoryStore::default()),
            messages,
        };
        Collector::build(Config::load(&path)?, parts, self.stop.clone()).await
    }

    /// Messages that are left, wherever.
    fn left(&self) -> u64 {
        let count = |queue| self.aws.counts(queue).visible + self.aws.counts(queue).in_flight;
        ["trail", "events", "trail-dead", "events-dead"].into_iter().map(count).sum()
    }

    async fn until_empty(&self) {
        for _ in 0..100_000 {
            if self.left() == 0 {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("{} messages are left", self.left());
    }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        assert!(self.ledger.total().balances());
        assert_eq!(self.ledger.total().in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_arrives_once_in_the_right_table() {
    let scene = Scene::new();
    scene.fill(20);
    let running = scene.run("", None).await;
    scene.until_empty().await;
    assert_eq!((scene.sink.totals().events, scene.sink.totals().distinct), (400, 400));
    let tags = scene.sink.snapshot().tags;
    assert!(tags.iter().all(|tag| tag.tag.starts_with("cloud.aws.cloud")), "{tags:?}");
    assert!(tags.iter().all(|tag| tag.tag.ends_with(".111122223333.eu-west-1")), "{tags:?}");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_an_hour_costs_no_receive_and_loses_nothing() {
    let scene = Scene::new();
    let running = scene.run("", None).await;
    scene.fill(10);
    sleep(Duration::from_secs(1)).await;
    scene.sink.set_down(true);
    scene.sink.reset_open();
    scene.fill(10);
    sleep(Duration::from_secs(3600)).await;
    scene.sink.set_down(false);
    scene.until_empty().await;
    assert_eq!(scene.sink.totals().distinct, 400);
    for queue in ["trail", "events"] {
        assert_eq!(scene.aws.receive_counts(queue).keys().max(), Some(&1), "{queue}");
        assert_eq!(scene.aws.counts(&format!("{queue}-dead")).sent, 0);
    }
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_receiver_by_seed_lose_nothing() {
    for seed in 0..8 {
        let scene = Scene::new();
        let mut rng = fastrand::Rng::with_seed(seed);
        let faults: Vec<_> = (0..5)
            .map(|_| match rng.u8(0..5) {
                0 => Some(Fault::ResetAfter(rng.u64(0..100_000))),
                1 => Some(Fault::CloseAfter(rng.u64(0..100_000))),
                2 => Some(Fault::ResetAtEnd),
                3 => Some(Fault::StallAfter(rng.u64(0..50_000), Duration::from_secs(rng.u64(1..300)))),
                _ => None,
            })
            .collect();
        scene.sink.script(faults);
        scene.fill(10);
        let running = scene.run("", None).await;
        scene.until_empty().await;
        assert_eq!(scene.sink.totals().distinct, 200, "seed {seed}");
        running.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_collectors_own_messages_go_to_the_users_table_outside_the_ledger() {
    let scene = Scene::new();
    let (sink, messages) = messages();
    let running = scene.run(", internal_tag: my.app.quittance.internal", Some(messages)).await;
    sink.offer(r#"{"level":"WARN","message":"queue is far behind"}"#.to_owned());
    scene.sink.wait_for(|totals| totals.events == 1).await;
    assert_eq!(&*scene.sink.snapshot().tags[0].tag, "my.app.quittance.internal");
    assert_eq!(running.ledger.total().pulled, 0);
    // With nowhere to go they are dropped, and nothing waits for them.
    scene.sink.set_down(true);
    for n in 0..10_000 {
        sink.offer(n.to_string());
    }
    sleep(Duration::from_secs(60)).await;
    running.end().await;
}

/// An EventBridge rule and a bucket that put into the same queue: each message goes to whose it is, and what is nobody's is
/// left to the dead-letter queue.
#[tokio::test(start_paused = true)]
async fn services_of_one_input_share_a_queue() {
    let scene = Scene::new();
    let mut rng = fastrand::Rng::with_seed(5);
    let origin = Origin::new("111122223333", "eu-west-1", scene.aws.now());
    for n in 0..20 {
        let object = cloudtrail::object(&mut rng, &origin, n * 10, 10);
        scene.aws.put_object("logs", &cloudtrail::key(&mut rng, &origin), gzip(&object, 6));
        scene.aws.send("trail", eventbridge::event(&mut rng, &origin, n));
    }
    let collector = scene.build("", "trail", None).await.unwrap();
    let running = Running { ledger: collector.ledger(), task: tokio::spawn(collector.run()), stop: scene.stop.clone() };
    scene.until_empty().await;
    let tags: Vec<_> = scene.sink.snapshot().tags.iter().map(|tag| (tag.tag.to_string(), tag.events)).collect();
    let of = |table: &str| tags.iter().filter(|(tag, _)| tag.contains(table)).map(|(_, events)| events).sum::<u64>();
    assert_eq!((of("cloudtrail"), of("cloudwatch.events")), (200, 20), "{tags:?}");

    scene.aws.put_object("logs", "AWSLogs/111122223333/WAFLogs/x.gz", gzip(b"{}", 6));
    scene.aws.send("trail", r#"{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"other"},"object":{"key":"k"}}}"#);
    while scene.aws.counts("trail-dead").visible + scene.sink.totals().distinct < 222 {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(scene.sink.totals().distinct, 222, "who takes every event takes those that announce objects as well");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn inputs_of_one_account_on_one_queue_would_take_each_others_messages() {
    let scene = Scene::new();
    let path = scene.config("", "trail").replace(
        "    services:\n",
        "    services:\n      audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, regions: [us-east-1]}\n  other:\n    id: 10001\n    credentials: {access_key: AKIAOTHER, access_secret: secret}\n    services:\n",
    );
    let error = scene.build_from(&path, None).await.err().unwrap().to_string();
    let expected = "`us-east-1/trail` is read by inputs.aws.services.audit-events-all already";
    assert!(error.contains(expected), "{error}");
}

/// Two readers of one queue would take each other's messages, each of which goes only one way there.
#[tokio::test(start_paused = true)]
async fn a_queue_is_written_the_same_way_wherever_it_is_read() {
    let url = |account: &str| format!("https://sqs.us-east-1.amazonaws.com/{account}/trail");
    let scene = Scene::new();
    let error = scene.build("", &url("111122223333"), None).await.err().unwrap().to_string();
    let expected = "is the queue that inputs.aws.services.audit-events-all reads as `us-east-1/trail`";
    assert!(error.contains(expected) && error.contains("write the queue the same way"), "{error}");

    let scene = Scene::new();
    let path =
        scene.config("", &url("111122223333")).replace("audit_sqs_queue_name: trail", "audit_sqs_queue_name: LEGACY");
    let legacy = "https://queue.amazonaws.com/111122223333/trail";
    assert!(scene.build_from(&path.replace("LEGACY", legacy), None).await.is_err(), "an older name of the same place");
    assert!(scene.build_from(&path.replace("LEGACY", &url("444455556666")), None).await.is_ok(), "another account's");
}

#[tokio::test(start_paused = true)]
async fn regions_without_the_one_of_global_services_are_warned_of_and_started_nevertheless() {
    let (log, _guard) = Log::keep();
    let scene = Scene::new();
    let elsewhere = |types: &str| {
        scene
            .config("", "events")
            .replace("us-east-1", "eu-west-1")
            .replace("types: [audits_s3]", &format!("types: [{types}]"))
    };
    let warned = || {
        let lines = log.lines_with("SetupError135");
        ["audit-events-all", "service-events-all"].map(|service| {
            lines.iter().filter(|line| line.contains(&format!("{service}.regions: `us-east-1`"))).count()
        })
    };
    scene.build("", "events", None).await.unwrap();
    assert_eq!(warned(), [0, 0]);
    // A trail writes events of all regions into one bucket.
    scene.build_from(&elsewhere("audits_s3"), None).await.unwrap();
    assert_eq!(warned(), [0, 1]);
    scene.build_from(&elsewhere("audits_s3, audits_api"), None).await.unwrap();
    assert_eq!(warned(), [1, 2]);
    // In another partition it is another region.
    let gov = elsewhere("audits_api").replace("eu-west-1", "us-gov-west-1");
    scene.build_from(&gov, None).await.unwrap();
    assert_eq!(warned(), [1, 2]);
}
