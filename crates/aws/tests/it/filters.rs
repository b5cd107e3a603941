//! The user's filters in the engines that hold messages.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quittance_aws::{FilterSection, Filters, Limits};
use quittance_core::Dropped;
use serde_json::{Value, json};

use crate::scene::{BUCKET, Fate, QUEUE, Scene, Trail, limits};

fn filtered(scene: &mut Scene, filters: Value) {
    let sections: Vec<FilterSection> = serde_json::from_value(filters).unwrap();
    scene.account = Arc::new(scene.account.filtered(Arc::new(Filters::new("one", &sections).unwrap())));
}

fn filters() -> Value {
    json!([
        {"name": "quiet", "when": [{"field": "kind", "is": ["quiet"]}], "action": "drop"},
        {"name": "half", "when": [{"field": "kind", "is": ["many"]}], "sample": 2},
        {"when": [{"field": "secret", "present": true}], "mask": ["secret"], "route": "my.app.test.masked"},
    ])
}

const RECORDS: [&str; 5] = [
    r#"{"kind":"quiet","n":1}"#,
    r#"{"kind":"loud","n":2}"#,
    r#"{"kind":"loud","secret":"abc","n":3}"#,
    r#"{"kind":"quiet","n":4}"#,
    r#"{"kind":"loud","n":5}"#,
];

fn sent() -> Vec<String> {
    let mut sent = vec![RECORDS[1].to_owned(), RECORDS[2].replace("abc", "***"), RECORDS[4].to_owned()];
    sent.sort();
    sent
}

/// Every text that came, once.
fn came(scene: &Scene) -> BTreeSet<String> {
    scene.receiver.came().into_iter().map(|(text, _)| text).collect()
}

#[tokio::test(start_paused = true)]
async fn an_object_given_again_has_the_same_bytes_and_is_counted_once() {
    let mut scene = Scene::new(Some(2)).await;
    filtered(&mut scene, filters());
    scene.receiver.script(&[Fate::Return, Fate::Return]);
    let running = scene.objects_of(Arc::new(Trail), limits());
    scene.aws.put_object(BUCKET, "a.json", format!(r#"{{"Records":[{}]}}"#, RECORDS.join(",\n")));
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), sent());
    assert_eq!(came(&scene), sent().into_iter().collect());
    let bytes = (RECORDS[0].len() + RECORDS[3].len()) as u64;
    assert_eq!(scene.dropped(), [("one/quiet".into(), Dropped { events: 2, bytes })].into());
    assert_eq!((scene.counts().filtered, scene.counts_by_tag()["my.app.test.masked"]), (2, 1));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_given_again_has_the_same_bytes_and_what_stays_behind_is_not_masked() {
    let mut scene = Scene::new(Some(2)).await;
    filtered(&mut scene, filters());
    let long = format!(r#"{{"secret":"{}"}}"#, "x".repeat(2000));
    scene.aws.send(QUEUE, format!("{}|{long}", RECORDS.join("|")));
    scene.receiver.script(&[Fate::Return, Fate::Return]);
    let limits = Limits { max_event_bytes: 1000, drain: Duration::from_secs(5), ..Limits::of_bodies() };
    let running = scene.bodies(limits);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), sent());
    assert_eq!(came(&scene), sent().into_iter().collect());
    assert_eq!(scene.counts().filtered, 2);
    let aside = scene.store.quarantined();
    assert_eq!(
        aside[0].bytes,
        long.replace('x', "*").into_bytes(),
        "what is set aside as an event goes to no filter again"
    );
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_sample_is_the_same_after_a_kill_and_adds_up() {
    let mut scene = Scene::new(Some(9)).await;
    filtered(&mut scene, filters());
    let records: Vec<_> = (0..2000).map(|n| format!(r#"{{"kind":"many","n":{n}}}"#)).collect();
    scene.receiver.set(Fate::Keep);
    let running = scene.objects_of(Arc::new(Trail), limits());
    scene.aws.put_object(BUCKET, "a.json", format!(r#"{{"Records":[{}]}}"#, records.join(",")));
    scene.until("all of it is given", |scene| scene.receiver.given() > 0).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let first = came(&scene);
    running.killed().await;
    scene.receiver.forget_kept();
    scene.receiver.set(Fate::Deliver);
    let running = scene.objects_of(Arc::new(Trail), limits());
    scene.until_empty().await;
    let texts: BTreeSet<_> = scene.receiver.texts().into_iter().collect();
    assert_eq!(texts, first);
    assert!((900..1100).contains(&texts.len()), "{}", texts.len());
    running.killed().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_of_which_everything_is_dropped_is_done() {
    let mut scene = Scene::new(Some(1)).await;
    filtered(&mut scene, json!([{"action": "drop"}]));
    let running = scene.objects(limits());
    scene.put_lines("a.gz", 0..3000);
    scene.until_empty().await;
    assert_eq!((scene.counts().filtered, scene.counts().pulled), (3000, 3000));
    assert_eq!(scene.dropped()[&Arc::from("one/1")].events, 3000);
    scene.end(running).await;
}
