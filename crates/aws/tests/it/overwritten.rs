//! Objects that are written over before they are read.

use std::time::Duration;

use quittance_testbed::aws::Shape;
use tokio::time::sleep;

use crate::scene::{BUCKET, Fate, QUEUE, SILENT, Scene, all_events, events, limits, text};

#[tokio::test(start_paused = true)]
async fn every_version_of_an_object_is_read_where_versions_are_kept() {
    for shape in [Shape::S3Event, Shape::SnsWrapped, Shape::EventBridge] {
        let scene = Scene::new(Some(1)).await;
        scene.aws.notify(SILENT, QUEUE, shape);
        scene.aws.keep_versions(SILENT);
        scene.put_silently("a", 0..10);
        scene.put_silently("a", 10..20);
        scene.put_silently("a", 20..30);
        let running = scene.objects(limits());
        scene.until_empty().await;
        assert_eq!(scene.receiver.texts(), all_events(&[0..10, 10..20, 20..30]), "{shape:?}");
        assert_eq!(running.tally.replaced.get(), 0);
        scene.end(running).await;
    }
}

/// The transfer goes on with the version that it began with.
#[tokio::test(start_paused = true)]
async fn a_version_that_is_written_over_while_it_is_read_is_read_to_its_end() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.keep_versions(BUCKET);
    let object = text(0..5000);
    scene.aws.stall_after(BUCKET, "a", object.len() as u64 / 2);
    scene.aws.put_object(BUCKET, "a", object);
    let running = scene.objects(limits());
    scene.until("half of it came", |scene| scene.receiver.given() > 1000).await;
    scene.put_lines("a", 50_000..50_100);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&[0..5000, 50_000..50_100]));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_written_over_is_counted_and_what_is_there_comes_with_each_announcement() {
    for versions in [false, true] {
        let scene = Scene::new(Some(1)).await;
        if versions {
            // Kept, but not for us.
            scene.aws.keep_versions(BUCKET);
            scene.aws.deny_versions(BUCKET, true);
        }
        scene.put_lines("a", 0..10);
        scene.put_lines("a", 10..20);
        scene.put_lines("b", 20..30);
        let running = scene.objects(limits());
        scene.until_empty().await;
        let mut expected = all_events(&[10..20, 10..20, 20..30]);
        let mut texts = scene.receiver.texts();
        expected.sort();
        texts.sort();
        assert_eq!(texts, expected, "versions: {versions}");
        assert_eq!(running.tally.replaced.get(), 1);
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_instead_of_an_object_that_is_owed_is_given_whole() {
    let scene = Scene::new(Some(1)).await;
    scene.receiver.script(&[Fate::Deliver, Fate::Return, Fate::Keep]);
    scene.receiver.set(Fate::Keep);
    scene.put_lines("a", 0..8000);
    let running = scene.objects(limits());
    scene.until("all was given", |scene| scene.receiver.given() >= 8000).await;
    scene.put_lines("a", 50_000..50_100);
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    let texts = scene.receiver.texts();
    assert_eq!(texts.iter().filter(|text| text.starts_with("0500")).count(), 200, "with each of its announcements");
    scene.end(running).await;
}

/// Whatever was announced by what is no entity tag of S3 says nothing of what is there.
#[tokio::test(start_paused = true)]
async fn a_store_with_tags_of_its_own_is_read_as_it_is() {
    let scene = Scene::new(Some(1)).await;
    for (n, etag) in (0..).zip(["", "etag", "\\\"0123\\\"", "0123456789abcdef-of-ours"]) {
        scene.put_silently(&n.to_string(), n * 10..n * 10 + 10);
        scene.aws.send(QUEUE, scene.aws.notification(Shape::S3Event, SILENT, &n.to_string(), 100, etag));
    }
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(
        scene.receiver.texts(),
        events(0..10).into_iter().chain(all_events(&[10..20, 20..30, 30..40])).collect::<Vec<_>>()
    );
    scene.end(running).await;
}

/// SQS says that there is no such queue also to whoever may not see it for a while.
#[tokio::test(start_paused = true)]
async fn a_queue_that_seems_gone_when_it_is_deleted_from_gives_nothing_twice() {
    let scene = Scene::new(None).await;
    scene.receiver.set(Fate::Deliver);
    scene.aws.fail_next("DeleteMessageBatch", 1, 400, "AWS.SimpleQueueService.NonExistentQueue");
    scene.put_lines("a", 0..10);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(10)).await;
    assert_eq!(scene.aws.counts(QUEUE).deleted, 0);
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), scene.aws.counts(QUEUE).deleted), (events(0..10), 1));
    scene.end(running).await;
}
