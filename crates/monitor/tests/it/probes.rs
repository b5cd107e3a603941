//! Probes: each says what it is for, and none more; who asks badly, or never, disturbs nobody.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use quittance_core::{
    Budget, Ended, Failure, Finding, Health, Inlet, Ledger, NoStore, Puller, PullerContext, Random, Setup, Supervisor,
    SystemClock, Unit, UnitId, Watchdog, World, optional_output, output,
};
use quittance_monitor::{AskError, Output, Probes, ask};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// A unit whose source never answers.
struct Silent;

#[async_trait]
impl Setup for Silent {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Puller for Silent {
    async fn run(&self, context: PullerContext) -> Ended {
        context.stop.cancelled().await;
        Ended::Stopped
    }
}

struct Scene {
    inlet: Inlet,
    health: Arc<Health>,
    address: SocketAddr,
    _tasks: [JoinHandle<Infallible>; 2],
}

/// A collector with one unit, which is unhealthy after `unhealthy_after`.
async fn scene(unhealthy_after: Duration) -> Scene {
    scene_with(unhealthy_after, Vec::new()).await
}

/// The same with other outputs beside the required one.
async fn scene_with(unhealthy_after: Duration, others: Vec<quittance_core::Output>) -> Scene {
    let (end, inlet) = output("devo_1");
    let health = Arc::<Health>::default();
    let outputs: Arc<[_]> = std::iter::once(end).chain(others).collect();
    let supervisor = Supervisor {
        outputs: outputs.clone(),
        budget: Budget::new(1 << 20),
        ledger: Arc::new(Ledger::default()),
        health: health.clone(),
        store: Arc::new(NoStore),
        world: World { clock: Arc::new(SystemClock), random: Random::seeded(1) },
        watch: Duration::from_secs(45),
        stop: CancellationToken::new(),
    };
    let (ledger, clock) = (supervisor.ledger.clone(), supervisor.world.clock.clone());
    let watchdog = Watchdog { health: health.clone(), ledger, outputs: outputs.clone(), clock, unhealthy_after };
    let silent = Arc::new(Silent);
    let id = UnitId::new(&["aws", "1", "unit"]);
    let unit = Unit { id, source: String::new(), tag: String::new(), setup: silent.clone(), puller: silent };
    tokio::spawn(supervisor.run(vec![unit]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let probes = Probes { health: health.clone(), outputs: outputs.iter().map(|output| output.readiness()).collect() };
    let _tasks = [tokio::spawn(watchdog.run()), tokio::spawn(probes.serve(listener))];
    Scene { inlet, health, address, _tasks }
}

/// The status and the body of an answer.
async fn get(address: SocketAddr, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(20), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(patience.await.is_ok(), "never: {what}");
}

#[tokio::test]
async fn an_outage_of_the_destination_is_no_reason_to_restart() {
    let scene = scene(Duration::from_secs(3600)).await;
    assert_eq!(get(scene.address, "GET /livez HTTP/1.1").await, (200, "ok\n".to_owned()));
    let (status, body) = get(scene.address, "GET /readyz HTTP/1.1").await;
    assert_eq!((status, &*body), (503, r#"{"healthy":false,"outputs":[{"name":"devo_1","confirms":false}]}"#));
    assert_eq!(get(scene.address, "GET /healthz HTTP/1.1").await.0, 503);
    scene.inlet.set_ready(true);
    assert_eq!(get(scene.address, "GET /readyz HTTP/1.1").await.0, 200);
    assert_eq!(get(scene.address, "GET /healthz?verbose HTTP/1.1").await.0, 200);
}

#[tokio::test]
async fn a_unit_that_does_not_get_on_is_named_with_its_stage() {
    let scene = scene(Duration::from_millis(200)).await;
    scene.inlet.set_ready(true);
    until("the unit is unhealthy", || scene.health.units().iter().any(|unit| unit.stalled.is_some())).await;
    let health = ask(scene.address).await.unwrap();
    assert!(!health.healthy);
    assert_eq!(health.outputs, [Output { name: "devo_1".to_owned(), confirms: true, optional: None }]);
    let units = health.units.unwrap();
    assert_eq!((&*units[0].unit, units[0].healthy, units[0].stage.as_deref()), ("aws/1/unit", false, Some("source")));
    assert_eq!(get(scene.address, "GET /readyz HTTP/1.1").await.0, 200, "its output confirms");
    assert_eq!(get(scene.address, "GET /livez HTTP/1.1").await.0, 200);
}

#[tokio::test]
async fn an_optional_output_that_is_away_makes_nothing_unwell_and_is_shown_with_its_account() {
    let (optional, _other) = optional_output("siem", 1 << 10);
    let scene = scene_with(Duration::from_secs(3600), vec![optional]).await;
    scene.inlet.set_ready(true);
    let (status, body) = get(scene.address, "GET /readyz HTTP/1.1").await;
    let siem = r#"{"name":"siem","confirms":false,"optional":{"offered":0,"confirmed":0,"lost":0}}"#;
    let expected = format!(r#"{{"healthy":true,"outputs":[{{"name":"devo_1","confirms":true}},{siem}]}}"#);
    assert_eq!((status, body), (200, expected));
}

#[tokio::test]
async fn whatever_else_is_asked_is_refused() {
    let scene = scene(Duration::from_secs(3600)).await;
    assert_eq!(get(scene.address, "GET / HTTP/1.1").await.0, 404);
    assert_eq!(get(scene.address, "GET /livez/../etc/passwd HTTP/1.1").await.0, 404);
    assert_eq!(get(scene.address, "POST /livez HTTP/1.1").await.0, 405);
    assert_eq!(get(scene.address, "HEAD /livez HTTP/1.1").await, (200, String::new()));
}

#[tokio::test]
async fn who_connects_and_says_nothing_keeps_a_few_others_from_nothing() {
    let scene = scene(Duration::from_secs(3600)).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(scene.address).await.unwrap());
    }
    assert_eq!(get(scene.address, "GET /livez HTTP/1.1").await.0, 200);
}

#[tokio::test]
async fn where_no_collector_answers_that_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stranger = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        _ = stream.read(&mut [0; 1024]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
    });
    assert!(matches!(ask(address).await, Err(AskError::Stranger { .. })));
    stranger.await.unwrap();
    let error = ask(address).await.unwrap_err();
    assert!(error.to_string().contains("nobody answers at 127.0.0.1:"), "{error}");
}
