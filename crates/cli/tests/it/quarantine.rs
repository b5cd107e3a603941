//! `quittance quarantine`, on what a collector has set aside.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use quittance_core::{Clock, Quarantined, Store, SystemClock, UnitId};
use quittance_state::{Settings, Sqlite};
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, Shape, server},
    sink::{Keep, Sink},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::scene::{ODD, Said, Scene, assert_plain, quittance};

const TRAIL: &str = "aws/12351/audit-events-all/audits_s3/eu-west-1/trail";
const LOGS: &str = "aws/12351/custom-logs/eu-west-1";

/// `quittance quarantine` with more arguments.
fn quarantine(scene: &Scene, arguments: &[&str]) -> Said {
    let path = scene.file("config.yaml");
    fs::write(&path, &scene.yaml).unwrap();
    let (verb, rest) = arguments.split_first().unwrap();
    quittance(&[&["quarantine", *verb, "--config", path.to_str().unwrap()], rest].concat())
}

fn open(scene: &Scene) -> Sqlite {
    Sqlite::open(&scene.file("state"), Settings::default()).unwrap()
}

fn ids(scene: &Scene, arguments: &[&str]) -> Vec<i64> {
    let shown: Value =
        serde_json::from_str(&quarantine(scene, &[&["list", "--json"], arguments].concat()).out).unwrap();
    shown["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// Three items of two units, the first of long ago.
async fn fill(scene: &Scene) {
    let store = open(scene);
    let bodies = [(TRAIL, &b"red \x1b[31m and \xff\n"[..]), (TRAIL, b"a customer's words"), (LOGS, b"")];
    for (number, (unit, bytes)) in (1..).zip(bodies) {
        let item = Quarantined {
            unit: UnitId::new(&[unit]),
            address: format!("message {number}\n\x1b[0m"),
            reason: "no JSON".to_owned(),
            bytes: bytes.to_vec(),
            at: if number == 1 { SystemTime::UNIX_EPOCH } else { SystemClock.wall() },
            again: String::new(),
        };
        store.quarantine(store.fence(), &item).await.unwrap();
    }
}

#[tokio::test]
async fn a_list_tells_everything_but_the_content() {
    let scene = Scene::new();
    assert_eq!(quarantine(&scene, &["list"]).out, "0 items with 0 bytes; 0 of 268435456 bytes are in use\n");
    fill(&scene).await;
    let said = quarantine(&scene, &["list"]);
    let first = "1  1970-01-01T00:00:00Z  16 bytes  message 1\\n\\u{1b}[0m: no JSON";
    assert!(said.out.starts_with(&format!("{TRAIL}\n  {first}\n  2  ")), "{}", said.out);
    assert!(said.out.ends_with("\n3 items with 34 bytes; 802 of 268435456 bytes are in use\n"), "{}", said.out);
    let shown: Value = serde_json::from_str(&quarantine(&scene, &["list", "--json"]).out).unwrap();
    assert_eq!((&shown["used_bytes"], &shown["full"]), (&json!(802), &json!(false)));
    let expected = json!({
        "id": 1, "at": "1970-01-01T00:00:00Z", "unit": TRAIL, "address": "message 1\n\u{1b}[0m", "reason": "no JSON", "bytes": 16,
    });
    assert_eq!(shown["items"][0], expected);
    for text in [said.out, shown.to_string()] {
        assert!(!text.contains("customer"), "{text}");
    }
    assert_eq!(ids(&scene, &["--unit", "aws/12351/custom-logs"]), [3]);
}

#[tokio::test]
async fn a_full_quarantine_says_so() {
    let scene =
        Scene::new().but("  name: aws01\n", "  name: aws01\n  persistence: {config: {quarantine_max_bytes: 1000}}\n");
    fill(&scene).await;
    let said = quarantine(&scene, &["list"]);
    assert!(said.out.ends_with("it is full, and what should go there stays where it is\n"), "{}", said.out);
}

#[tokio::test]
async fn an_item_is_shown_so_that_no_terminal_obeys_it_or_as_it_is() {
    let scene = Scene::new();
    fill(&scene).await;
    let said = quarantine(&scene, &["show", "1"]);
    assert!(said.out.contains("\naddress  message 1\\n\\u{1b}[0m\n"), "{}", said.out);
    assert!(said.out.ends_with("\n\nred \\u{1b}[31m and \\xff\n\n"), "{}", said.out);
    let path = scene.file("config.yaml");
    let raw = Command::new(env!("CARGO_BIN_EXE_quittance"))
        .args(["quarantine", "show", "1", "--raw", "--config", path.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(raw.stdout, b"red \x1b[31m and \xff\n");
    let said = quarantine(&scene, &["show", "4"]);
    assert_eq!((said.code, &*said.out), (Some(1), ""));
    assert!(said.err.contains("there is no item 4"), "{}", said.err);
}

#[tokio::test]
async fn nothing_is_discarded_without_a_yes_and_then_only_what_is_meant() {
    let scene = Scene::new();
    fill(&scene).await;
    let said = quarantine(&scene, &["discard", "--all"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("3 items with 34 bytes") && said.out.ends_with("add --yes\n"), "{}", said.out);
    assert_eq!(ids(&scene, &[]), [1, 2, 3]);
    assert_eq!(quarantine(&scene, &["discard"]).code, Some(2), "nobody is meant");
    assert_eq!(quarantine(&scene, &["discard", "1", "77", "--yes"]).code, Some(1), "77 is none");
    assert_eq!(ids(&scene, &[]), [1, 2, 3]);
    let said = quarantine(&scene, &["discard", "--older-than", "30d", "--yes"]);
    assert_eq!((said.code, &*said.out), (Some(0), "discarded: 1 item, 16 bytes\n"));
    assert_eq!(ids(&scene, &[]), [2, 3]);
    assert_eq!(quarantine(&scene, &["discard", "--unit", LOGS, "--yes"]).code, Some(0));
    assert_eq!(ids(&scene, &[]), [2]);
    assert_eq!(quarantine(&scene, &["discard", "2", "--yes"]).out, "discarded: 1 item, 18 bytes\n");
    let file = fs::read(scene.file("state/quittance.sqlite")).unwrap();
    assert!(!file.windows(10).any(|part| part == b"customer's"), "it is still in the file");
    assert_eq!(quarantine(&scene, &["discard", "--all", "--yes"]).code, Some(1), "there is nothing");
}

#[tokio::test]
async fn a_quarantine_that_a_collector_holds_is_left_alone() {
    let scene = Scene::new();
    fill(&scene).await;
    let _held = open(&scene);
    for arguments in [&["list"][..], &["show", "1"], &["discard", "--all", "--yes"], &["replay", "--all"]] {
        let said = quarantine(&scene, arguments);
        assert_eq!((said.code, &*said.out), (Some(1), ""));
        assert!(said.err.contains("in use by another process"), "{}", said.err);
    }
}

/// A collector over real sockets: what it sets aside is given when its cause is mended, and what is not stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_replayed_against_receipts() {
    let (aws, sink, stop) = (FakeAws::new(1), Sink::new(Keep::Distinct), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    aws.set_base_url(&endpoint);
    aws.create_queue("trail", QueueSettings::default());
    aws.notify("logs", "trail", Shape::S3Event);
    tokio::spawn(server::serve(aws.clone(), listener, stop.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = format!("port: {}", listener.local_addr().unwrap().port());
    let short = "        types: [audits_s3]\n        max_event_bytes: 2000\n";
    let mut scene = Scene::new()
        .but("http://localhost:1", &endpoint)
        .but("port: 443", &port)
        .but("        types: [audits_s3]\n", short);
    let (receiver, tls, until) = (sink.clone(), scene.pki.server_config().unwrap(), stop.clone());
    tokio::spawn(async move { receiver.serve(listener, tls, until).await });
    let _stop = stop.drop_guard();
    let words = "a customer's words ".repeat(200);
    let records = json!({ "Records": [{ "eventName": "short" }, { "eventName": words }, { "eventName": "other" }] });
    let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/05/111122223333_CloudTrail_eu-west-1_x.json";
    aws.put_object("logs", key, records.to_string());
    aws.send("trail", "garbage with a customer's words");

    let path = scene.file("config.yaml");
    fs::write(&path, &scene.yaml).unwrap();
    let mut running = Command::new(env!("CARGO_BIN_EXE_quittance"))
        .args(["run", "--config", path.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(fs::File::create(scene.file("log")).unwrap())
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if aws.counts("trail").deleted == 2 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let log = || fs::read_to_string(scene.file("log")).unwrap();
    assert_eq!(aws.counts("trail").deleted, 2, "{}", log());
    Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(running.wait().unwrap().success());
    assert!(log().contains("set aside") && !log().contains("customer's"), "{}", log());
    assert_eq!(sink.totals().distinct, 2);
    let mode = |name: &str| fs::metadata(scene.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/quittance.sqlite")), (0o700, 0o600));

    assert_eq!(ids(&scene, &[]).len(), 2);
    let said = quarantine(&scene, &["replay", "--all", "--dry-run"]);
    assert!(said.code == Some(0) && said.out.contains("this would be given once more"), "{}", said.out);
    let said = tokio::task::block_in_place(|| quarantine(&scene, &["replay", "--all"]));
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.contains("longer than `max_event_bytes` (2000) [PullError316]"), "{}", said.out);
    assert!(said.out.contains("[SaveStateError505]"), "{}", said.out);
    assert!(said.out.ends_with("0 of 2 items delivered and out of the quarantine\n"), "{}", said.out);
    assert_eq!((sink.totals().distinct, ids(&scene, &[]).len()), (2, 2));

    scene.yaml = scene.yaml.replace("max_event_bytes: 2000", "max_event_bytes: 20000");
    let said = tokio::task::block_in_place(|| quarantine(&scene, &["replay", "--all"]));
    assert_eq!(said.code, Some(1), "the garbage stays: {}{}", said.out, said.err);
    assert!(said.out.ends_with("1 of 2 items delivered and out of the quarantine\n"), "{}", said.out);
    assert_eq!((sink.totals().events, sink.totals().distinct), (3, 3));
    assert_eq!(ids(&scene, &[]).len(), 1);
    scene.yaml = scene.yaml.replace("id: 12351", "id: other");
    let said = tokio::task::block_in_place(|| quarantine(&scene, &["replay", "--unit", TRAIL]));
    assert!(said.out.contains("its unit is not in the configuration"), "{}{}", said.out, said.err);
}

/// Names, reasons and content are others' words.
#[tokio::test]
async fn nothing_that_was_set_aside_is_obeyed_by_a_terminal() {
    let scene = Scene::new();
    let store = open(&scene);
    let item = Quarantined {
        unit: UnitId::new(&["aws", ODD]),
        address: ODD.to_owned(),
        reason: ODD.to_owned(),
        bytes: format!("{ODD}\n").into_bytes(),
        at: SystemTime::UNIX_EPOCH,
        again: ODD.to_owned(),
    };
    store.quarantine(store.fence(), &item).await.unwrap();
    drop(store);
    for arguments in [&["list"][..], &["list", "--json"], &["replay", "1", "--dry-run"], &["discard", "1"]] {
        let said = quarantine(&scene, arguments);
        assert_plain(&said);
        assert!(said.out.contains("ERROR forged"), "{}", said.out);
    }
    let shown: Value = serde_json::from_str(&quarantine(&scene, &["list", "--json"]).out).unwrap();
    assert_eq!(shown["items"][0]["address"], ODD);
    // What stands in it may have lines of its own, below everything that is said of it.
    let said = quarantine(&scene, &["show", "1"]);
    let (head, content) = said.out.split_once("\n\n").unwrap();
    assert_plain(&Said { code: None, out: head.to_owned(), err: content.replace("\nERROR", "\n ERROR") });
}
