//! LookupEvents, as the official SDK sees it.

use std::time::Duration;

use aws_sdk_cloudtrail::error::ProvideErrorMetadata;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::aws::{FakeAws, Place};
use tokio::time::{advance, sleep};

use crate::sdk;

fn ago(aws: &FakeAws, seconds: i64) -> Timestamp {
    aws.now() - SignedDuration::from_secs(seconds)
}

fn put(aws: &FakeAws, id: &str, time: Timestamp, visible_at: Timestamp) {
    let json = format!(
        r#"{{"eventID":"{id}","eventName":"Get","eventSource":"s3.amazonaws.com","readOnly":true,"userIdentity":{{"accessKeyId":"AKIA"}}}}"#
    );
    aws.put_audit_event(&Place::default(), time, visible_at, json);
}

/// The ids of all pages of a window, and how many pages there were.
async fn lookup(
    client: &aws_sdk_cloudtrail::Client,
    window: Option<(Timestamp, Timestamp)>,
    page: i32,
) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let mut request = client.lookup_events().max_results(page).set_next_token(token.take());
        if let Some((from, to)) = window {
            request = request.start_time(time(from)).end_time(time(to));
        }
        let answer = request.send().await.unwrap();
        ids.extend(answer.events().iter().map(|event| event.event_id().unwrap().to_owned()));
        pages += 1;
        token = answer.next_token;
        if token.is_none() {
            return (ids, pages);
        }
    }
}

fn time(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millisecond())
}

#[tokio::test(start_paused = true)]
async fn events_come_newest_first_page_by_page() {
    let aws = FakeAws::new(1);
    let now = aws.now();
    for n in 0..120 {
        put(&aws, &n.to_string(), ago(&aws, 1000 - n), now);
    }
    let client = sdk::cloudtrail(&aws);
    let (ids, pages) = lookup(&client, None, 50).await;
    let expected: Vec<String> = (0..120).rev().map(|n| n.to_string()).collect();
    assert_eq!((ids, pages), (expected, 3));
    // Both ends are in it, to the second.
    let second = Timestamp::from_second(ago(&aws, 1000 - 7).as_second()).unwrap();
    let (ids, _) = lookup(&client, Some((second, second)), 50).await;
    assert_eq!(ids, ["7"]);
    let event: Event = client.lookup_events().max_results(1).send().await.unwrap().events.unwrap().remove(0);
    assert_eq!(event.event_name(), Some("Get"));
    assert_eq!(event.read_only(), Some("true"));
    assert_eq!(event.access_key_id(), Some("AKIA"));
    assert_eq!(event.event_time().unwrap().secs(), ago(&aws, 1000 - 119).as_second());
    assert!(event.cloud_trail_event().unwrap().starts_with(r#"{"eventID":"119","#));
}

#[tokio::test(start_paused = true)]
async fn an_event_shows_later_than_it_happened() {
    let aws = FakeAws::new(1);
    put(&aws, "late", ago(&aws, 60), aws.now() + SignedDuration::from_secs(600));
    put(&aws, "old", ago(&aws, 90 * 86_400 + 60), aws.now());
    let client = sdk::cloudtrail(&aws);
    assert_eq!(lookup(&client, None, 50).await.0, Vec::<String>::new());
    sleep(Duration::from_secs(600)).await;
    assert_eq!(lookup(&client, None, 50).await.0, ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_for_the_same_question_and_not_for_ever() {
    let aws = FakeAws::new(1);
    (0..3).for_each(|n| put(&aws, &n.to_string(), ago(&aws, n), aws.now()));
    let client = sdk::cloudtrail(&aws);
    let first = client.lookup_events().max_results(1).send().await.unwrap();
    let token = first.next_token.unwrap();
    let follow = |size: i32| client.lookup_events().max_results(size).next_token(&token).send();
    follow(1).await.unwrap();
    let refused = async |size| follow(size).await.unwrap_err().code().map(str::to_owned);
    assert_eq!(refused(2).await.as_deref(), Some("InvalidNextTokenException"));
    aws.token_lifetime("LookupEvents", Duration::from_secs(60));
    advance(Duration::from_secs(61)).await;
    assert_eq!(refused(1).await.as_deref(), Some("InvalidNextTokenException"));
    let made_up = client.lookup_events().next_token("made up").send().await.unwrap_err();
    assert_eq!(made_up.code(), Some("InvalidNextTokenException"));
}

#[tokio::test(start_paused = true)]
async fn pages_may_be_empty_short_or_name_themselves_as_the_next() {
    let aws = FakeAws::new(1);
    (0..30).for_each(|n| put(&aws, &n.to_string(), ago(&aws, n), aws.now()));
    let client = sdk::cloudtrail(&aws);
    aws.empty_pages("LookupEvents", 3);
    let (ids, pages) = lookup(&client, None, 50).await;
    assert_eq!((ids.len(), pages), (30, 4));
    aws.short_pages("LookupEvents", 1.0);
    let (ids, pages) = lookup(&client, None, 10).await;
    assert_eq!(ids.len(), 30);
    assert!(pages > 3, "{pages}");
    aws.short_pages("LookupEvents", 0.0);
    let first = client.lookup_events().max_results(10).send().await.unwrap().next_token;
    aws.repeat_tokens("LookupEvents", 1);
    let second = client.lookup_events().max_results(10).set_next_token(first.clone()).send().await.unwrap();
    assert_eq!(second.next_token, first);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_refused() {
    let client = sdk::cloudtrail(&FakeAws::new(1));
    let code = |error: &dyn ProvideErrorMetadata| error.code().unwrap_or_default().to_owned();
    let request = client.lookup_events().max_results(51).send().await.unwrap_err();
    assert_eq!(code(&request), "InvalidMaxResultsException");
    let request = client.lookup_events().start_time(DateTime::from_secs(2)).end_time(DateTime::from_secs(1)).send();
    assert_eq!(code(&request.await.unwrap_err()), "InvalidTimeRangeException");
    let one = LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName).attribute_value("Get");
    let one = one.build().unwrap();
    client.lookup_events().lookup_attributes(one.clone()).send().await.unwrap();
    let request = client.lookup_events().lookup_attributes(one.clone()).lookup_attributes(one).send();
    assert_eq!(code(&request.await.unwrap_err()), "InvalidLookupAttributesException");
}

#[tokio::test(start_paused = true)]
async fn an_account_has_so_many_calls_a_second() {
    let aws = FakeAws::new(1);
    aws.set_quota("LookupEvents", 2);
    let client = sdk::cloudtrail(&aws);
    for _ in 0..2 {
        client.lookup_events().send().await.unwrap();
    }
    let refused = client.lookup_events().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ThrottlingException"));
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!(aws.calls_peak("LookupEvents"), 3);
    sleep(Duration::from_secs(1)).await;
    client.lookup_events().send().await.unwrap();
    assert_eq!(aws.calls_peak("LookupEvents"), 3);
}

#[tokio::test(start_paused = true)]
async fn errors_are_those_of_its_protocol() {
    let aws = FakeAws::new(1);
    let client = sdk::cloudtrail(&aws);
    for (code, status) in [("AccessDeniedException", 400), ("ServiceUnavailableException", 503)] {
        aws.fail_while("LookupEvents", code);
        let refused = client.lookup_events().send().await.unwrap_err();
        assert_eq!((refused.code(), refused.raw_response().unwrap().status().as_u16()), (Some(code), status));
    }
    aws.recover("LookupEvents");
    aws.allow_access_keys(["another"]);
    assert_eq!(client.lookup_events().send().await.unwrap_err().code(), Some("UnrecognizedClientException"));
}
