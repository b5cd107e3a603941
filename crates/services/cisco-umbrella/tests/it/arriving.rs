//! What arrives of the objects that a queue announces.

use std::collections::HashSet;

use quittance_testbed::{
    aws::{FakeAws, QueueSettings, REGION, Shape},
    generate::{Origin, gzip, umbrella},
    unit::{Arrived, run_until_empty},
};
use serde_json::json;

use crate::units;

const QUEUE: &str = "umbrella";
const BUCKET: &str = "umbrella-logs";

fn aws() -> FakeAws {
    let aws = FakeAws::new(7);
    aws.create_queue(QUEUE, QueueSettings::default());
    aws.create_bucket(BUCKET);
    aws.notify(BUCKET, QUEUE, Shape::S3Event);
    aws
}

async fn arrived(aws: &FakeAws) -> Arrived {
    let units = units(json!({"cisco_umbrella_sqs_queue_name": QUEUE, "regions": [REGION]}), aws).await.unwrap();
    run_until_empty(&units[0], aws, QUEUE).await
}

#[tokio::test(start_paused = true)]
async fn every_row_of_every_kind_arrives_once_under_the_tag_of_its_folder() {
    let aws = aws();
    let origin = Origin::new("444455556666", "eu-central-1", "2026-01-15T12:00:00Z".parse().unwrap());
    let mut rng = fastrand::Rng::with_seed(3);
    for (number, log) in (0..).zip(umbrella::Log::ALL) {
        for part in 0..3 {
            let object = umbrella::object(&mut rng, &origin, log, number * 1000 + part * 100, 100);
            // Compressed or not: the bytes tell.
            let object = if part == 0 { object } else { gzip(&object, 6) };
            aws.put_object(BUCKET, &umbrella::key(&mut rng, &origin, log), object);
        }
    }
    let arrived = arrived(&aws).await;
    let kinds = ["audit", "dlp", "dns", "firewall", "intrusion", "ip", "proxy"];
    let expected = kinds.map(|kind| (format!("sig.cisco.umbrella.{kind}"), 300));
    assert_eq!(arrived.tags(), expected.each_ref().map(|(tag, events)| (tag.as_str(), *events)));
    assert_eq!(arrived.events.iter().collect::<HashSet<_>>().len(), 2100);
    assert!(arrived.events.iter().all(|(_, row)| row.starts_with('"') && row.ends_with('"')));
    assert!(arrived.events.iter().any(|(_, row)| row.contains('\n')));
}

#[tokio::test(start_paused = true)]
async fn unknown_folders_are_passed_on_and_what_is_no_log_is_not() {
    let aws = aws();
    let row = |n: u32| format!("\"2026-01-15 12:00:0{n}\",\"a\"");
    aws.put_object(BUCKET, "p/README_FROM_UMBRELLA.txt", "Umbrella can write here.\n");
    aws.put_object(BUCKET, "p/dnslogs/", "");
    aws.put_object(BUCKET, "p/dnslogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", gzip(row(1).as_bytes(), 6));
    aws.put_object(BUCKET, "p/dnslogs/2026-01-15/2026-01-15-12-10-e4e1.csv.gz", gzip(b"", 6));
    aws.put_object(BUCKET, "p/ztnalogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", gzip(row(2).as_bytes(), 6));
    let arrived = arrived(&aws).await;
    let expected =
        [("dns", row(1)), ("unknown", row(2))].map(|(kind, row)| (format!("sig.cisco.umbrella.{kind}"), row));
    assert_eq!(arrived.events, expected);
    assert_eq!(aws.counts(QUEUE).deleted, 5);
}
