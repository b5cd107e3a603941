//! What can never be delivered neither blocks nor is lost.

use std::{collections::HashSet, time::Duration};

use quittance_aws::{Limits, OnMissingObject};
use quittance_testbed::{aws::Access, generate::gzip};
use tokio::time::sleep;

use crate::scene::{BUCKET, DEAD, QUEUE, SILENT, Scene, Trail, all_events, events, limits, receives, text, truncated};

#[tokio::test(start_paused = true)]
async fn a_truncated_object_dies_and_good_ones_flow() {
    let scene = Scene::new(Some(3)).await;
    scene.aws.put_object(BUCKET, "broken", truncated(0..3000));
    let running = scene.objects(limits());
    scene.until("its sound events came", |scene| !scene.receiver.texts().is_empty()).await;
    let sound = scene.receiver.texts();
    assert!(events(0..3000).starts_with(&sound));
    for n in 1..50 {
        scene.put_lines(&n.to_string(), n * 10_000..n * 10_000 + 10);
    }
    scene.until("the good ones came", |scene| scene.receiver.texts().len() == sound.len() + 490).await;
    scene.until("it is dead", |scene| scene.aws.counts(DEAD).visible == 1).await;
    scene.until_empty().await;
    assert_eq!(receives(&scene.aws), [(1, 49), (3, 1)].into());
    assert_eq!(scene.receiver.texts().len(), sound.len() + 490, "what was sound came once");
    scene.end(running).await;
}

/// The bucket lets us in for a moment, and the second object in it does not know that.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_opens_for_a_moment_leaves_nobody_waiting_for_an_hour() {
    let scene = Scene::new(Some(3)).await;
    scene.put_lines("a", 0..1);
    scene.put_lines("b", 10..11);
    scene.aws.set_access(BUCKET, Access::Denied);
    // Whether it may be read is decided after the delay.
    scene.aws.delay("GetObject", Duration::from_secs(1));
    let running = scene.objects(limits());
    sleep(Duration::from_secs(4 * 3600)).await;
    scene.aws.set_access(BUCKET, Access::Full);
    while scene.receiver.texts().is_empty() {
        sleep(Duration::from_millis(100)).await;
    }
    scene.aws.set_access(BUCKET, Access::Denied);
    sleep(Duration::from_secs(60)).await;
    scene.aws.set_access(BUCKET, Access::Full);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(scene.receiver.texts(), all_events(&[0..1, 10..11]));
    scene.end(running).await;
}

/// A bug of ours that some content shows.
#[tokio::test(start_paused = true)]
async fn what_panics_whoever_reads_it_is_set_aside_and_restarts_nothing() {
    let scene = Scene::new(None).await;
    scene.put_lines("good", 0..1);
    scene.aws.put_object(BUCKET, "bad", "one\npanic\n");
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), scene.store.quarantined().len()), (events(0..1), 1));
    assert_eq!(receives(&scene.aws), [(1, 2)].into());
    scene.end(running).await;

    let scene = Scene::new(None).await;
    for body in ["good", "panic", "better"] {
        scene.aws.send(QUEUE, body);
    }
    let running = scene.bodies(Limits::of_bodies());
    scene.until_empty().await;
    assert_eq!(
        (&scene.receiver.texts()[..], &*scene.store.quarantined()[0].bytes),
        (&["better".to_owned(), "good".to_owned()][..], &b"panic"[..])
    );
    assert_eq!(receives(&scene.aws), [(1, 3)].into());
    scene.end(running).await;
}

/// Objects that are no events, or not of this kind: each is left to the dead-letter queue, and nothing of it is sent.
#[tokio::test(start_paused = true)]
async fn what_is_not_of_the_kind_dies() {
    let parquet = b"PAR1 and so on, to the end PAR1".to_vec();
    let objects = [
        ("parquet", parquet.clone()),
        ("parquet.gz", gzip(&parquet, 6)),
        ("lines.gz", gzip(text(0..10).as_bytes(), 6)),
        ("digest", br#"{"awsAccountId":"111122223333","logFiles":[]}"#.to_vec()),
        ("cut", br#"{"Records":[{"eventID":"#.to_vec()),
    ];
    for (key, object) in objects {
        let scene = Scene::new(Some(2)).await;
        scene.aws.put_object(BUCKET, key, object);
        let running = scene.objects_of(std::sync::Arc::new(Trail), limits());
        scene.until("it is dead", |scene| scene.aws.counts(DEAD).visible == 1).await;
        assert_eq!(scene.receiver.texts(), Vec::<String>::new(), "{key}");
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_of_nothing_holds_no_event() {
    let scene = Scene::new(Some(1)).await;
    let objects = [("empty", Vec::new()), ("empty.gz", gzip(b"", 6)), ("no-records", br#"{"Records":[]}"#.to_vec())];
    for (key, object) in objects {
        scene.aws.put_object(BUCKET, key, object);
    }
    let running = scene.objects_of(std::sync::Arc::new(Trail), limits());
    scene.until_empty().await;
    assert_eq!((scene.aws.counts(QUEUE).deleted, scene.aws.counts(DEAD).visible), (3, 0));
    scene.end(running).await;
}

/// One bad transfer is not a bad object. Which of the bytes before the damage were right nobody knows, so all events are
/// given again.
#[tokio::test(start_paused = true)]
async fn a_corrupted_transfer_loses_nothing() {
    for checksums in [false, true] {
        let scene = Scene::new(Some(1)).await;
        if checksums {
            scene.aws.keep_checksums(BUCKET);
        }
        let object = gzip(text(0..5000).as_bytes(), 6);
        scene.aws.corrupt_at(BUCKET, "a", object.len() as u64 / 2);
        scene.aws.put_object(BUCKET, "a", object);
        let running = scene.objects(limits());
        scene.until_empty().await;
        let arrived: HashSet<_> = scene.receiver.texts().into_iter().collect();
        assert!(events(0..5000).iter().all(|event| arrived.contains(event)), "with checksums: {checksums}");
        assert_eq!(scene.aws.counts(DEAD).visible, 0);
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_long_is_set_aside_and_the_others_flow() {
    let scene = Scene::new(Some(2)).await;
    let long = "x".repeat(3000);
    scene.aws.put_object(BUCKET, "a", format!("one\n{long}\ntwo\n"));
    let running = scene.objects(Limits { max_event_bytes: 1000, ..limits() });
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), ["one", "two"]);
    let aside = scene.store.quarantined();
    assert_eq!(aside.len(), 1);
    assert!(aside[0].address.ends_with("/a event 1, bytes 4 to 3004 inflated"), "{}", aside[0].address);
    assert_eq!((scene.counts().quarantined, scene.counts().pulled), (1, 3));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_set_aside_stays_where_it_is() {
    let scene = Scene::new(Some(2)).await;
    scene.store.set_full(true);
    let long = "x".repeat(3000);
    scene.aws.put_object(BUCKET, "a", format!("one\n{long}\ntwo\n"));
    let running = scene.objects(Limits { max_event_bytes: 1000, ..limits() });
    scene.until("it is dead", |scene| scene.aws.counts(DEAD).visible == 1).await;
    assert_eq!(scene.receiver.texts(), ["one", "two"]);
    assert_eq!(scene.counts().quarantined, 0);
    scene.end(running).await;
}

/// opensearch-project/data-prepper#1924.
#[tokio::test(start_paused = true)]
async fn garbage_is_left_to_the_redrive_policy() {
    let scene = Scene::new(Some(3)).await;
    let garbage = ["hello", "{}", "[]", "null", "{\"Records\":7}", "{\"Records\":[{\"messageId\":\"m\"}]}"];
    for body in garbage {
        scene.aws.send(QUEUE, body);
    }
    scene.put_lines("a", 0..10);
    let running = scene.objects(limits());
    scene.until("all are dead", |scene| scene.aws.counts(DEAD).visible == garbage.len() as u64).await;
    assert_eq!(scene.receiver.texts(), events(0..10));
    assert_eq!(receives(&scene.aws), [(1, 1), (3, garbage.len() as u64)].into());
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_redrive_policy_poison_is_set_aside() {
    let scene = Scene::new(None).await;
    scene.aws.send(QUEUE, "hello");
    scene.aws.put_object(BUCKET, "cut", truncated(0..5000));
    scene.put_lines("good", 0..10);
    let running = scene.objects(limits());
    scene.until_empty().await;
    let mut aside = scene.store.quarantined();
    aside.sort_by_key(|item| item.bytes.len());
    assert_eq!(aside.len(), 2);
    assert!(
        aside[0].address.ends_with("/cut") && aside[0].reason.contains("gzip"),
        "{} {}",
        aside[0].address,
        aside[0].reason
    );
    assert_eq!(aside[1].bytes, b"hello");
    assert!(events(0..10).iter().all(|event| scene.receiver.texts().contains(event)));
    scene.end(running).await;
}

/// Anything may be put into a bucket, and must not go out as garbage.
#[tokio::test(start_paused = true)]
async fn what_is_compressed_in_another_way_than_gzip_is_no_lines() {
    let scene = Scene::new(None).await;
    let (zstd, utf16) = (b"\x28\xb5\x2f\xfd\x04\0x\ny\n".to_vec(), b"\xff\xfea\0".to_vec());
    scene.aws.put_object(BUCKET, "a.log.zst", zstd.clone());
    scene.aws.put_object(BUCKET, "b.log.gz", gzip(&zstd, 6));
    scene.aws.put_object(BUCKET, "c.txt", utf16);
    scene.put_lines("d.log.gz", 0..10);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(0..10));
    let mut reasons: Vec<_> = scene.store.quarantined().into_iter().map(|item| item.reason).collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "`s3://logs/a.log.zst` is compressed with Zstandard, which cannot be read",
            "`s3://logs/b.log.gz` is compressed with Zstandard, which cannot be read",
            "`s3://logs/c.txt` is text in UTF-16, which cannot be read",
        ]
    );
    scene.end(running).await;
}

/// VPC flow logs may be written as Parquet, which is no lines.
#[tokio::test(start_paused = true)]
async fn a_parquet_file_among_logs_is_left_or_set_aside_with_that_reason() {
    for redrive in [Some(2), None] {
        let scene = Scene::new(redrive).await;
        scene.aws.put_object(BUCKET, "flow.log.parquet", b"PAR1\n and so on\n to the end PAR1".to_vec());
        scene.put_lines("flow.log.gz", 0..10);
        let running = scene.objects(limits());
        scene.until_empty().await;
        assert_eq!(scene.receiver.texts(), events(0..10));
        let aside = scene.store.quarantined();
        let said: Vec<_> = aside.iter().map(|item| (item.address.as_str(), item.reason.as_str())).collect();
        let reason = "`s3://logs/flow.log.parquet` is a parquet file, which cannot be read";
        match redrive {
            Some(_) => assert_eq!((scene.aws.counts(DEAD).visible, said), (1, Vec::new())),
            None => assert_eq!(said, [("s3://logs/flow.log.parquet", reason)]),
        }
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn poison_that_cannot_be_set_aside_comes_ever_more_rarely() {
    let scene = Scene::new(None).await;
    scene.store.set_full(true);
    scene.aws.send(QUEUE, "hello");
    let running = scene.objects(limits());
    sleep(Duration::from_secs(3 * 86400)).await;
    let counts = scene.aws.counts(QUEUE);
    assert_eq!((counts.deleted, counts.in_flight), (0, 1));
    assert!((15..25).contains(&counts.received), "{counts:?}");
    scene.end(running).await;
}

/// redpanda-data/connect#1090.
#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_is_waited_for_and_then_dealt_with_as_the_user_says() {
    for on_missing_object in [OnMissingObject::DeadLetter, OnMissingObject::Drop, OnMissingObject::Retry] {
        let scene = Scene::new(Some(1)).await;
        scene.announce(&[(SILENT, "gone")]);
        scene.put_lines("there", 0..10);
        let running = scene.objects(Limits { on_missing_object, ..limits() });
        sleep(Duration::from_secs(14 * 60)).await;
        assert_eq!(scene.aws.counts(QUEUE).in_flight, 1, "it may yet come");
        sleep(Duration::from_secs(6 * 60)).await;
        let counts = scene.aws.counts(QUEUE);
        let dead = scene.aws.counts(DEAD).visible;
        let found = (counts.in_flight, counts.deleted, dead, running.tally.missing.get());
        match on_missing_object {
            OnMissingObject::DeadLetter => assert_eq!(found, (0, 1, 1, 1)),
            OnMissingObject::Drop => assert_eq!(found, (0, 2, 0, 1)),
            OnMissingObject::Retry => {
                assert_eq!(found, (1, 1, 0, 0));
                scene.put_silently("gone", 10..20);
                scene.until_empty().await;
                assert_eq!(scene.receiver.texts(), all_events(&[0..10, 10..20]));
            }
        }
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_comes_late_is_read() {
    let scene = Scene::new(Some(1)).await;
    scene.announce(&[(SILENT, "late")]);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(600)).await;
    scene.put_silently("late", 0..10);
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), receives(&scene.aws)), (events(0..10), [(1, 1)].into()));
    scene.end(running).await;
}

/// An archived object says nothing about its bucket.
#[tokio::test(start_paused = true)]
async fn an_archived_object_stops_no_other() {
    let scene = Scene::new(Some(2)).await;
    scene.put_lines("archived", 0..10);
    scene.aws.set_archived(BUCKET, "archived", true);
    scene.put_lines("b", 10..20);
    let running = scene.objects(limits());
    scene.until("it is dead", |scene| scene.aws.counts(DEAD).visible == 1).await;
    assert_eq!(scene.receiver.texts(), events(10..20));
    scene.end(running).await;
}

/// Without the permission to list, what is gone looks forbidden. It is never taken for gone, and stops nobody else.
#[tokio::test(start_paused = true)]
async fn a_refused_object_in_a_readable_bucket_is_kept_and_stops_no_other() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.set_access(BUCKET, Access::NoList);
    scene.announce(&[(BUCKET, "gone")]);
    for n in 1..20 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 10);
    }
    let running = scene.objects(Limits { on_missing_object: OnMissingObject::Drop, ..limits() });
    scene.until("the others came", |scene| scene.receiver.texts().len() == 190).await;
    for n in 20..40 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 10);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(scene.receiver.texts().len() as u64, n * 10, "nothing waits for the one");
    }
    sleep(Duration::from_secs(3600)).await;
    let counts = scene.aws.counts(QUEUE);
    assert_eq!((counts.in_flight, counts.deleted, scene.aws.counts(DEAD).visible), (1, 39, 0));
    scene.end(running).await;
}

/// What can never be asked for is not asked for again and again.
#[tokio::test(start_paused = true)]
async fn what_no_object_can_be_called_is_left_to_the_redrive_policy() {
    let scene = Scene::new(Some(2)).await;
    let long = "k".repeat(1025);
    let odd = [
        (BUCKET, ""),
        ("", "key"),
        ("no bucket", "key"),
        ("a/b?c", "key"),
        (BUCKET, &*long),
        ("arn:aws:s3:::logs", "key"),
    ];
    for (bucket, key) in odd {
        scene.announce(&[(bucket, key)]);
    }
    scene.put_lines("good", 0..10);
    let running = scene.objects(limits());
    scene.until("all are dead", |scene| scene.aws.counts(DEAD).visible == odd.len() as u64).await;
    assert_eq!(scene.receiver.texts(), events(0..10));
    assert_eq!(scene.aws.calls("GetObject"), 1);
    scene.end(running).await;
}

/// As of an object encrypted with a key that only its writer has.
#[tokio::test(start_paused = true)]
async fn what_s3_will_always_refuse_is_left_and_what_passes_is_asked_again() {
    for (code, dies) in
        [("InvalidRequest", true), ("KeyTooLongError", true), ("InvalidBucketName", true), ("RequestTimeout", false)]
    {
        let scene = Scene::new(Some(2)).await;
        scene.aws.fail_next("GetObject", 40, 400, code);
        scene.put_lines("a", 0..10);
        let running = scene.objects(limits());
        sleep(Duration::from_secs(6 * 3600)).await;
        let (dead, came) = (scene.aws.counts(DEAD).visible, scene.receiver.texts().len());
        assert_eq!((dead, came), if dies { (1, 0) } else { (0, 10) }, "{code}");
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_was_closed_for_hours_flows_a_minute_after_it_is_opened() {
    let scene = Scene::new(Some(2)).await;
    scene.aws.set_access(BUCKET, Access::Denied);
    scene.put_lines("a", 0..10);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(5 * 3600 + 777)).await;
    scene.aws.set_access(BUCKET, Access::Full);
    sleep(Duration::from_secs(65)).await;
    assert_eq!(scene.receiver.texts(), events(0..10));
    scene.end(running).await;
}
