//! A configuration that changes while its collector runs, in virtual time: what is as before goes on untouched.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use quittance_collector::{Collector, CollectorError, Config, Parts, Reloader};
use quittance_core::{Health, Ledger, Random, World};
use quittance_devo::Handshakes;
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, Shape},
    certificates::{Pki, Validity},
    generate::{Origin, cloudtrail, eventbridge, gzip},
    link::SimDial,
    log::Log,
    sink::{Keep, Sink},
    store::MemoryStore,
    unit::AwsClock,
};
use tempfile::TempDir;
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

const TRAIL: &str =
    "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, auto_event_type: true, regions: [us-east-1]}";
const EVENTS: &str = "service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1]}";
const DEVO: &str =
    "devo_1: {type: devo_platform, config: {address: localhost, chain: chain.crt, cert: client.crt, key: client.key}}";

/// What a configuration says; a test changes some of it.
struct Text {
    globals: String,
    outputs: Vec<String>,
    secret: String,
    services: Vec<String>,
}

struct Scene {
    aws: FakeAws,
    sink: Sink,
    folder: TempDir,
    pki: Pki,
    text: Text,
    sent: u64,
    rng: fastrand::Rng,
}

struct Running {
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    reloader: Reloader,
    task: JoinHandle<Result<(), CollectorError>>,
    stop: CancellationToken,
}

impl Scene {
    fn new() -> Scene {
        let (folder, pki, aws) = (tempfile::tempdir().unwrap(), Pki::new().unwrap(), FakeAws::new(3));
        pki.write_to(folder.path()).unwrap();
        for queue in ["trail", "events"] {
            aws.create_queue(queue, QueueSettings::default());
        }
        aws.notify("logs", "trail", Shape::SnsWrapped);
        let text = Text {
            globals: String::new(),
            outputs: vec![DEVO.to_owned()],
            secret: "secret".to_owned(),
            services: vec![TRAIL.to_owned(), EVENTS.to_owned()],
        };
        let (sink, rng) = (Sink::new(Keep::Distinct), fastrand::Rng::with_seed(5));
        Scene { aws, sink, folder, pki, text, sent: 0, rng }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    fn write(&self) {
        let Text { globals, outputs, secret, services } = &self.text;
        let (outputs, services) = (outputs.join("\n  "), services.join("\n      "));
        let text = format!(
            "
globals: {{id: one, name: whole{globals}}}
outputs:
  {outputs}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials: {{access_key: AKIATEST, access_secret: '{secret}'}}
    services:
      {services}
"
        );
        fs::write(self.path(), text).unwrap();
    }

    /// Objects of ten events each, and as many events in the other queue.
    fn fill(&mut self, objects: u64) {
        let origin = Origin::new("111122223333", "eu-west-1", self.aws.now());
        for n in self.sent..self.sent + objects {
            let object = cloudtrail::object(&mut self.rng, &origin, n * 10, 10);
            let key = cloudtrail::key(&mut self.rng, &origin);
            self.aws.put_object("logs", &key, gzip(&object, 6));
            for event in 0..10 {
                self.aws.send("events", eventbridge::event(&mut self.rng, &origin, n * 10 + event));
            }
        }
        self.sent += objects;
    }

    async fn run(&self) -> Running {
        self.write();
        let parts = Parts {
            world: World { clock: Arc::new(AwsClock(self.aws.clone())), random: Random::seeded(9) },
            http: Some(self.aws.http_client()),
            dial: Arc::new(SimDial { sink: self.sink.clone(), tls: self.pki.server_config().unwrap() }),
            handshakes: Handshakes::default(),
            store: Arc::new(MemoryStore::default()),
            messages: None,
        };
        let stop = CancellationToken::new();
        let collector = Collector::build(Config::load(self.path()).unwrap(), parts, stop.clone()).await.unwrap();
        let (ledger, health, reloader) = (collector.ledger(), collector.health(), collector.reloader());
        Running { ledger, health, reloader, task: tokio::spawn(collector.run()), stop }
    }

    async fn until_empty(&self, queues: &[&str]) {
        let left = || queues.iter().map(|queue| self.aws.counts(queue)).map(|c| c.visible + c.in_flight).sum::<u64>();
        for _ in 0..10_000 {
            if left() == 0 {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("{} messages are left", left());
    }

    /// Everything that was sent so far has arrived, and nothing twice.
    fn assert_exact(&self) {
        let totals = self.sink.totals();
        assert_eq!((totals.events, totals.distinct), (self.sent * 20, self.sent * 20));
    }
}

impl Running {
    /// Has the configuration read again, and waits for what becomes of it.
    async fn reload(&self, scene: &Scene) -> Result<(), String> {
        scene.write();
        self.reload_as_it_is().await
    }

    async fn reload_as_it_is(&self) -> Result<(), String> {
        let before = self.health.reloaded();
        self.reloader.ask();
        while self.health.reloaded() == before {
            sleep(Duration::from_millis(1)).await;
        }
        self.health.reloaded().unwrap().refused.map_or(Ok(()), Err)
    }

    fn units(&self) -> Vec<String> {
        self.health.units().into_iter().map(|unit| unit.unit.to_string()).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        assert!(self.ledger.total().balances());
        assert_eq!(self.ledger.total().in_flight, 0);
    }
}

/// How often the puller of each service was started.
fn starts(log: &Log) -> [usize; 2] {
    let lines = log.lines_with("puller started");
    ["audit-events-all", "service-events-all"].map(|of| lines.iter().filter(|line| line.contains(of)).count())
}

#[tokio::test(start_paused = true)]
async fn a_reload_under_load_loses_and_doubles_nothing_and_restarts_only_what_changed() {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::new();
    let running = scene.run().await;
    for round in 0..12_u64 {
        scene.fill(5);
        // In the midst of a pass, of a receipt, of a receive: always somewhere else.
        sleep(Duration::from_millis(8000 + round * 137)).await;
        scene.fill(1);
        sleep(Duration::from_millis(round * 20)).await;
        scene.text.services[1] = EVENTS.replace('}', &format!(", max_event_bytes: {}}}", 100_000 + round));
        running.reload(&scene).await.unwrap();
    }
    scene.until_empty(&["trail", "events"]).await;
    scene.assert_exact();
    assert_eq!(starts(&log), [1, 13]);
    assert_eq!(running.health.reloaded().unwrap().taken, 12);
    running.end().await;
}

/// Connections count too: those of an output that is as before are ended for their receipts alone.
#[tokio::test(start_paused = true)]
async fn a_reload_that_changes_nothing_touches_nothing() {
    let mut connections = Vec::new();
    for reloads in [0, 20] {
        let (log, _guard) = Log::keep();
        let mut scene = Scene::new();
        let running = scene.run().await;
        scene.fill(10);
        sleep(Duration::from_secs(1)).await;
        for _ in 0..reloads {
            running.reload(&scene).await.unwrap();
        }
        scene.until_empty(&["trail", "events"]).await;
        scene.assert_exact();
        assert_eq!(starts(&log), [1, 1]);
        assert_eq!(log.lines_with("another sender takes the output's place").len(), 0);
        connections.push(scene.sink.totals().connections);
        running.end().await;
    }
    assert_eq!(connections[0], connections[1]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_configuration_is_refused_with_its_reasons_and_the_old_one_goes_on() {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::new();
    let running = scene.run().await;
    assert_eq!(running.health.reloaded(), None);

    scene.text.services[1] = "service-events-all: {regions: [us-east-1]}".to_owned();
    let refused = running.reload(&scene).await.unwrap_err();
    assert!(refused.contains("service-events-all.cloudwatch_sqs_queue_name: missing"), "{refused}");
    fs::write(scene.path(), "globals: {id: [").unwrap();
    assert!(running.reload_as_it_is().await.is_err());
    fs::remove_file(scene.path()).unwrap();
    let refused = running.reload_as_it_is().await.unwrap_err();
    assert!(refused.contains("cannot read the configuration"), "{refused}");
    scene.text.services[1] = EVENTS.to_owned();
    scene.text.outputs[0] = DEVO.replace("client.crt", "server.crt");
    let refused = running.reload(&scene).await.unwrap_err();
    assert!(refused.contains("devo_1"), "a key of another certificate: {refused}");
    scene.text.outputs[0] = DEVO.to_owned();
    for (globals, named) in [
        (", probes_address: '127.0.0.1:1'", "globals.probes_address"),
        (", persistence: {config: {directory_name: other}}", "globals.persistence"),
    ] {
        scene.text.globals = globals.to_owned();
        let refused = running.reload(&scene).await.unwrap_err();
        assert_eq!(refused, format!("{named} changed, which needs a restart"));
    }
    let said = log.lines_with("the changed configuration is refused");
    assert!(said.len() == 6 && said.iter().all(|line| line.contains("InitVariablesError14")), "{said:?}");

    scene.fill(5);
    scene.until_empty(&["trail", "events"]).await;
    scene.assert_exact();
    assert_eq!(starts(&log), [1, 1]);
    scene.text.globals = String::new();
    running.reload(&scene).await.unwrap();
    let last = running.health.reloaded().unwrap();
    assert_eq!((last.refused, last.taken, last.refusals), (None, 1, 6));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_is_shown_by_new_connections_and_old_receipts_settle() {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::new();
    let running = scene.run().await;
    scene.fill(20);
    sleep(Duration::from_millis(200)).await;
    let renewed = scene.pki.authority.client("renewed", Validity::LONG).unwrap();
    renewed.write_to(scene.folder.path(), "client").unwrap();
    assert!(scene.sink.clients().iter().all(|shown| shown == scene.pki.client.certificate_der()));
    // The configuration itself is as before.
    running.reload_as_it_is().await.unwrap();
    // What was given to the sender before goes by its connections.
    sleep(Duration::from_secs(5)).await;
    let before = scene.sink.clients().len();
    assert!(before > 0);
    scene.fill(20);
    scene.until_empty(&["trail", "events"]).await;
    let after = scene.sink.clients().split_off(before);
    assert!(!after.is_empty() && after.iter().all(|shown| shown == renewed.certificate_der()));
    scene.assert_exact();
    assert_eq!(starts(&log), [1, 1], "units do not care whose certificate carries their events");
    assert_eq!(running.ledger.total().returned, 0);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_output_that_changes_while_its_destination_is_away_keeps_nothing_back() {
    let mut scene = Scene::new();
    let running = scene.run().await;
    scene.fill(10);
    sleep(Duration::from_millis(300)).await;
    scene.sink.set_down(true);
    scene.sink.reset_open();
    sleep(Duration::from_secs(30)).await;
    scene.text.outputs[0] = DEVO.replace("localhost", "127.0.0.1");
    running.reload(&scene).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    scene.sink.set_down(false);
    scene.until_empty(&["trail", "events"]).await;
    assert_eq!(scene.sink.totals().distinct, scene.sent * 20);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_unit_stops_in_order_and_comes_back_when_it_is_wanted_again() {
    let mut scene = Scene::new();
    let running = scene.run().await;
    scene.fill(30);
    sleep(Duration::from_millis(400)).await;
    assert_eq!(running.units().len(), 2);
    scene.text.services.truncate(1);
    running.reload(&scene).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(running.units(), ["aws/10001/audit-events-all/audits_s3/us-east-1/trail"]);
    scene.fill(5);
    scene.until_empty(&["trail"]).await;
    let left = scene.aws.counts("events");
    assert!(left.in_flight == 0 && left.visible >= 50, "{left:?}");
    scene.text.services.push(EVENTS.to_owned());
    running.reload(&scene).await.unwrap();
    scene.until_empty(&["events"]).await;
    scene.assert_exact();
    running.end().await;
}

/// Added and taken away while it is still ending: there is never more than one of it.
#[tokio::test(start_paused = true)]
async fn a_unit_that_comes_and_goes_quickly_runs_once_at_a_time() {
    let mut scene = Scene::new();
    let running = scene.run().await;
    for round in 0..30 {
        scene.fill(1);
        match round % 3 {
            0 => scene.text.services.truncate(1),
            1 => scene.text.services.push(EVENTS.to_owned()),
            _ => scene.text.services[1] = EVENTS.replace('}', &format!(", max_event_bytes: {}}}", 100_000 + round)),
        }
        running.reload(&scene).await.unwrap();
    }
    scene.until_empty(&["trail", "events"]).await;
    scene.assert_exact();
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn outputs_come_and_go() {
    let mut scene = Scene::new();
    let running = scene.run().await;
    let names = || running.health.outputs().iter().map(|output| output.name().to_owned()).collect::<Vec<_>>();
    scene.fill(5);
    scene.until_empty(&["trail", "events"]).await;
    scene.text.outputs.push(DEVO.replace("devo_1", "devo_2"));
    running.reload(&scene).await.unwrap();
    assert_eq!(names(), ["devo_1", "devo_2"]);
    scene.fill(5);
    scene.until_empty(&["trail", "events"]).await;
    assert_eq!((scene.sink.totals().events, scene.sink.totals().distinct), (300, 200));
    assert!(running.health.outputs().iter().all(|output| output.is_ready()));
    scene.text.outputs.remove(0);
    running.reload(&scene).await.unwrap();
    assert_eq!(names(), ["devo_2"]);
    scene.fill(5);
    scene.until_empty(&["trail", "events"]).await;
    assert_eq!((scene.sink.totals().events, scene.sink.totals().distinct), (400, 300));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_noticed_without_a_signal_once_it_is_whole() {
    let (log, _guard) = Log::keep();
    let mut scene = Scene::new();
    fs::write(scene.folder.path().join("secret.txt"), "one\n").unwrap();
    scene.text.secret = "file:secret.txt".to_owned();
    let running = scene.run().await;
    let watching = tokio::spawn({
        let reloader = running.reloader.clone();
        async move { match reloader.watch().await {} }
    });
    sleep(Duration::from_secs(60)).await;
    assert_eq!(running.health.reloaded(), None);

    // Written in pieces: none of them is taken.
    scene.text.services.truncate(1);
    scene.write();
    let text = fs::read_to_string(scene.path()).unwrap();
    for piece in 1..20 {
        fs::write(scene.path(), &text[..text.len() * piece / 20]).unwrap();
        sleep(Duration::from_secs(4)).await;
    }
    assert_eq!(running.health.reloaded(), None);
    fs::write(scene.path(), &text).unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(running.health.reloaded().unwrap().taken, 1);
    assert_eq!((running.units().len(), starts(&log)), (1, [1, 1]));

    // A secret in a file of its own, and a certificate.
    fs::write(scene.folder.path().join("secret.txt"), "two-of-the-secrets\n").unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((running.health.reloaded().unwrap().taken, starts(&log)), (2, [2, 1]));
    let renewed = scene.pki.authority.client("renewed", Validity::LONG).unwrap();
    renewed.write_to(scene.folder.path(), "client").unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((running.health.reloaded().unwrap().taken, starts(&log)), (3, [2, 1]));
    assert_eq!(log.lines_with("two-of-the-secrets").len(), 0);

    // What is refused is not tried again until something changes; what was missing may come.
    scene.text.secret = "file:later.txt".to_owned();
    scene.write();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(running.health.reloaded().unwrap().refusals, 1);
    fs::write(scene.folder.path().join("later.txt"), "three").unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((running.health.reloaded().unwrap().taken, starts(&log)), (4, [3, 1]));

    // Looking can be switched off, and then takes a signal to be switched on.
    scene.text.globals = ", reload_interval: 0".to_owned();
    running.reload(&scene).await.unwrap();
    scene.text.services.push(EVENTS.to_owned());
    scene.write();
    sleep(Duration::from_secs(600)).await;
    assert_eq!((running.health.reloaded().unwrap().taken, running.units().len()), (5, 1));
    running.reload_as_it_is().await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(running.units().len(), 2);
    watching.abort();
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_reloads_leak_no_task_and_no_file() {
    let mut scene = Scene::new();
    let running = scene.run().await;
    let mut after = Vec::new();
    for round in 0..=100_u64 {
        scene.fill(1);
        scene.text.services[0] = TRAIL.replace('}', &format!(", max_event_bytes: {}}}", 100_000 + round % 7));
        scene.text.outputs.truncate(1);
        if round % 4 == 3 {
            scene.text.outputs.push(DEVO.replace("devo_1", "devo_2"));
        }
        scene.text.outputs[0] = DEVO.replace("localhost", ["localhost", "127.0.0.1"][round as usize % 2]);
        running.reload(&scene).await.unwrap();
        if round % 50 == 0 {
            scene.until_empty(&["trail", "events"]).await;
            sleep(Duration::from_secs(120)).await;
            let files = fs::read_dir("/proc/self/fd").unwrap().count();
            after.push((Handle::current().metrics().num_alive_tasks(), files));
        }
    }
    assert_eq!(scene.sink.totals().distinct, scene.sent * 20);
    let (first, last) = (after[0], after[2]);
    assert!(last.0 <= first.0 + 2 && last.1 <= first.1 + 8, "tasks and files after 0, 50 and 100 reloads: {after:?}");
    running.end().await;
}
