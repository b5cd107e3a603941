//! GuardDuty, as the official SDK sees it.

use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::error::ProvideErrorMetadata;
use aws_sdk_guardduty::operation::list_findings::ListFindingsOutput;
use aws_sdk_guardduty::types::{Condition, FindingCriteria, OrderBy, SortCriteria};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::aws::{FakeAws, Place};

use crate::sdk;

fn aws() -> (FakeAws, Client, String) {
    let aws = FakeAws::new_at(1, "2026-03-01T12:00:00Z".parse().unwrap());
    let detector = aws.add_detector(&Place::default());
    let client = sdk::guardduty(&aws);
    (aws, client, detector)
}

fn finding(id: &str, updated: Timestamp, count: u32, archived: bool) -> String {
    format!(
        r#"{{"schemaVersion":"2.0","accountId":"111122223333","region":"us-east-1","id":"{id}","arn":"a","type":"T","resource":{{}},"service":{{"archived":{archived},"count":{count}}},"severity":5.0,"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"{updated:.3}"}}"#
    )
}

/// A page of what was updated from `from` on, oldest first.
async fn list(client: &Client, detector: &str, from: Timestamp, token: Option<&str>) -> ListFindingsOutput {
    let updated = Condition::builder().greater_than_or_equal(from.as_millisecond()).build();
    client
        .list_findings()
        .detector_id(detector)
        .finding_criteria(FindingCriteria::builder().criterion("updatedAt", updated).build())
        .sort_criteria(SortCriteria::builder().attribute_name("updatedAt").order_by(OrderBy::Asc).build())
        .set_next_token(token.map(str::to_owned))
        .send()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn detectors_are_those_of_the_account_and_region() {
    let (aws, client, detector) = aws();
    aws.add_detector(&Place::new("999999999999", "us-east-1"));
    aws.add_detector(&Place::new("111122223333", "eu-west-1"));
    let answer = client.list_detectors().send().await.unwrap();
    assert_eq!((answer.detector_ids(), answer.next_token()), ([detector].as_slice(), None));
    let error = client.list_findings().detector_id("other").send().await.unwrap_err();
    assert_eq!(error.code(), Some("BadRequestException"));
}

#[tokio::test(start_paused = true)]
async fn pages_hold_fifty_and_end_with_an_empty_token() {
    let (aws, client, detector) = aws();
    let start = aws.now();
    for n in 0..120 {
        let updated = start + SignedDuration::from_millis(i64::from((n * 7) % 120));
        aws.put_finding(&detector, finding(&format!("f{n:03}"), updated, 1, false));
    }
    let (mut ids, mut token) = (Vec::new(), None::<String>);
    let mut sizes = Vec::new();
    loop {
        let page = list(&client, &detector, start, token.as_deref()).await;
        sizes.push(page.finding_ids().len());
        ids.extend(page.finding_ids().to_vec());
        token = page.next_token;
        if token.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    assert_eq!((sizes, token.as_deref()), (vec![50, 50, 20], Some("")));
    assert_eq!((ids[0].as_str(), ids[1].as_str()), ("f000", "f103"));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 120);
    // What fits on one page has no token at all.
    let page = list(&client, &detector, start + SignedDuration::from_millis(100), None).await;
    assert_eq!((page.finding_ids().len(), page.next_token()), (20, None));
}

#[tokio::test(start_paused = true)]
async fn a_finding_is_updated_in_place_and_given_byte_for_byte() {
    let (aws, client, detector) = aws();
    let start = aws.now();
    aws.put_finding(&detector, finding("one", start, 5, false));
    let later = start + SignedDuration::from_hours(1);
    aws.put_finding_later(&detector, finding("one", later, 9, true), later);
    let count = async || {
        let answer = client.get_findings().detector_id(&detector).finding_ids("one").finding_ids("none").send().await;
        let findings = answer.unwrap().findings.unwrap();
        assert_eq!(findings.len(), 1);
        findings[0].service().unwrap().count().unwrap()
    };
    assert_eq!(count().await, 5);
    tokio::time::advance(std::time::Duration::from_secs(3600)).await;
    assert_eq!(count().await, 9);
    let archived = async |archived: &str| {
        let archived = Condition::builder().equals(archived).build();
        let criteria = FindingCriteria::builder().criterion("service.archived", archived).build();
        let answer = client.list_findings().detector_id(&detector).finding_criteria(criteria).send().await.unwrap();
        answer.finding_ids.unwrap().len()
    };
    assert_eq!((archived("true").await, archived("false").await), (1, 0));
}
