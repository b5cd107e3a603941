//! What arrives of a queue's messages.

use std::collections::BTreeMap;

use quittance_testbed::{
    aws::{FakeAws, QueueSettings, REGION},
    generate::{Origin, voiso},
    unit::run_until_empty,
};
use serde_json::{Value, json};

use crate::units;

const QUEUE: &str = "security";

fn aws() -> FakeAws {
    let aws = FakeAws::new(7);
    aws.create_queue(QUEUE, QueueSettings::default());
    aws
}

#[tokio::test(start_paused = true)]
async fn every_event_arrives_as_it_was_sent_under_its_type() {
    let aws = aws();
    let origin = Origin::new("444455556666", "eu-central-1", jiff::Timestamp::UNIX_EPOCH);
    let mut rng = fastrand::Rng::with_seed(3);
    let mut sent = Vec::new();
    for ordinal in 0..300 {
        let event = voiso::event(&mut rng, &origin, ordinal);
        let kind = serde_json::from_str::<Value>(&event).unwrap()["type"].as_str().unwrap().to_owned();
        aws.send(QUEUE, event.clone());
        sent.push((format!("my.app.voiso.{kind}"), event));
    }
    let units = units(json!({"voiso_sqs_queue_name": QUEUE, "regions": [REGION]}), &aws).await.unwrap();
    let arrived = run_until_empty(&units[0], &aws, QUEUE).await;
    sent.sort();
    assert_eq!(arrived.events, sent);
    assert_eq!(arrived.tags().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn unknown_events_are_passed_on_and_counted_apart() {
    let aws = aws();
    aws.send(QUEUE, r#"{"type":"user","event":"user_added"}"#);
    for odd in [r#"{"type":"user","event":"user_locked"}"#, r#"{"type":"call","event":"started"}"#, "not json"] {
        aws.send(QUEUE, odd);
    }
    let config = json!({"voiso_sqs_queue_name": QUEUE, "regions": [REGION], "tag": "my.app.v.{event_type}.{region}"});
    let units = units(config, &aws).await.unwrap();
    let arrived = run_until_empty(&units[0], &aws, QUEUE).await;
    let counts: BTreeMap<_, _> = arrived.tags().into_iter().collect();
    assert_eq!(counts, BTreeMap::from([("my.app.v.unknown.us-east-1", 3), ("my.app.v.user.us-east-1", 1)]));
}
