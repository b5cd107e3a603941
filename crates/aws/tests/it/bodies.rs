//! The queue engine: bodies that are events.

use std::time::Duration;

use quittance_aws::Limits;
use quittance_testbed::aws::Shape;
use tokio::time::sleep;

use crate::scene::{BUCKET, DEAD, Fate, QUEUE, Scene, receives};

fn limits() -> Limits {
    Limits { drain: Duration::from_secs(5), ..Limits::of_bodies() }
}

fn envelope(message: &str) -> String {
    let message = serde_json::to_string(message).unwrap();
    format!(r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-east-1:1:t","Message":{message}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_body_is_an_event_whatever_it_is() {
    let scene = Scene::new(Some(1)).await;
    let plain = ["{\"a\": 1}", "not json", "two\nlines", "42", "[1,2]", "<xml/>", "{\"Type\":\"Notification\"}"];
    for body in plain {
        scene.aws.send(QUEUE, body);
    }
    scene.aws.send(QUEUE, "{\n  \"b\": \"c d\"\n}");
    scene.aws.send(QUEUE, envelope("{\"in\":\"an envelope\"}"));
    scene.aws.send(QUEUE, envelope(&envelope("twice")));
    let running = scene.bodies(limits());
    scene.until_empty().await;
    let mut expected: Vec<_> = plain.iter().map(|body| (*body).to_owned()).collect();
    expected.extend(["{\"b\":\"c d\"}", "{\"in\":\"an envelope\"}", "twice"].map(str::to_owned));
    expected.sort();
    assert_eq!(scene.receiver.texts(), expected);
    assert_eq!((scene.aws.counts(QUEUE).deleted, scene.aws.counts(DEAD).visible), (10, 0));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn control_messages_are_no_events() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.send(QUEUE, scene.aws.test_event(Shape::S3Event, BUCKET).unwrap());
    scene.aws.send(QUEUE, scene.aws.test_event(Shape::SnsWrapped, BUCKET).unwrap());
    scene.aws.send(QUEUE, "  \n");
    scene.aws.send(QUEUE, "event");
    let running = scene.bodies(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), running.tally.control.get()), (vec!["event".to_owned()], 3));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_neither_a_receive_nor_an_event() {
    for fate in [Fate::Return, Fate::Keep] {
        let scene = Scene::new(Some(3)).await;
        for n in 0..500 {
            scene.aws.send(QUEUE, format!("event {n:03}"));
        }
        scene.receiver.set(fate);
        let running = scene.bodies(limits());
        sleep(Duration::from_secs(3600)).await;
        scene.receiver.set(Fate::Deliver);
        scene.until_empty().await;
        assert_eq!(scene.receiver.texts(), (0..500).map(|n| format!("event {n:03}")).collect::<Vec<_>>());
        assert_eq!((receives(&scene.aws), scene.aws.counts(DEAD).visible), ([(1, 500)].into(), 0));
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_may_hold_several_events_and_some_that_nobody_wants() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.send(QUEUE, "a|drop b|c|d");
    scene.aws.send(QUEUE, "drop e|drop f");
    scene.receiver.script(&[Fate::Return, Fate::Deliver, Fate::Return]);
    let running = scene.bodies(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), ["a", "c", "d"]);
    let counts = scene.counts();
    assert_eq!((counts.filtered, counts.delivered()), (3, 3), "filtered once, however often it was given");
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_long_is_set_aside_and_its_neighbours_flow() {
    let scene = Scene::new(Some(2)).await;
    scene.aws.send(QUEUE, format!("a|{}|b", "x".repeat(2000)));
    let running = scene.bodies(Limits { max_event_bytes: 1000, ..limits() });
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), ["a", "b"]);
    assert_eq!(scene.store.quarantined()[0].bytes, "x".repeat(2000).into_bytes());
    assert_eq!(scene.counts().quarantined, 1);
    scene.end(running).await;
}

/// Bodies are kept until their receipts, so their memory is bounded.
#[tokio::test(start_paused = true)]
async fn held_bytes_are_bounded() {
    let scene = Scene::new(Some(1)).await;
    let large = "x".repeat(200_000);
    for n in 0..400 {
        scene.aws.send(QUEUE, format!("{n:03} {large}"));
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.bodies(Limits { held_bytes: 32 << 20, ..limits() });
    sleep(Duration::from_secs(1000)).await;
    let held = scene.aws.counts(QUEUE).in_flight * 200_000;
    assert!((20 << 20..32 << 20).contains(&held), "{held} bytes");
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts().len(), receives(&scene.aws)), (400, [(1, 400)].into()));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_deep_backlog_is_received_by_many() {
    let scene = Scene::new(Some(1)).await;
    for n in 0..5000 {
        scene.aws.send(QUEUE, format!("event {n}"));
    }
    scene.aws.delay("ReceiveMessage", Duration::from_millis(100));
    let start = tokio::time::Instant::now();
    let running = scene.bodies(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts().len(), 5000);
    // One receiver alone would take 50 s.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(scene.aws.calls("ReceiveMessage") < 560 && scene.aws.calls("DeleteMessageBatch") < 560);
    scene.end(running).await;
}
