//! What was set aside, and is given once more when its cause was mended.

use std::{sync::Arc, time::Duration};

use quittance_aws::Limits;
use quittance_core::{Failure, Quarantined};
use quittance_testbed::{generate::gzip, log::Log};
use tokio::time::sleep;

use crate::scene::{BUCKET, Fate, QUEUE, SILENT, Scene, Text, Trail, all_events, events, limits, text, truncated};

const SHORT: usize = 1000;

fn short(limits: Limits) -> Limits {
    Limits { max_event_bytes: SHORT, ..limits }
}

/// The only item in quarantine.
fn only(scene: &Scene) -> Quarantined {
    let mut aside = scene.store.quarantined();
    assert_eq!(aside.len(), 1);
    aside.pop().unwrap()
}

fn said(failed: Result<(), Failure>) -> String {
    let failure = failed.expect_err("it is not given");
    format!("{}: {}", failure.code, failure.chain())
}

/// observIQ and Elastic changed their minds three times about what cannot be read: elastic/beats PR #18752, #14102, #14113.
#[tokio::test(start_paused = true)]
async fn a_long_event_of_a_message_is_given_when_it_may_be_longer() {
    let scene = Scene::new(None).await;
    let long = "x".repeat(2000);
    scene.aws.send(QUEUE, format!("a|{long}|b"));
    let running = scene.bodies(short(Limits::of_bodies()));
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), ["a", "b"]);
    let item = only(&scene);
    let told = said(scene.replay(&scene.bodies_puller(short(Limits::of_bodies())), item.clone()).await);
    assert!(told.contains("its 2000 bytes are more than `max_event_bytes` (1000)"), "{told}");
    scene.receiver.script(&[Fate::Return, Fate::Return]);
    scene.replay(&scene.bodies_puller(Limits::of_bodies()), item).await.unwrap();
    assert_eq!(scene.receiver.texts(), ["a", "b", &long], "once, though it came back twice");
    assert_eq!(scene.counts_by_tag().into_keys().collect::<Vec<_>>(), ["my.app.test.events"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_event_of_an_object_is_given_without_its_neighbours() {
    let scene = Scene::new(None).await;
    let long = "x".repeat(3000);
    scene.aws.put_object(BUCKET, "a", format!("one\n{long}\ntwo\n"));
    let running = scene.objects(short(limits()));
    scene.until_empty().await;
    let item = only(&scene);
    let told = said(scene.replay(&scene.objects_puller(Arc::new(Text), short(limits())), item.clone()).await);
    assert!(told.contains("holds 1 events longer than `max_event_bytes` (1000)"), "{told}");
    assert_eq!(scene.store.quarantined().len(), 1, "it is not set aside anew");
    scene.replay(&scene.objects_puller(Arc::new(Text), limits()), item.clone()).await.unwrap();
    assert_eq!(scene.receiver.texts(), ["one", "two", &long]);
    scene.aws.put_object(SILENT, "a", "");
    scene.aws.put_object(BUCKET, "a", "other\ncontent\n");
    scene.until_empty().await;
    let told = said(scene.replay(&scene.objects_puller(Arc::new(Text), limits()), item).await);
    assert!(told.contains("was overwritten"), "{told}");
    assert_eq!(scene.receiver.texts().len(), 5, "what is there now announced itself");
    scene.end(running).await;
}

/// Each version has events of its own, at the same places of the same key.
#[tokio::test(start_paused = true)]
async fn what_is_set_aside_of_each_version_of_an_object_is_given_of_that_version() {
    let scene = Scene::new(None).await;
    scene.aws.keep_versions(BUCKET);
    let long = ["x", "y"].map(|filling| filling.repeat(3000));
    for long in &long {
        scene.aws.put_object(BUCKET, "a", format!("one\n{long}\ntwo\n"));
    }
    let running = scene.objects(short(limits()));
    scene.until_empty().await;
    let aside = scene.store.quarantined();
    assert_eq!(aside.len(), 2);
    for item in aside {
        scene.replay(&scene.objects_puller(Arc::new(Text), limits()), item).await.unwrap();
    }
    let mut given = scene.receiver.texts();
    given.retain(|text| text.len() > SHORT);
    assert_eq!(given, long);
    scene.end(running).await;
}

/// observIQ/bindplane-otel-contrib#738 and DataDog/datadog-serverless-functions#1129: every kind of failure must be seen in
/// quarantine, and come back from it.
#[tokio::test(start_paused = true)]
async fn archived_and_missing_objects_are_set_aside_and_given_when_they_are_there() {
    let scene = Scene::new(None).await;
    scene.put_lines("archived", 0..10);
    scene.aws.set_archived(BUCKET, "archived", true);
    scene.announce(&[(SILENT, "missing")]);
    scene.put_lines("good", 20..30);
    let running = scene.objects(limits());
    scene.until_empty().await;
    let mut aside = scene.store.quarantined();
    aside.sort_by(|a, b| a.address.cmp(&b.address));
    let addresses: Vec<_> = aside.iter().map(|item| item.address.as_str()).collect();
    assert_eq!(addresses, ["s3://logs/archived", "s3://silent/missing"]);
    assert!(
        aside[0].reason.contains("InvalidObjectState") && aside[1].reason.contains("NoSuchKey"),
        "{}",
        aside[1].reason
    );
    let puller = scene.objects_puller(Arc::new(Text), limits());
    for item in &aside {
        said(scene.replay(&puller, item.clone()).await);
    }
    assert_eq!(scene.receiver.texts(), events(20..30));
    scene.aws.set_archived(BUCKET, "archived", false);
    scene.put_silently("missing", 40..50);
    for item in aside {
        scene.replay(&puller, item).await.unwrap();
    }
    assert_eq!(scene.receiver.texts(), all_events(&[0..10, 20..30, 40..50]));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_damaged_object_only_what_was_not_delivered_is_given() {
    let scene = Scene::new(None).await;
    scene.aws.put_object(BUCKET, "cut", truncated(0..3000));
    let running = scene.objects(limits());
    scene.until_empty().await;
    let sound = scene.receiver.texts();
    let (item, puller) = (only(&scene), scene.objects_puller(Arc::new(Text), limits()));
    let told = said(scene.replay(&puller, item.clone()).await);
    assert!(told.contains("cannot be decoded"), "{told}");
    assert_eq!(scene.receiver.texts(), sound, "nothing comes twice");
    // Mended in its place, it is another object, which is given as a whole.
    scene.aws.put_object(SILENT, "mended", gzip(text(0..3000).as_bytes(), 6));
    let elsewhere = item.again.replace("logs", SILENT).replace("cut", "mended");
    scene.replay(&puller, Quarantined { again: elsewhere, ..item }).await.unwrap();
    assert_eq!(scene.receiver.texts().len(), sound.len() + 3000);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_took_is_given_to_who_takes_it_now() {
    let scene = Scene::new(None).await;
    scene.aws.send(QUEUE, "hello");
    let running = scene.objects_of(Arc::new(Trail), limits());
    scene.until_empty().await;
    let item = only(&scene);
    said(scene.replay(&scene.objects_puller(Arc::new(Trail), limits()), item.clone()).await);
    assert_eq!(scene.receiver.texts(), Vec::<String>::new());
    scene.replay(&scene.bodies_puller(Limits::of_bodies()), item).await.unwrap();
    assert_eq!(scene.receiver.texts(), ["hello"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_say_how_it_is_given_stays() {
    let scene = Scene::new(None).await;
    scene.aws.send(QUEUE, "hello");
    let running = scene.objects(limits());
    scene.until_empty().await;
    let item = Quarantined { again: String::new(), ..only(&scene) };
    let told = said(scene.replay(&scene.bodies_puller(Limits::of_bodies()), item).await);
    assert!(told.contains("an earlier version set it aside"), "{told}");
    scene.end(running).await;
}

/// What is kept must be what would be deleted: with its bytes, however little room there is.
#[tokio::test(start_paused = true)]
async fn a_body_whose_event_cannot_be_set_aside_is_not_deleted_for_its_address() {
    let scene = Scene::new(None).await;
    scene.store.set_longest(1500);
    scene.aws.send(QUEUE, format!("a|{}|b", "x".repeat(2000)));
    let running = scene.bodies(short(Limits::of_bodies()));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((scene.receiver.texts().len(), scene.aws.counts(QUEUE).deleted), (2, 0));
    assert_eq!(scene.store.quarantined().len(), 0);
    scene.store.set_longest(1 << 20);
    scene.until_empty().await;
    let kept = only(&scene);
    assert!(kept.bytes.len() >= 2000, "{} bytes of {}", kept.bytes.len(), kept.address);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_quarantine_is_told_once_and_good_messages_flow() {
    let (log, _guard) = Log::keep();
    let scene = Scene::new(None).await;
    scene.store.set_full(true);
    for n in 0..20 {
        scene.aws.send(QUEUE, format!("garbage {n} with a customer's word"));
    }
    scene.put_lines("good", 0..10);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(7200)).await;
    assert_eq!(scene.receiver.texts(), events(0..10));
    assert_eq!((scene.aws.counts(QUEUE).deleted, scene.store.quarantined().len()), (1, 0));
    assert_eq!(log.lines_with("SaveStateError503").len(), 1, "{:?}", log.lines_with("SaveState"));
    scene.store.set_full(false);
    scene.until_empty().await;
    assert_eq!(scene.store.quarantined().len(), 20);
    assert_eq!(log.lines_with("has room again").len(), 1);
    assert_eq!(log.lines_with("customer's").len(), 0, "{:?}", log.lines_with("customer's"));
    scene.end(running).await;
}
