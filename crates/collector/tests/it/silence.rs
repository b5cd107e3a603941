//! Silence is a signal: what keeps events from coming is named within the time in which one is expected.

use std::{sync::Arc, time::Duration};

use quittance_collector::{Collector, Config, Parts};
use quittance_core::{Health, Random, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, Place, QueueSettings, Shape},
    certificates::Pki,
    generate::{Origin, cloudtrail, eventbridge, gzip},
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
globals: {id: one, name: quiet}
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
      SERVICE
";

const TRAIL: &str =
    "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, regions: [us-east-1], expect_every: 10m}";
const EVENTS: &str = "service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1], expect_every: 10m}";
const GUARDDUTY: &str = "aws-guardduty: {regions: [us-east-1], expect_every: 10m}";
const LOGS: &str = "cwl_1: {types: [logs], log_groups: [/app/a], regions: [us-east-1], expect_every: 10m}";

const EXPECTED: Duration = Duration::from_secs(600);

/// One service, at an AWS where nothing is wrong.
struct Scene {
    aws: FakeAws,
    sink: Sink,
    detector: String,
    health: Arc<Health>,
    task: JoinHandle<()>,
    stop: CancellationToken,
    rng: fastrand::Rng,
    sent: u64,
    _folder: TempDir,
}

fn place() -> Place {
    Place { region: "us-east-1".to_owned(), ..Place::default() }
}

impl Scene {
    async fn of(service: &str) -> Scene {
        let (folder, pki, aws) = (tempfile::tempdir().unwrap(), Pki::new().unwrap(), FakeAws::new(3));
        pki.write_to(folder.path()).unwrap();
        aws.create_queue("trail", QueueSettings { buckets: vec!["logs".to_owned()], ..QueueSettings::default() });
        aws.create_queue("events", QueueSettings::default());
        aws.create_queue("other", QueueSettings::default());
        aws.notify("logs", "trail", Shape::S3Event);
        aws.put_trail(&place(), "main", "logs", None, serde_json::json!({ "EventSelectors": [] }));
        aws.put_rule("everything", "events");
        aws.create_log_group(&place(), "/app/a");
        let detector = aws.add_detector(&place());
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, CONFIG.replace("SERVICE", service)).unwrap();
        let sink = Sink::new(Keep::Distinct);
        let parts = Parts {
            world: World { clock: Arc::new(AwsClock(aws.clone())), random: Random::seeded(9) },
            http: Some(aws.http_client()),
            dial: Arc::new(SimDial { sink: sink.clone(), tls: pki.server_config().unwrap() }),
            handshakes: Handshakes::default(),
            store: Arc::new(MemoryStore::default()),
            messages: None,
        };
        let stop = CancellationToken::new();
        let collector = Collector::build(Config::load(&path).unwrap(), parts, stop.clone()).await.unwrap();
        let health = collector.health();
        let task = tokio::spawn(async move { collector.run().await.unwrap() });
        let rng = fastrand::Rng::with_seed(5);
        let scene = Scene { aws, sink, detector, health, task, stop, rng, sent: 0, _folder: folder };
        sleep(Duration::from_secs(5)).await;
        scene
    }

    /// An object of the trail, and an event of the rule.
    fn write(&mut self) {
        let origin = Origin::new("111122223333", "us-east-1", self.aws.now());
        let object = cloudtrail::object(&mut self.rng, &origin, self.sent, 1);
        let key = cloudtrail::key(&mut self.rng, &origin);
        self.aws.put_object("logs", &key, gzip(&object, 6));
        let event = eventbridge::event(&mut self.rng, &origin, self.sent);
        self.aws.send("events", event);
        self.sent += 1;
    }

    /// The causes that health shows, in order.
    fn causes(&self) -> Vec<String> {
        let units = self.health.units();
        assert_eq!(units.len(), 1, "{units:?}");
        let quiet = units[0].quiet.iter().flat_map(|quiet| &quiet.causes);
        quiet.map(|cause| format!("{}: {}", cause.code, cause.problem)).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// What is said of a service whose source is changed so after its last event: by then, and not before.
async fn causes_of(service: &str, change: impl FnOnce(&mut Scene)) -> Vec<String> {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::of(service).await;
    scene.write();
    sleep(Duration::from_secs(30)).await;
    change(&mut scene);
    sleep(EXPECTED / 2).await;
    assert_eq!((scene.causes(), log.lines_with("PullError304")), (vec![], vec![]), "too early");
    sleep(EXPECTED / 2).await;
    let causes = scene.causes();
    let said = log.lines_with("PullError304");
    assert_eq!(said.len(), causes.len(), "{causes:?}: {said:?}");
    // It lasts, and is not said again and again.
    sleep(3 * EXPECTED).await;
    assert_eq!((scene.causes().len(), log.lines_with("PullError304").len()), (causes.len(), said.len()));
    scene.end().await;
    causes
}

#[track_caller]
fn assert_says(causes: &[String], expected: &[&str]) {
    assert_eq!(causes, expected);
}

#[tokio::test(start_paused = true)]
async fn while_events_come_nothing_is_said() {
    for service in [TRAIL, EVENTS] {
        let (log, _guard) = Log::keep();
        let mut scene = Scene::of(service).await;
        for _ in 0..40 {
            scene.write();
            sleep(EXPECTED.mul_f64(0.9)).await;
            assert_eq!(scene.causes(), Vec::<String>::new());
        }
        assert_eq!(log.lines_with("PullError304"), Vec::<String>::new());
        for api in ["GetTrailStatus", "GetBucketNotificationConfiguration", "ListRuleNamesByTarget", "DescribeRule"] {
            assert_eq!(scene.aws.calls(api), 0, "{api} is asked only for a cause");
        }
        scene.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_trail_that_is_switched_off_is_named_until_events_come_again() {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::of(TRAIL).await;
    scene.write();
    sleep(Duration::from_secs(60)).await;
    scene.aws.set_logging("main", false);
    sleep(EXPECTED).await;
    let causes = scene.causes();
    assert!(causes.len() == 1, "{causes:?}");
    let expected = "PullError345: trail `main` in us-east-1, which writes into `logs`, is switched off since 20";
    assert!(causes[0].starts_with(expected), "{causes:?}");
    scene.aws.set_logging("main", true);
    scene.aws.refuse_trail("main", Some("AccessDenied"));
    sleep(2 * EXPECTED).await;
    assert_says(&scene.causes(), &["PullError346: trail `main` in us-east-1 cannot write into `logs`: AccessDenied"]);
    assert_eq!(log.lines_with("cause=PullError346").len(), 1, "another cause is said too");
    scene.aws.refuse_trail("main", None);
    scene.write();
    sleep(Duration::from_secs(120)).await;
    assert_eq!((scene.causes(), log.lines_with("events come again").len()), (vec![], 1));
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_feeds_a_queue_is_named_when_it_is_gone() {
    let causes = causes_of(TRAIL, |scene| scene.aws.stop_notifying("logs")).await;
    assert_says(&causes, &["PullError341: bucket `logs` does not announce its objects to queue `trail` in us-east-1"]);
    let causes = causes_of(EVENTS, |scene| scene.aws.enable_rule("everything", false)).await;
    assert_says(&causes, &["PullError344: rule `everything` in us-east-1, which feeds queue `events`, is disabled"]);
    let causes = causes_of(EVENTS, |scene| scene.aws.delete_rule("everything")).await;
    let expected = "PullError343: no rule of EventBridge's default bus in us-east-1 has queue `events` as its target";
    assert_says(&causes, &[expected]);
    // By EventBridge, and the rule is off.
    let causes = causes_of(TRAIL, |scene| {
        scene.aws.stop_notifying("logs");
        scene.aws.notify("logs", "other", Shape::EventBridge);
        scene.aws.put_rule("objects", "trail");
        scene.aws.enable_rule("objects", false);
    });
    assert_says(&causes.await, &["PullError344: rule `objects` in us-east-1, which feeds queue `trail`, is disabled"]);
}

#[tokio::test(start_paused = true)]
async fn objects_that_are_written_and_not_announced_are_named() {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::of(TRAIL).await;
    // By a topic that leads elsewhere.
    scene.aws.stop_notifying("logs");
    scene.aws.notify("logs", "other", Shape::SnsWrapped);
    sleep(EXPECTED / 2 + Duration::from_secs(60)).await;
    scene.write();
    let key = scene.aws.keys("logs").pop().unwrap();
    sleep(EXPECTED / 2).await;
    let expected =
        format!("PullError342: objects are written into bucket `logs`, as `{key}`, and nothing announced them");
    assert_says(&scene.causes(), &[&expected]);
    assert_eq!(log.lines_with("cause=PullError342").len(), 1);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_was_taken_is_named_with_its_time() {
    let causes = causes_of(EVENTS, |scene| scene.aws.fail_while("ReceiveMessage", "AccessDenied")).await;
    assert_eq!(causes.len(), 1, "{causes:?}");
    let (code, problem) = causes[0].split_once(": since ").unwrap();
    assert_eq!(code, "SetupError104");
    let (time, problem) = problem.split_once(" UTC: ").unwrap();
    assert!(time.len() == 8 && problem.starts_with("queue `events` in us-east-1 cannot be used"), "{causes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_looked_at_is_said_to_be_unknown() {
    let denied = |api: &'static str, code: &'static str| move |scene: &mut Scene| scene.aws.fail_while(api, code);
    for (service, api, code, expected) in [
        (
            TRAIL,
            "GetTrailStatus",
            "AccessDeniedException",
            "whether trail `main` is switched on cannot be told: needs cloudtrail:GetTrailStatus",
        ),
        (
            TRAIL,
            "DescribeTrails",
            "AccessDeniedException",
            "whether trails are switched on cannot be told: needs cloudtrail:DescribeTrails",
        ),
        (
            TRAIL,
            "GetBucketNotificationConfiguration",
            "AccessDenied",
            "whether bucket `logs` announces its objects cannot be told: needs s3:GetBucketNotification",
        ),
        (
            EVENTS,
            "ListRuleNamesByTarget",
            "AccessDeniedException",
            "whether a rule of EventBridge has queue `events` as its target cannot be told: needs events:ListRuleNamesByTarget",
        ),
        (
            EVENTS,
            "DescribeRule",
            "AccessDeniedException",
            "whether rule `everything` is enabled cannot be told: needs events:DescribeRule",
        ),
    ] {
        let causes = causes_of(service, denied(api, code)).await;
        assert_says(&causes, &[&format!("PullError307: {expected}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_wrote_nothing_is_said_to_have_written_nothing() {
    for service in [TRAIL, EVENTS, GUARDDUTY, LOGS] {
        let causes = causes_of(service, |_| {}).await;
        assert_says(
            &causes,
            &["PullError306: all that is looked at is as it should be: the source has written nothing"],
        );
    }
}

#[tokio::test(start_paused = true)]
async fn apis_name_what_is_switched_off_or_gone() {
    let causes = causes_of(GUARDDUTY, |scene| scene.aws.suspend_detector(&scene.detector, true)).await;
    assert!(
        causes.len() == 1 && causes[0].starts_with("PullError347: GuardDuty is suspended in us-east-1"),
        "{causes:?}"
    );
    let gone = LOGS.replace("/app/a", "/app/b");
    let causes = causes_of(&gone, |_| {}).await;
    assert!(causes.len() == 1 && causes[0].ends_with("there is no log group `/app/b` in us-east-1"), "{causes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_ours_is_named_before_the_source_is_asked() {
    let mut scene = Scene::of(EVENTS).await;
    scene.sink.set_down(true);
    scene.write();
    sleep(EXPECTED + Duration::from_secs(30)).await;
    let expected = "PullError305: `devo_1` is not known to confirm, so that nothing is asked of the source";
    assert_says(&scene.causes(), &[expected]);
    scene.end().await;

    let mut scene = Scene::of(EVENTS).await;
    scene.aws.fail_while("ReceiveMessage", "ServiceUnavailable");
    // The receive that is under way is over.
    sleep(Duration::from_secs(30)).await;
    scene.write();
    scene.write();
    sleep(EXPECTED).await;
    let expected =
        "PullError340: 2 messages wait in queue `events` in us-east-1, and 0 are held: the collector is behind";
    assert_says(&scene.causes(), &[expected]);
    scene.end().await;
}
