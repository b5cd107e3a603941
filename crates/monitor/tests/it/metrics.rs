//! Metrics: what happened stands in them, and Prometheus reads them.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::scene::{Scene, Setting, ask, get, until};

/// The value of a series.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn events(count: usize, table: &'static str) -> Vec<(&'static str, String)> {
    (0..count).map(|number| (table, format!("event {number}"))).collect()
}

async fn busy() -> Scene {
    let mut scene = Setting { warns: true, ..Setting::default() }.scene().await;
    scene.inlet.set_ready(true);
    scene.deliver(events(3, "cloud.aws.cloudtrail.s3.111122223333.eu-west-1")).await;
    scene.give(events(2, "cloud.aws.cloudtrail.s3.444455556666.eu-west-1"));
    let pulled = || scene.health.units().len() == 1;
    until("a unit runs", pulled).await;
    scene
}

#[tokio::test]
async fn what_happened_is_counted_by_unit_and_table_and_not_by_account() {
    let mut scene = busy().await;
    let batch = scene.inlet.next().await.unwrap();
    let (_, text) = get(scene.address, "GET /metrics HTTP/1.1").await;
    let of = r#"{unit="aws/1/unit",table="cloud.aws.cloudtrail.s3""#;
    assert_eq!(value(&text, &format!("quittance_pulled_events_total{of}}}")), Some(5.0), "{text}");
    assert_eq!(value(&text, &format!(r#"quittance_events_total{of},outcome="delivered_closed"}}"#)), Some(3.0));
    assert_eq!(value(&text, &format!("quittance_in_flight_events{of}}}")), Some(2.0));
    assert_eq!(value(&text, &format!("quittance_in_flight_bytes{of}}}")), Some(14.0));
    assert_eq!(value(&text, &format!(r#"quittance_event_bytes_total{of},outcome="delivered"}}"#)), Some(21.0));
    assert!(!text.contains("111122223333"), "an account is in a label");
    assert_eq!(value(&text, r#"quittance_api_calls_total{api="ReceiveMessage"}"#), Some(2.0));
    assert_eq!(value(&text, r#"quittance_api_throttled_total{api="ReceiveMessage"}"#), Some(1.0));
    assert_eq!(value(&text, r#"quittance_api_errors_total{api="GetObject"}"#), Some(1.0));
    assert_eq!(value(&text, r#"quittance_sender_events_total{sender="devo_1",pool="standard"}"#), Some(3.0));
    assert_eq!(value(&text, r#"quittance_sender_ready{sender="devo_1",pool="standard"}"#), Some(1.0));
    assert_eq!(value(&text, r#"quittance_unit_lag_seconds{unit="aws/1/unit"}"#), Some(720.0));
    assert_eq!(value(&text, r#"quittance_unit_problem{unit="aws/1/unit",code="SetupError999"}"#), Some(1.0));
    let end = value(&text, r#"quittance_certificate_not_after_timestamp_seconds{sender="devo_1"}"#);
    assert_eq!(end, Some(4_000_000_000.0));
    assert!(value(&text, r#"quittance_unit_oldest_unsettled_seconds{unit="aws/1/unit"}"#).unwrap() > 0.0);
    assert!(value(&text, r#"quittance_unit_last_event_timestamp_seconds{unit="aws/1/unit"}"#).unwrap() > 1.7e9);
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
    drop(batch);
    let (_, text) = get(scene.address, "GET /metrics HTTP/1.1").await;
    assert_eq!(value(&text, &format!(r#"quittance_events_total{of},outcome="returned"}}"#)), Some(2.0));
    assert_eq!(value(&text, r#"quittance_unit_oldest_unsettled_seconds{unit="aws/1/unit"}"#), Some(0.0));
}

#[tokio::test]
async fn who_reads_open_metrics_gets_them_and_all_others_the_older_text() {
    let scene = busy().await;
    let with = |accept: &str| format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}");
    let open = ask(scene.address, &with("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")).await;
    assert!(open.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{}", open.head);
    assert!(open.body.contains("# TYPE quittance_pulled_events counter\n") && open.body.ends_with("# EOF\n"));
    let plain = ask(scene.address, &with("text/plain")).await;
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4"), "{}", plain.head);
    assert!(plain.body.contains("# TYPE quittance_pulled_events_total counter\n") && !plain.body.contains("# EOF"));
}

#[tokio::test]
async fn tables_beyond_the_bound_are_folded_into_one_and_that_is_said() {
    let mut scene = busy().await;
    drop(scene.inlet.next().await);
    let tags: Vec<&'static str> = (0..600).map(|number| &*format!("my.app.table.t{number}").leak()).collect();
    scene.deliver(tags.iter().map(|tag| (*tag, "x".to_owned())).collect()).await;
    for _ in 0..2 {
        let (_, text) = get(scene.address, "GET /metrics HTTP/1.1").await;
        let series = text.lines().filter(|line| line.starts_with("quittance_pulled_events_total{")).count();
        assert_eq!(series, 501);
        assert_eq!(value(&text, "quittance_metrics_folded_tags"), Some(101.0));
        assert_eq!(value(&text, r#"quittance_pulled_events_total{unit="other",table="other"}"#), Some(101.0));
    }
}

#[tokio::test]
async fn a_refused_reload_is_seen() {
    let scene = busy().await;
    let is_successful = async || {
        let (_, text) = get(scene.address, "GET /metrics HTTP/1.1").await;
        value(&text, "quittance_config_last_reload_successful")
    };
    assert_eq!(is_successful().await, Some(1.0));
    scene.monitor.reloaded(Err("line 3: `outputs` is missing".to_owned()));
    assert_eq!(is_successful().await, Some(0.0));
    assert!(get(scene.page, "GET / HTTP/1.1").await.1.contains("line 3: `outputs` is missing"));
    scene.monitor.reloaded(Ok(()));
    assert_eq!(is_successful().await, Some(1.0));
}

/// The dashboard and the alerts ask for series that there are, and the documentation names every one.
#[tokio::test]
async fn dashboard_alerts_and_documentation_know_the_same_names() {
    let scene = busy().await;
    let standing =
        Setting { unhealthy_after: Duration::from_millis(100), optional: true, ..Setting::default() }.scene().await;
    until("it stands", || standing.health.units().iter().any(|unit| unit.stalled.is_some())).await;
    let (_, text) = get(scene.address, "GET /metrics HTTP/1.1").await;
    let (_, of_standing) = get(standing.address, "GET /metrics HTTP/1.1").await;
    let there: BTreeSet<String> = (text + &of_standing)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned()))
        .collect();
    for file in ["deploy/grafana/quittance.json", "deploy/prometheus/alerts.yaml", "deploy/prometheus/alerts.test.yaml"]
    {
        let unknown: Vec<_> = names_in(file).into_iter().filter(|name| !there.contains(name)).collect();
        assert_eq!(unknown, [""; 0], "{file}");
    }
    let told = names_in("docs/operations.md");
    let untold: Vec<_> = there.iter().filter(|name| name.starts_with("quittance_") && !told.contains(*name)).collect();
    assert_eq!(untold, [""; 0], "not in docs/operations.md");
}

fn root(file: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file)
}

/// Every name of ours in a file.
fn names_in(file: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root(file)).unwrap();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("quittance_")).map(str::to_owned).collect()
}

/// Prometheus's own linter finds nothing; where it is not installed, that is said.
#[tokio::test]
async fn promtool_finds_nothing_to_complain_of() {
    let scene = busy().await;
    let (_, text) = get(scene.address, "GET /metrics HTTP/1.1").await;
    let spawned =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = spawned else {
        eprintln!("WARNING: promtool is not installed (Debian: prometheus): metrics are NOT checked by it");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for (verb, file) in [("check", "deploy/prometheus/alerts.yaml"), ("test", "deploy/prometheus/alerts.test.yaml")] {
        let said = Command::new("promtool").args([verb, "rules"]).arg(root(file)).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    }
}
