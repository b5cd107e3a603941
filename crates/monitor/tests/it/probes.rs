//! Probes: each says what it is for, and none more; who asks badly, or never, disturbs nobody.

use std::time::Duration;

use quittance_monitor::{AskError, Output, ask};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::scene::{Scene, Setting, get, until};

async fn scene(unhealthy_after: Duration) -> Scene {
    Setting { unhealthy_after, ..Setting::default() }.scene().await
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
    let scene = Setting { optional: true, ..Setting::default() }.scene().await;
    scene.inlet.set_ready(true);
    let (status, body) = get(scene.address, "GET /readyz HTTP/1.1").await;
    let siem = r#"{"name":"siem","confirms":false,"optional":{"offered":0,"confirmed":0,"lost":0}}"#;
    let expected = format!(r#"{{"healthy":true,"outputs":[{{"name":"devo_1","confirms":true}},{siem}]}}"#);
    assert_eq!((status, body), (200, expected));
}

#[tokio::test]
async fn what_is_lost_to_an_optional_output_is_counted() {
    let mut scene = Setting { optional: true, ..Setting::default() }.scene().await;
    scene.inlet.set_ready(true);
    for _ in 0..3 {
        scene.deliver(vec![("my.app.a.b", "x".repeat(1000))]).await;
    }
    let (_, metrics) = get(scene.address, "GET /metrics HTTP/1.1").await;
    // There is room for one of them.
    for line in [
        r#"quittance_optional_offered_events_total{sender="siem"} 3"#,
        r#"quittance_optional_confirmed_events_total{sender="siem"} 0"#,
        r#"quittance_optional_lost_events_total{sender="siem"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line}:\n{metrics}");
    }
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
