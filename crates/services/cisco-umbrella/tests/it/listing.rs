//! What arrives of a bucket that announces nothing, and what its setup says.

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use quittance_aws::codes::NOTHING_BELOW_PREFIX;
use quittance_core::{Finding, Severity, Unit};
use quittance_testbed::{
    aws::{FakeAws, REGION},
    generate::{Origin, gzip, umbrella},
    unit::run_until,
};
use serde_json::{Value, json};

use crate::units;

const BUCKET: &str = "cisco-managed-us-east-1";
/// Where the generator's keys are.
const PREFIX: &str = "8234970_5f2c19aa77d0e3b1c6";

fn aws() -> FakeAws {
    let aws = FakeAws::new(7);
    aws.create_bucket(BUCKET);
    aws
}

fn days_ago(aws: &FakeAws, days: i64) -> Date {
    aws.now().to_zoned(TimeZone::UTC).date() - days.days()
}

async fn unit(aws: &FakeAws, extra: Value) -> Unit {
    let mut config = json!({"bucket": BUCKET, "prefix": PREFIX, "regions": [REGION]});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    units(config, aws).await.unwrap().remove(0)
}

#[tokio::test(start_paused = true)]
async fn every_folder_of_the_last_days_is_read_without_a_queue() {
    let aws = aws();
    let mut rng = fastrand::Rng::with_seed(3);
    for (number, log) in (0..).zip(umbrella::Log::ALL) {
        // Today and the day before; the third is too old for a lookback of one day.
        for days in 0..3 {
            let origin = Origin::new("444455556666", REGION, aws.now() - (days * 24).hours());
            let object = umbrella::object(&mut rng, &origin, log, number * 1000 + days as u64 * 100, 20);
            aws.put_object(BUCKET, &umbrella::key(&mut rng, &origin, log), gzip(&object, 6));
        }
    }
    aws.put_object(BUCKET, &format!("{PREFIX}/README_FROM_UMBRELLA.txt"), "Umbrella can write here.\n");
    let today = days_ago(&aws, 0);
    aws.put_object(BUCKET, &format!("{PREFIX}/ztnalogs/{today}/{today}-00-00-e4e1.csv.gz"), "\"2026\",\"a\"\n");
    let unit = unit(&aws, json!({"lookback_days": 1})).await;
    let arrived = run_until(&unit, &aws, |events| events > 7 * 2 * 20).await;
    let kinds = ["audit", "dlp", "dns", "firewall", "intrusion", "ip", "proxy"];
    let mut expected: Vec<_> = kinds.iter().map(|kind| (format!("sig.cisco.umbrella.{kind}"), 40)).collect();
    expected.push(("sig.cisco.umbrella.unknown".to_owned(), 1));
    let tags: Vec<_> = arrived.tags().into_iter().map(|(tag, events)| (tag.to_owned(), events)).collect();
    assert_eq!(tags, expected);
}

/// What the setup says of the key's age.
async fn warnings(aws: &FakeAws, created: Date) -> Vec<String> {
    let unit = unit(aws, json!({"access_key_created": created.to_string()})).await;
    let findings = unit.setup.check().await.unwrap();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
    findings.into_iter().map(|finding| finding.problem).collect()
}

#[tokio::test(start_paused = true)]
async fn a_prefix_below_which_nothing_is_is_warned_of() {
    let aws = aws();
    let said = |findings: Vec<Finding>| -> Vec<(u16, Severity)> {
        findings.into_iter().map(|finding| (finding.code.number, finding.severity)).collect()
    };
    let nothing = vec![(NOTHING_BELOW_PREFIX.number, Severity::Warning)];
    let unit = unit(&aws, json!({})).await;
    assert_eq!(said(unit.setup.check().await.unwrap()), nothing);
    aws.put_object(BUCKET, &format!("{PREFIX}x/dnslogs/2026-01-15/x.csv.gz"), "");
    assert_eq!(said(unit.setup.check().await.unwrap()), nothing);
    aws.put_object(BUCKET, &format!("{PREFIX}/README_FROM_UMBRELLA.txt"), "Umbrella can write here.\n");
    assert_eq!(said(unit.setup.check().await.unwrap()), []);
}

#[tokio::test(start_paused = true)]
async fn a_key_older_than_75_days_is_warned_of() {
    let aws = aws();
    aws.put_object(BUCKET, &format!("{PREFIX}/README_FROM_UMBRELLA.txt"), "Umbrella can write here.\n");
    for young in [0, 75] {
        assert_eq!(warnings(&aws, days_ago(&aws, young)).await, Vec::<String>::new());
    }
    for old in [76, 120] {
        let said = warnings(&aws, days_ago(&aws, old)).await;
        assert!(said[0].contains(&format!("the access key is {old} days old")), "{said:?}");
    }
}
