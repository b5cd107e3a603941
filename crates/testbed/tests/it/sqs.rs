//! SQS by the official SDK.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityError;
use aws_sdk_sqs::operation::delete_message::DeleteMessageError;
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName as Attribute, QueueAttributeName, SendMessageBatchRequestEntry,
};
use quittance_testbed::aws::{FakeAws, Loss, QueueCounts, QueueSettings, Redrive};
use tokio::time::{Instant, sleep};

use crate::sdk::{self, OverTcp};

fn with_queue(settings: QueueSettings) -> (FakeAws, Client, String) {
    let aws = FakeAws::new(1);
    aws.create_queue("q", settings);
    let url = aws.queue_url("q");
    let sqs = sdk::sqs(&aws);
    (aws, sqs, url)
}

async fn receive(sqs: &Client, url: &str, max: i32, wait: i32) -> Vec<Message> {
    sqs.receive_message()
        .queue_url(url)
        .max_number_of_messages(max)
        .wait_time_seconds(wait)
        .message_system_attribute_names(Attribute::All)
        .send()
        .await
        .unwrap()
        .messages
        .unwrap_or_default()
}

fn attribute<'a>(message: &'a Message, name: &Attribute) -> &'a str {
    &message.attributes().unwrap()[name]
}

fn delete_entry(id: &str, message: &Message) -> DeleteMessageBatchRequestEntry {
    DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
}

#[tokio::test]
async fn a_message_goes_in_and_out_over_tcp() {
    let aws = FakeAws::new(1);
    aws.create_queue("q", QueueSettings::default());
    let tcp = OverTcp::start(&aws).await;

    let url = tcp.sqs.get_queue_url().queue_name("q").send().await.unwrap().queue_url.unwrap();
    assert_eq!(url, format!("{}/111122223333/q", tcp.url));
    let body = "tab\t \"quotes\" é 𝄞 \u{7f}";
    let sent = tcp.sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();

    let messages = receive(&tcp.sqs, &url, 10, 0).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.body(), Some(body));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(attribute(message, &Attribute::ApproximateReceiveCount), "1");
    let sent_at: i64 = attribute(message, &Attribute::SentTimestamp).parse().unwrap();
    assert!((aws.now().as_millisecond() - sent_at).abs() < 60_000);

    tcp.sqs.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    assert_eq!(aws.counts("q"), QueueCounts { sent: 1, received: 1, deleted: 1, ..QueueCounts::default() });
    assert_eq!(aws.deleted_ids("q")[0].to_string(), sent.message_id().unwrap());
    assert_eq!(aws.calls_with("ReceiveMessage", "ok"), 1);
    assert!(aws.access_keys_seen().contains(sdk::ACCESS_KEY));
}

#[tokio::test]
async fn a_lost_answer_over_tcp_leaves_the_message_in_flight() {
    let aws = FakeAws::new(1);
    aws.create_queue("q", QueueSettings::default());
    aws.send("q", "body");
    let tcp = OverTcp::start(&aws).await;
    aws.lose_next("ReceiveMessage", 1, Loss::Answer);
    let error = tcp.sqs.receive_message().queue_url(aws.queue_url("q")).send().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert_eq!(aws.counts("q").in_flight, 1);
    assert_eq!(aws.calls_with("ReceiveMessage", "lost"), 1);
}

#[tokio::test]
async fn a_stopped_server_ends_its_connections() {
    let aws = FakeAws::new(1);
    aws.create_queue("q", QueueSettings::default());
    let tcp = OverTcp::start(&aws).await;
    let poll = tcp.sqs.receive_message().queue_url(aws.queue_url("q")).wait_time_seconds(20).send();
    let sqs = tcp.sqs.clone();
    let (poll, ()) = tokio::join!(poll, async {
        // Until the request has arrived.
        while aws.access_keys_seen().is_empty() {
            tokio::task::yield_now().await;
        }
        drop(tcp);
    });
    assert!(poll.unwrap_err().as_service_error().is_none());
    let error = sqs.receive_message().queue_url(aws.queue_url("q")).send().await.unwrap_err();
    assert!(error.as_service_error().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_waits_its_time_and_no_longer() {
    let (_aws, sqs, url) = with_queue(QueueSettings::default());
    let start = Instant::now();
    assert!(receive(&sqs, &url, 10, 20).await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 20);
    assert!(receive(&sqs, &url, 10, 0).await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_send_wakes_a_long_poll() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    let start = Instant::now();
    let (messages, ()) = tokio::join!(receive(&sqs, &url, 10, 20), async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        aws.send("q", "late");
    });
    assert_eq!(messages.len(), 1);
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn every_waiting_receiver_is_served() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    let polls = (0..5).map(|_| receive(&sqs, &url, 1, 20));
    let start = Instant::now();
    let (got, ()) = tokio::join!(futures_util::future::join_all(polls), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for n in 0..5 {
            aws.send("q", n.to_string());
        }
    });
    let bodies: HashSet<_> = got.iter().flatten().map(|message| message.body().unwrap()).collect();
    assert_eq!(bodies.len(), 5);
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_deleted_in_time_comes_again() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "body");
    let first = receive(&sqs, &url, 10, 0).await.remove(0);
    assert_eq!(aws.counts("q").in_flight, 1);
    let start = Instant::now();
    let again = receive(&sqs, &url, 10, 20).await;
    assert!(again.is_empty());
    // This poll ends when the visibility timeout of 30 s does, 10 s after it began.
    let second = receive(&sqs, &url, 10, 20).await.remove(0);
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(second.message_id(), first.message_id());
    assert_ne!(second.receipt_handle(), first.receipt_handle());
    assert_eq!(attribute(&second, &Attribute::ApproximateReceiveCount), "2");
    assert_eq!(
        attribute(&second, &Attribute::ApproximateFirstReceiveTimestamp),
        attribute(&first, &Attribute::ApproximateFirstReceiveTimestamp)
    );

    // The first handle is outdated: the delete succeeds and does nothing.
    let delete = |message: &Message| {
        sqs.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send()
    };
    delete(&first).await.unwrap();
    assert_eq!(aws.counts("q").in_flight, 1);
    assert_eq!(aws.counts("q").stale_deletes, 1);
    delete(&second).await.unwrap();
    assert_eq!((aws.counts("q").in_flight, aws.counts("q").deleted), (0, 1));
    // To delete what is gone succeeds too.
    delete(&second).await.unwrap();
    assert_eq!(aws.receive_counts("q").into_iter().collect::<Vec<_>>(), [(2, 1)]);
}

#[tokio::test(start_paused = true)]
async fn visibility_can_be_changed_up_to_twelve_hours() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "body");
    let message = receive(&sqs, &url, 1, 0).await.remove(0);
    let change = |seconds| {
        sqs.change_message_visibility()
            .queue_url(&url)
            .receipt_handle(message.receipt_handle().unwrap())
            .visibility_timeout(seconds)
            .send()
    };
    change(43_200).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
    assert_eq!(aws.counts("q").in_flight, 1);
    change(6 * 3600).await.unwrap();
    let error = change(6 * 3600 + 1).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterValue"));
    let error = change(43_201).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterValue"));

    // Nothing left of it: visible at once, also for who waits already.
    let start = Instant::now();
    let (again, changed) = tokio::join!(receive(&sqs, &url, 1, 20), change(0));
    changed.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(start.elapsed(), Duration::ZERO);
    // The new value was for that one time.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let error = sqs
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(again[0].receipt_handle().unwrap())
        .visibility_timeout(1)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(matches!(error, ChangeMessageVisibilityError::MessageNotInflight(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shortened_timeout_wakes_who_waits_for_a_longer_one() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "body");
    let message = receive(&sqs, &url, 1, 0).await.remove(0);
    let start = Instant::now();
    let (again, ()) = tokio::join!(receive(&sqs, &url, 1, 20), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sqs.change_message_visibility()
            .queue_url(&url)
            .receipt_handle(message.receipt_handle().unwrap())
            .visibility_timeout(3)
            .send()
            .await
            .unwrap();
    });
    assert_eq!(again.len(), 1);
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_message_received_too_often_goes_to_the_dead_letter_queue() {
    let aws = FakeAws::new(1);
    aws.create_queue("dead", QueueSettings::default());
    let redrive = Redrive { queue: "dead".into(), max_receive_count: 2 };
    aws.create_queue("q", QueueSettings { redrive: Some(redrive), ..QueueSettings::default() });
    let sqs = sdk::sqs(&aws);
    let (url, dead) = (aws.queue_url("q"), aws.queue_url("dead"));
    let id = aws.send("q", "poison");
    for _ in 0..2 {
        assert_eq!(receive(&sqs, &url, 10, 0).await.len(), 1);
        tokio::time::sleep(Duration::from_secs(31)).await;
    }
    let (none, buried) = tokio::join!(receive(&sqs, &url, 10, 1), receive(&sqs, &dead, 10, 20));
    assert!(none.is_empty());
    assert_eq!(buried[0].message_id().unwrap(), id.to_string());
    assert_eq!(attribute(&buried[0], &Attribute::ApproximateReceiveCount), "3");
    assert_eq!(attribute(&buried[0], &Attribute::DeadLetterQueueSourceArn), aws.queue_arn("q"));
    assert_eq!(aws.counts("q").dead_lettered, 1);
    assert_eq!((aws.counts("q").visible, aws.counts("dead").in_flight), (0, 1));

    let attributes = sqs
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "30");
    assert_eq!(attributes[&QueueAttributeName::QueueArn], aws.queue_arn("q"));
    assert_eq!(attributes[&QueueAttributeName::MessageRetentionPeriod], "345600");
    assert!(!attributes.contains_key(&QueueAttributeName::FifoQueue));
    let policy: serde_json::Value = serde_json::from_str(&attributes[&QueueAttributeName::RedrivePolicy]).unwrap();
    assert_eq!(policy["maxReceiveCount"], 2);
    assert_eq!(policy["deadLetterTargetArn"], aws.queue_arn("dead"));
    let nothing = sqs.get_queue_attributes().queue_url(&url).send().await.unwrap();
    assert!(nothing.attributes.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_batch_can_fail_in_part() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    for n in 0..3 {
        aws.send("q", n.to_string());
    }
    let messages = receive(&sqs, &url, 10, 0).await;
    aws.fail_entries("DeleteMessageBatch", 1, "InternalError", false);
    let result = sqs
        .delete_message_batch()
        .queue_url(&url)
        .entries(delete_entry("a", &messages[0]))
        .entries(delete_entry("b", &messages[1]))
        .entries(DeleteMessageBatchRequestEntry::builder().id("c").receipt_handle("junk").build().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(result.successful()[0].id(), "b");
    let failed: Vec<_> = result.failed().iter().map(|entry| (entry.id(), entry.code(), entry.sender_fault())).collect();
    assert_eq!(failed, [("a", "InternalError", false), ("c", "ReceiptHandleIsInvalid", true)]);
    assert_eq!((aws.counts("q").deleted, aws.counts("q").in_flight), (1, 2));

    let change = |id: &str, message: &Message, seconds| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(message.receipt_handle().unwrap())
            .visibility_timeout(seconds)
            .build()
            .unwrap()
    };
    let result = sqs
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(change("a", &messages[0], 600))
        .entries(change("b", &messages[1], 600))
        .entries(change("c", &messages[2], 43_201))
        .send()
        .await
        .unwrap();
    assert_eq!(result.successful().len(), 1);
    let failed: Vec<_> = result.failed().iter().map(|entry| (entry.id(), entry.code())).collect();
    assert_eq!(failed, [("b", "InvalidParameterValue"), ("c", "InvalidParameterValue")]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((aws.counts("q").visible, aws.counts("q").in_flight), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn batches_are_checked() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "body");
    let message = receive(&sqs, &url, 1, 0).await.remove(0);
    let delete = |ids: Vec<String>| {
        let entries = ids.iter().map(|id| delete_entry(id, &message)).collect();
        sqs.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };
    use DeleteMessageBatchError as E;
    let error = delete(vec![]).await.unwrap_err().into_service_error();
    assert!(matches!(error, E::EmptyBatchRequest(_)), "{error:?}");
    let eleven = (0..11).map(|n| n.to_string()).collect();
    let error = delete(eleven).await.unwrap_err().into_service_error();
    assert!(matches!(error, E::TooManyEntriesInBatchRequest(_)), "{error:?}");
    let error = delete(vec!["a".into(), "a".into()]).await.unwrap_err().into_service_error();
    assert!(matches!(error, E::BatchEntryIdsNotDistinct(_)), "{error:?}");
    let error = delete(vec!["a b".into()]).await.unwrap_err().into_service_error();
    assert!(matches!(error, E::InvalidBatchEntryId(_)), "{error:?}");
    assert_eq!(aws.calls_with("DeleteMessageBatch", "AWS.SimpleQueueService.EmptyBatchRequest"), 1);

    let entry =
        |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
    let sent = sqs
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("good", "x"))
        .entries(entry("bad", "\u{1}"))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.successful()[0].md5_of_message_body(), "9dd4e461268c8034f5c8564e155c67a6");
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");
}

#[tokio::test(start_paused = true)]
async fn errors_come_as_the_sdk_types_them() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    let receive = || async {
        let result = sqs.receive_message().queue_url(&url).send().await;
        result.unwrap_err().into_service_error()
    };
    use ReceiveMessageError as E;
    for (status, code, is) in [
        (403, "OverLimit", (|e| matches!(e, E::OverLimit(_))) as fn(&E) -> bool),
        (400, "KMS.AccessDeniedException", |e| matches!(e, E::KmsAccessDenied(_))),
        (400, "KMS.ThrottlingException", |e| matches!(e, E::KmsThrottled(_))),
        (400, "RequestThrottled", |e| matches!(e, E::RequestThrottled(_))),
        (400, "QueueDoesNotExist", |e| matches!(e, E::QueueDoesNotExist(_))),
        (400, "AWS.SimpleQueueService.NonExistentQueue", |e| matches!(e, E::QueueDoesNotExist(_))),
        (403, "ExpiredToken", |e| e.code() == Some("ExpiredToken")),
        (403, "AccessDenied", |e| e.code() == Some("AccessDenied")),
        (500, "InternalFailure", |e| e.code() == Some("InternalFailure")),
    ] {
        aws.fail_next("ReceiveMessage", 1, status, code);
        let error = receive().await;
        assert!(is(&error), "{code}: {error:?}");
    }
    aws.fail_while("ReceiveMessage", "ThrottlingException");
    for _ in 0..3 {
        assert_eq!(receive().await.code(), Some("ThrottlingException"));
    }
    aws.recover("ReceiveMessage");
    aws.allow_access_keys(["AKIAOTHER"]);
    assert_eq!(receive().await.code(), Some("InvalidClientTokenId"));
    aws.allow_access_keys([sdk::ACCESS_KEY]);
    sqs.receive_message().queue_url(&url).send().await.unwrap();

    let gone = format!("{url}-gone");
    let error = sqs.receive_message().queue_url(gone).send().await.unwrap_err();
    assert!(matches!(error.into_service_error(), E::QueueDoesNotExist(_)));
    let error = sqs.delete_message().queue_url(&url).receipt_handle("junk").send().await.unwrap_err();
    assert!(matches!(error.into_service_error(), DeleteMessageError::ReceiptHandleIsInvalid(_)));
    let error = sqs.receive_message().queue_url(&url).wait_time_seconds(21).send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn the_in_flight_cap_is_an_error() {
    let (aws, sqs, url) = with_queue(QueueSettings { in_flight_cap: 3, ..QueueSettings::default() });
    for n in 0..5 {
        aws.send("q", n.to_string());
    }
    let held = receive(&sqs, &url, 10, 0).await;
    assert_eq!(held.len(), 3);
    let error = sqs.receive_message().queue_url(&url).send().await.unwrap_err();
    assert!(matches!(error.into_service_error(), ReceiveMessageError::OverLimit(_)));
    sqs.delete_message_batch().queue_url(&url).entries(delete_entry("a", &held[0])).send().await.unwrap();
    assert_eq!(receive(&sqs, &url, 10, 0).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_flight_can_be_delivered_again() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "twice");
    aws.send("q", "once");
    aws.redeliver_next("q", 1);
    let first = receive(&sqs, &url, 1, 0).await.remove(0);
    let rest = receive(&sqs, &url, 10, 0).await;
    assert_eq!(rest.iter().map(|m| m.body().unwrap()).collect::<Vec<_>>(), ["twice", "once"]);
    assert_eq!(rest[0].message_id(), first.message_id());
    assert_eq!(attribute(&rest[0], &Attribute::ApproximateReceiveCount), "2");
    assert_eq!(aws.counts("q").in_flight, 2);
    assert!(receive(&sqs, &url, 10, 0).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn receives_and_deletes_can_misbehave() {
    let (aws, sqs, url) =
        with_queue(QueueSettings { out_of_order: true, keep_deleted_bodies: true, ..QueueSettings::default() });
    for n in 0..100 {
        aws.send("q", n.to_string());
    }
    aws.empty_receives("q", 1);
    assert!(receive(&sqs, &url, 10, 20).await.is_empty());
    aws.short_receives("q", 1.0);
    let few = receive(&sqs, &url, 10, 20).await;
    assert!((1..10).contains(&few.len()));
    aws.short_receives("q", 0.0);
    let mut bodies: Vec<_> = few.iter().map(|m| m.body().unwrap().to_owned()).collect();
    loop {
        let more = receive(&sqs, &url, 10, 0).await;
        if more.is_empty() {
            break;
        }
        bodies.extend(more.iter().map(|m| m.body().unwrap().to_owned()));
    }
    let in_order: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_ne!(bodies, in_order);
    bodies.sort_by_key(|body| body.parse::<u32>().unwrap());
    assert_eq!(bodies, in_order);

    aws.ignore_deletes("q", 1);
    for _ in 0..2 {
        sqs.delete_message_batch().queue_url(&url).entries(delete_entry("a", &few[0])).send().await.unwrap();
        assert!(aws.counts("q").deleted <= 1);
    }
    assert_eq!(aws.deleted_bodies("q"), [few[0].body().unwrap()]);
    assert_eq!(aws.bodies("q").len(), 99);
}

#[tokio::test(start_paused = true)]
async fn old_messages_are_dropped() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "old");
    tokio::time::sleep(Duration::from_secs(4 * 24 * 3600 + 1)).await;
    aws.send("q", "new");
    let messages = receive(&sqs, &url, 10, 0).await;
    assert_eq!(messages[0].body(), Some("new"));
    assert_eq!((messages.len(), aws.counts("q").expired), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn faults_of_connections() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    aws.send("q", "body");
    aws.lose_next("ReceiveMessage", 1, Loss::Request);
    let error = sqs.receive_message().queue_url(&url).send().await.unwrap_err();
    assert!(matches!(&error, aws_sdk_sqs::error::SdkError::DispatchFailure(failure) if failure.is_io()));
    assert_eq!(aws.counts("q").in_flight, 0);
    aws.lose_next("ReceiveMessage", 1, Loss::Answer);
    sqs.receive_message().queue_url(&url).send().await.unwrap_err();
    assert_eq!(aws.counts("q").in_flight, 1);
    aws.lose_next("ReceiveMessage", 1, Loss::Hang);
    let hung = sqs.receive_message().queue_url(&url).send();
    tokio::time::timeout(Duration::from_secs(3600), hung).await.unwrap_err();
    aws.delay("ReceiveMessage", Duration::from_secs(5));
    let start = Instant::now();
    assert_eq!(receive(&sqs, &url, 1, 0).await.len(), 1);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_run() {
    let run = || async {
        let aws = FakeAws::new_at(7, "2026-01-31T00:00:00Z".parse().unwrap());
        aws.create_queue("q", QueueSettings { out_of_order: true, ..QueueSettings::default() });
        for n in 0..50 {
            aws.send("q", n.to_string());
        }
        aws.short_receives("q", 0.5);
        let sqs = sdk::sqs(&aws);
        let mut log = Vec::new();
        for _ in 0..6 {
            let messages = receive(&sqs, &aws.queue_url("q"), 10, 0).await;
            log.push(messages.into_iter().map(|m| (m.body, m.receipt_handle)).collect::<Vec<_>>());
        }
        log
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test]
async fn a_long_queue_is_as_fast_as_a_short_one() {
    let (aws, sqs, url) = with_queue(QueueSettings::default());
    for n in 0..100_000 {
        aws.send("q", n.to_string());
    }
    let start = Instant::now();
    for _ in 0..200 {
        let messages = receive(&sqs, &url, 10, 20).await;
        let entries = messages.iter().enumerate().map(|(n, m)| delete_entry(&n.to_string(), m)).collect();
        sqs.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    }
    assert_eq!(aws.counts("q").deleted, 2000);
    // A scan of the queue for each receive would take minutes.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// Receives, and answers with bodies and handles.
async fn bodies(sqs: &Client, url: &str) -> Vec<(String, String)> {
    let answer = sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
    let messages = answer.messages.unwrap_or_default().into_iter();
    messages.map(|message| (message.body.unwrap(), message.receipt_handle.unwrap())).collect()
}

fn fifo(content_based_deduplication: bool) -> (FakeAws, Client, String) {
    let (aws, sqs, _) = with_queue(QueueSettings::default());
    aws.create_queue("q.fifo", QueueSettings { content_based_deduplication, ..QueueSettings::default() });
    let url = aws.queue_url("q.fifo");
    (aws, sqs, url)
}

#[tokio::test(start_paused = true)]
async fn a_group_is_hidden_while_a_message_of_it_is_in_flight() {
    let (aws, sqs, url) = fifo(false);
    for n in 0..12 {
        aws.send_to_group("q.fifo", "a", format!("a{n}"));
    }
    aws.send_to_group("q.fifo", "b", "b0");
    let first = bodies(&sqs, &url).await;
    assert_eq!(
        first.iter().map(|(body, _)| body.clone()).collect::<Vec<_>>(),
        (0..10).map(|n| format!("a{n}")).collect::<Vec<_>>()
    );
    assert_eq!(bodies(&sqs, &url).await[0].0, "b0");
    assert_eq!(bodies(&sqs, &url).await, []);
    // One of them goes back: still nothing, and then the rest of them from it on.
    let back = sqs.change_message_visibility().queue_url(&url).receipt_handle(&first[0].1).visibility_timeout(0);
    back.send().await.unwrap();
    assert_eq!(bodies(&sqs, &url).await, []);
    for (_, handle) in &first[1..] {
        sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    }
    let rest: Vec<_> = bodies(&sqs, &url).await.into_iter().map(|(body, _)| body).collect();
    assert_eq!(rest, ["a0", "a10", "a11"]);
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_refuses_a_delete_that_comes_too_late() {
    let (aws, sqs, url) = fifo(false);
    aws.send_to_group("q.fifo", "a", "a0");
    let (_, handle) = bodies(&sqs, &url).await.remove(0);
    sleep(Duration::from_secs(31)).await;
    let delete = sqs.delete_message().queue_url(&url).receipt_handle(&handle).send().await;
    assert_eq!(delete.unwrap_err().code(), Some("InvalidParameterValue"));
    assert_eq!(aws.counts("q.fifo").visible, 1);
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_wants_a_group_and_keeps_what_is_sent_twice_once() {
    let (aws, sqs, url) = fifo(true);
    let send = |group: Option<&str>| {
        sqs.send_message().queue_url(&url).message_body("same").set_message_group_id(group.map(str::to_owned)).send()
    };
    assert_eq!(send(None).await.unwrap_err().code(), Some("MissingParameter"));
    let (one, two) = (send(Some("a")).await.unwrap(), send(Some("a")).await.unwrap());
    assert_eq!((one.message_id(), one.sequence_number()), (two.message_id(), two.sequence_number()));
    assert_eq!(aws.counts("q.fifo").visible, 1);
    sleep(Duration::from_secs(301)).await;
    let three = send(Some("a")).await.unwrap();
    assert!(three.sequence_number() > one.sequence_number() && aws.counts("q.fifo").visible == 2);
    let answer =
        sqs.receive_message().queue_url(&url).message_system_attribute_names("All".into()).send().await.unwrap();
    let attributes = answer.messages.unwrap()[0].attributes.clone().unwrap();
    let of = |name: &str| attributes.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.clone());
    assert_eq!((of("MessageGroupId"), of("SequenceNumber")), (Some("a".to_owned()), one.sequence_number));
    assert!(of("MessageDeduplicationId").is_some());
}
