//! What arrives of a queue's messages.

use std::collections::HashSet;

use quittance_testbed::{
    aws::{FakeAws, QueueSettings, REGION},
    generate::{Origin, securityhub},
    unit::run_until_empty,
};
use serde_json::json;

use crate::units;

const QUEUE: &str = "findings";

fn aws() -> FakeAws {
    let aws = FakeAws::new(7);
    aws.create_queue(QUEUE, QueueSettings::default());
    aws
}

#[tokio::test(start_paused = true)]
async fn every_finding_arrives_once_under_its_account_and_region() {
    let aws = aws();
    let origin = Origin::new("444455556666", "eu-central-1", jiff::Timestamp::UNIX_EPOCH);
    let mut rng = fastrand::Rng::with_seed(3);
    // Messages of one finding to twenty, as many as a custom action sends.
    let mut sent = 0;
    for findings in 1..=20 {
        aws.send(QUEUE, securityhub::message(&mut rng, &origin, sent, findings));
        sent += findings;
    }
    let units = units(json!({"cloudwatch_sqs_queue_name": QUEUE, "regions": [REGION]}), &aws).await.unwrap();
    let arrived = run_until_empty(&units[0], &aws, QUEUE).await;
    assert_eq!(arrived.tags(), [("cloud.aws.securityhub.findings.444455556666.eu-central-1", 210)]);
    let ids: HashSet<String> = arrived
        .events
        .iter()
        .map(|(_, text)| serde_json::from_str::<serde_json::Value>(text).unwrap()["Id"].to_string())
        .collect();
    assert_eq!((ids.len(), arrived.counts.delivered()), (210, 210));
    assert_eq!(aws.counts(QUEUE).deleted, 20);
}

#[tokio::test(start_paused = true)]
async fn findings_are_the_bytes_that_were_sent_and_nothing_is_lost() {
    let aws = aws();
    let finding = r#"{"Id" : "a","AwsAccountId":"444455556666","Region":"eu-west-1","n":1.50}"#;
    aws.send(QUEUE, format!(r#"{{"detail-type":"x","detail":{{"findings":[{finding}, {{"Id":"b"}}]}}}}"#));
    // On several lines: white space between tokens goes.
    aws.send(QUEUE, "{\n  \"findings\": [\n    { \"Id\": \"c d\" }\n  ]\n}");
    let insight = r#"{"account":"444455556666","region":"eu-west-1","detail":{"insightResults":[{"r":1}]}}"#;
    aws.send(QUEUE, insight);
    aws.send(QUEUE, "not json");
    let units = units(json!({"cloudwatch_sqs_queue_name": QUEUE, "regions": [REGION]}), &aws).await.unwrap();
    let arrived = run_until_empty(&units[0], &aws, QUEUE).await;
    let (own, queues) = ("444455556666.eu-west-1", "111122223333.us-east-1");
    let mut expected =
        [(own, finding), (queues, r#"{"Id":"b"}"#), (queues, r#"{"Id":"c d"}"#), (own, insight), (queues, "not json")]
            .map(|(tag, text)| (format!("cloud.aws.securityhub.findings.{tag}"), text.to_owned()));
    expected.sort();
    assert_eq!(arrived.events, expected);
}
