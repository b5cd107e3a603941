//! CloudWatch Logs, as the official SDK sees it.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::aws::{FakeAws, Place};
use tokio::time::sleep;

use crate::sdk;

const GROUP: &str = "/app/web";

fn ago(aws: &FakeAws, milliseconds: i64) -> Timestamp {
    aws.now() - SignedDuration::from_millis(milliseconds)
}

fn put(aws: &FakeAws, stream: &str, milliseconds_ago: i64, message: &str) -> String {
    let time = ago(aws, milliseconds_ago);
    aws.put_log_event(&Place::default(), GROUP, stream, time, time, message)
}

/// The messages of all pages, and how many pages there were.
async fn filter(client: &Client, pattern: &str, limit: i32) -> (Vec<String>, usize) {
    let (mut messages, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let request = client.filter_log_events().log_group_name(GROUP).filter_pattern(pattern).limit(limit);
        let answer = request.set_next_token(token.take()).send().await.unwrap();
        messages.extend(answer.events().iter().map(|event| event.message().unwrap().to_owned()));
        pages += 1;
        token = answer.next_token;
        if token.is_none() {
            return (messages, pages);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_all_streams_come_by_time() {
    let aws = FakeAws::new(1);
    put(&aws, "b", 10, "third");
    put(&aws, "a", 30, "first");
    let id = put(&aws, "b", 20, "second");
    let client = sdk::logs(&aws);
    assert_eq!(filter(&client, "", 2).await, (vec!["first".into(), "second".into(), "third".into()], 2));
    assert_eq!(filter(&client, "?first ?third", 10).await.0, ["first", "third"]);
    // Both ends are in it.
    let at = ago(&aws, 20).as_millisecond();
    let exact = client.filter_log_events().log_group_name(GROUP).start_time(at).end_time(at).send().await.unwrap();
    let [event] = exact.events() else { panic!("{exact:?}") };
    assert_eq!(event.event_id(), Some(id.as_str()));
    assert_eq!(id.len(), 56);
    assert_eq!((event.timestamp(), event.ingestion_time()), (Some(at), Some(at)));
    assert_eq!(event.log_stream_name(), Some("b"));
    let of_stream = client.filter_log_events().log_group_name(GROUP).log_stream_names("a").send().await.unwrap();
    assert_eq!(of_stream.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_shows_when_it_was_ingested() {
    let aws = FakeAws::new(1);
    let later = aws.now() + SignedDuration::from_secs(240);
    aws.put_log_event(&Place::default(), GROUP, "s", ago(&aws, 0), later, "late");
    let client = sdk::logs(&aws);
    assert_eq!(filter(&client, "", 10).await.0, Vec::<String>::new());
    sleep(Duration::from_secs(240)).await;
    assert_eq!(filter(&client, "", 10).await.0, ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_has_a_mebibyte_or_ten_thousand_events_or_nothing() {
    let aws = FakeAws::new(1);
    (0..5).for_each(|n| drop(put(&aws, "s", 100 - n, &"x".repeat(400_000))));
    let client = sdk::logs(&aws);
    let (messages, pages) = filter(&client, "", 10_000).await;
    assert_eq!((messages.len(), pages), (5, 3));
    (0..10_001).for_each(|n| drop(put(&aws, "s", 50_000 - n, "y")));
    assert_eq!(filter(&client, "y", 10_000).await.1, 2);
    aws.empty_pages("FilterLogEvents", 30);
    let (messages, pages) = filter(&client, "x", 10_000).await;
    assert_eq!((messages.len(), pages), (5, 33));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_refused() {
    let aws = FakeAws::new(1);
    (0..3).for_each(|n| drop(put(&aws, "s", n, "x")));
    let client = sdk::logs(&aws);
    let ask = || client.filter_log_events().log_group_name(GROUP);
    let code = |error: &dyn ProvideErrorMetadata| error.code().unwrap_or_default().to_owned();
    let invalid = "InvalidParameterException";
    assert_eq!(code(&ask().log_group_identifier(GROUP).send().await.unwrap_err()), invalid);
    assert_eq!(code(&client.filter_log_events().send().await.unwrap_err()), invalid);
    assert_eq!(code(&ask().limit(10_001).send().await.unwrap_err()), invalid);
    assert_eq!(code(&ask().start_time(2).end_time(1).send().await.unwrap_err()), invalid);
    assert_eq!(code(&ask().filter_pattern("{ open").send().await.unwrap_err()), invalid);
    let unknown = client.filter_log_events().log_group_name("/none").send().await.unwrap_err();
    assert_eq!(code(&unknown), "ResourceNotFoundException");
    // A token lives for a day.
    let token = ask().limit(1).send().await.unwrap().next_token.unwrap();
    sleep(Duration::from_secs(23 * 3600)).await;
    ask().limit(1).next_token(&token).send().await.unwrap();
    sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(code(&ask().limit(1).next_token(&token).send().await.unwrap_err()), invalid);
    let token = ask().limit(1).send().await.unwrap().next_token.unwrap();
    aws.expire_tokens("FilterLogEvents");
    assert_eq!(code(&ask().limit(1).next_token(&token).send().await.unwrap_err()), invalid);
}

#[tokio::test(start_paused = true)]
async fn clients_put_events_too() {
    let aws = FakeAws::new(1);
    let client = sdk::logs(&aws);
    let event = |milliseconds_ago: i64| {
        let time = ago(&aws, milliseconds_ago).as_millisecond();
        InputLogEvent::builder().timestamp(time).message("text").build().unwrap()
    };
    let put = || client.put_log_events().log_group_name(GROUP).log_stream_name("s");
    let refused = put().log_events(event(0)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ResourceNotFoundException"));
    client.create_log_group().log_group_name(GROUP).send().await.unwrap();
    let again = client.create_log_group().log_group_name(GROUP).send().await.unwrap_err();
    assert_eq!(again.code(), Some("ResourceAlreadyExistsException"));
    client.create_log_stream().log_group_name(GROUP).log_stream_name("s").send().await.unwrap();
    let (day, hour) = (86_400_000, 3_600_000);
    let answer = put().log_events(event(15 * day)).log_events(event(hour)).log_events(event(-3 * hour)).send().await;
    let rejected = answer.unwrap().rejected_log_events_info.unwrap();
    assert_eq!(rejected.too_old_log_event_end_index, Some(1));
    assert_eq!(rejected.too_new_log_event_start_index, Some(2));
    assert_eq!(filter(&client, "", 10).await.0, ["text"]);
    let disorder = put().log_events(event(0)).log_events(event(hour)).send().await.unwrap_err();
    assert_eq!(disorder.code(), Some("InvalidParameterException"));
}

#[tokio::test(start_paused = true)]
async fn groups_are_listed_by_name_fifty_at_a_time() {
    let aws = FakeAws::new(1);
    for n in 0..120 {
        aws.create_log_group(&Place::default(), &format!("/app/{n:03}"));
    }
    aws.create_log_group(&Place::default(), "/other");
    let client = sdk::logs(&aws);
    let mut pages = client.describe_log_groups().log_group_name_prefix("/app/").into_paginator().send();
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.log_groups().len());
        names.extend(page.log_groups().iter().map(|group| group.log_group_name().unwrap().to_owned()));
    }
    assert_eq!(sizes, [50, 50, 20]);
    assert!(names.is_sorted());
    let matching = client.describe_log_groups().log_group_name_pattern("ther").send().await.unwrap();
    assert_eq!(matching.log_groups().len(), 1);
    let both = client.describe_log_groups().log_group_name_pattern("a").log_group_name_prefix("a").send().await;
    assert_eq!(both.unwrap_err().code(), Some("InvalidParameterException"));
}

#[tokio::test(start_paused = true)]
async fn a_watching_account_reads_the_groups_of_linked_ones() {
    let aws = FakeAws::new(1);
    let linked = Place::new("444455556666", "us-east-1");
    let now = aws.now();
    aws.put_log_event(&linked, "/theirs", "s", now, now, "hello");
    aws.create_log_group(&Place::new("777788889999", "us-east-1"), "/strangers");
    aws.create_log_group(&Place::new(aws.account(), "eu-west-1"), "/elsewhere");
    aws.create_log_group(&Place::default(), "/ours");
    let client = sdk::logs(&aws);
    let read = |arn: String| client.filter_log_events().log_group_identifier(arn).send();
    let arn = aws.log_group_arn(&linked, "/theirs");
    assert_eq!(read(arn.clone()).await.unwrap_err().code(), Some("ResourceNotFoundException"));
    aws.link_account(aws.account(), "444455556666");
    assert_eq!(read(arn.clone()).await.unwrap().events().len(), 1);
    assert_eq!(read(format!("{arn}:*")).await.unwrap_err().code(), Some("InvalidParameterException"));
    let groups = client.describe_log_groups().include_linked_accounts(true).send().await.unwrap();
    let arns: Vec<_> = groups.log_groups().iter().map(|group| group.log_group_arn().unwrap()).collect();
    assert_eq!(arns, [aws.log_group_arn(&Place::default(), "/ours"), arn]);
    let ours = client.describe_log_groups().send().await.unwrap();
    assert_eq!(ours.log_groups().len(), 1);
}
