//! What comes back is given again, and nothing else is.

use std::time::Duration;

use quittance_aws::Limits;
use quittance_testbed::aws::{Loss, QueueSettings};
use tokio::time::sleep;

use crate::scene::{BUCKET, DEAD, Fate, QUEUE, SILENT, Scene, all_events, events, limits, receives, text, truncated};

fn tens(objects: u64) -> Vec<std::ops::Range<u64>> {
    (0..objects).map(|n| n * 10..n * 10 + 10).collect()
}

/// With so few receives allowed, any that our own trouble costs would send good messages to the dead-letter queue.
async fn outage(begin: impl Fn(&Scene), end: impl Fn(&Scene)) {
    let scene = Scene::new(Some(3)).await;
    begin(&scene);
    for lines in tens(20) {
        scene.put_lines(&format!("{}.gz", lines.start), lines);
    }
    let running = scene.objects(limits());
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(scene.receiver.texts(), Vec::<String>::new());
    assert!(scene.aws.calls("GetObject") < 20 * 200, "{} reads in an hour", scene.aws.calls("GetObject"));
    end(&scene);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&tens(20)));
    assert_eq!(receives(&scene.aws), [(1, 20)].into());
    assert_eq!(scene.aws.counts(DEAD).visible, 0);
    scene.end(running).await;
}

/// redpanda-data/connect#4657.
#[tokio::test(start_paused = true)]
async fn an_hour_of_returns_costs_no_receive() {
    outage(|scene| scene.receiver.set(Fate::Return), |scene| scene.receiver.set(Fate::Deliver)).await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_receipts_costs_no_receive() {
    outage(|scene| scene.receiver.set(Fate::Keep), |scene| scene.receiver.set(Fate::Deliver)).await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_in_which_nothing_can_be_sent_costs_no_receive() {
    let begin = |scene: &Scene| scene.receiver.set_ready(false);
    outage(begin, |scene| scene.receiver.set_ready(true)).await;
}

/// elastic/beats#38961: the receiver confirms a part of an object, then nothing more.
#[tokio::test(start_paused = true)]
async fn only_what_is_owed_is_given_again() {
    let scene = Scene::new(Some(3)).await;
    // About ten batches.
    scene.put_lines("large.gz", 0..12_000);
    scene.receiver.script(&[Fate::Deliver, Fate::Return, Fate::Deliver, Fate::Return, Fate::Return]);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(0..12_000));
    assert_eq!(scene.aws.calls("GetObject"), 2);
    let counts = scene.counts();
    assert_eq!(counts.pulled, 12_000 + counts.returned);
    assert!((2_000..6_000).contains(&counts.returned), "{counts:?}");
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_before_the_last_receipt() {
    let scene = Scene::new(Some(3)).await;
    scene.put_lines("large.gz", 0..12_000);
    scene.receiver.script(&[Fate::Deliver; 5]);
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(1000)).await;
    assert!(!scene.receiver.texts().is_empty());
    assert_eq!((scene.aws.counts(QUEUE).deleted, scene.aws.counts(QUEUE).in_flight), (0, 1));
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(0..12_000));
    scene.end(running).await;
}

/// open-telemetry/opentelemetry-collector-contrib#45153: one broken object among good ones in a message.
#[tokio::test(start_paused = true)]
async fn objects_beside_a_broken_one_are_not_sent_again() {
    let scene = Scene::new(Some(4)).await;
    for (key, lines) in [("a", 0..10), ("c", 20..30)] {
        scene.aws.put_object(SILENT, key, text(lines));
    }
    scene.aws.put_object(SILENT, "b", truncated(10..20));
    scene.announce(&[(SILENT, "a"), (SILENT, "b"), (SILENT, "c")]);
    let running = scene.objects(limits());
    scene.until("the message is dead", |scene| scene.aws.counts(DEAD).visible == 1).await;
    assert_eq!(receives(&scene.aws), [(4, 1)].into());
    let texts = scene.receiver.texts();
    let sound = events(10..20).into_iter().filter(|event| texts.contains(event)).count();
    assert!(sound < 10);
    assert_eq!(texts.len(), 20 + sound, "nothing came twice");
    assert_eq!(running.tally.resumed.get(), 3);
    scene.end(running).await;
}

/// The broken object is mended before its message dies.
#[tokio::test(start_paused = true)]
async fn a_mended_object_is_delivered_without_its_neighbours() {
    let scene = Scene::new(Some(10)).await;
    scene.aws.put_object(SILENT, "a", text(0..10));
    scene.aws.put_object(SILENT, "b", truncated(10..20));
    scene.announce(&[(SILENT, "a"), (SILENT, "b")]);
    let running = scene.objects(limits());
    scene.until("it was given back", |_| running.tally.poison.get() == 2).await;
    scene.aws.put_object(SILENT, "b", text(10..20));
    scene.until_empty().await;
    let mut texts = scene.receiver.texts();
    texts.dedup();
    assert_eq!(texts, all_events(&[0..10, 10..20]));
    let once = scene.receiver.texts().into_iter().filter(|t| events(0..10).contains(t)).count();
    assert_eq!(once, 10);
    scene.end(running).await;
}

/// redpanda-data/connect#182.
#[tokio::test(start_paused = true)]
async fn a_message_that_comes_twice_is_emitted_once() {
    let scene = Scene::new(None).await;
    scene.aws.redeliver_next(QUEUE, 5);
    for lines in tens(8) {
        scene.put_lines(&format!("{}.gz", lines.start), lines);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("all came", |_| running.tally.duplicates.get() == 5).await;
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&tens(8)));
    assert_eq!(scene.aws.counts(QUEUE).deleted, 8);
    scene.end(running).await;
}

/// vectordotdev/vector#4910: an object that takes longer than its message stays hidden.
#[tokio::test(start_paused = true)]
async fn a_message_stays_hidden_while_its_object_is_read() {
    let scene = Scene::new(Some(1)).await;
    let object = text(0..2_000);
    // More than an hour.
    scene.aws.slow(BUCKET, "slow", object.len() as u64 / 4000);
    scene.aws.put_object(BUCKET, "slow", object);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(0..2_000));
    assert_eq!(receives(&scene.aws), [(1, 1)].into());
    assert!((20..40).contains(&scene.aws.calls("ChangeMessageVisibilityBatch")));
    scene.end(running).await;
}

/// opensearch-project/data-prepper#4812: messages that wait for their turn are held as well.
#[tokio::test(start_paused = true)]
async fn a_message_stays_hidden_while_it_waits() {
    let scene = Scene::new(Some(1)).await;
    for lines in tens(10) {
        let object = text(lines.clone());
        let key = lines.start.to_string();
        scene.aws.slow(BUCKET, &key, object.len() as u64 / 400);
        scene.aws.put_object(BUCKET, &key, object);
    }
    let running = scene.objects(Limits { readers: 1, ..limits() });
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&tens(10)));
    assert_eq!(receives(&scene.aws), [(1, 10)].into());
    scene.end(running).await;
}

/// opensearch-project/data-prepper#2484: the reader's own timeout took the place of the queue's.
#[tokio::test(start_paused = true)]
async fn a_queue_that_hides_messages_for_longer_is_followed() {
    let scene = Scene::new(None).await;
    scene.aws.create_queue(
        QUEUE,
        QueueSettings { visibility_timeout: Duration::from_secs(3600), ..QueueSettings::default() },
    );
    scene.aws.send(QUEUE, "event");
    scene.receiver.set(Fate::Keep);
    let running = scene.bodies(limits());
    sleep(Duration::from_secs(10)).await;
    running.killed().await;
    sleep(Duration::from_secs(3000)).await;
    assert_eq!((scene.aws.counts(QUEUE).in_flight, scene.aws.counts(QUEUE).visible), (1, 0));
    sleep(Duration::from_secs(700)).await;
    assert_eq!((scene.aws.counts(QUEUE).in_flight, scene.aws.counts(QUEUE).visible), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_extension_is_tried_again_in_time() {
    let scene = Scene::new(Some(1)).await;
    scene.put_lines("a", 0..10);
    scene.receiver.set(Fate::Keep);
    scene.aws.fail_next("ChangeMessageVisibilityBatch", 2, 500, "InternalFailure");
    scene.aws.fail_entries("ChangeMessageVisibilityBatch", 2, "InternalError", false);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(1200)).await;
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), receives(&scene.aws)), (events(0..10), [(1, 1)].into()));
    scene.end(running).await;
}

/// boto/boto3#2898: twelve hours is as long as SQS lets a message be held.
#[tokio::test(start_paused = true)]
async fn after_twelve_hours_a_message_comes_again_and_nothing_is_doubled() {
    let scene = Scene::new(Some(5)).await;
    for lines in tens(3) {
        scene.put_lines(&format!("{}.gz", lines.start), lines);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(30 * 3600)).await;
    assert_eq!(running.tally.lapsed.get(), 6);
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&tens(3)));
    assert_eq!(receives(&scene.aws), [(3, 3)].into());
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn deletes_that_fail_are_tried_again() {
    let scene = Scene::new(Some(1)).await;
    for lines in tens(25) {
        scene.put_lines(&format!("{}.gz", lines.start), lines);
    }
    scene.aws.fail_next("DeleteMessageBatch", 2, 503, "ServiceUnavailable");
    scene.aws.lose_next("DeleteMessageBatch", 1, Loss::Answer);
    scene.aws.lose_next("DeleteMessageBatch", 1, Loss::Request);
    scene.aws.fail_entries("DeleteMessageBatch", 4, "InternalError", false);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), receives(&scene.aws)), (all_events(&tens(25)), [(1, 25)].into()));
    scene.end(running).await;
}

/// BrighterCommand/Brighter#4040: a delete that is refused for good.
#[tokio::test(start_paused = true)]
async fn a_refused_delete_doubles_nothing() {
    let scene = Scene::new(None).await;
    for lines in tens(5) {
        scene.put_lines(&format!("{}.gz", lines.start), lines);
    }
    scene.aws.fail_entries("DeleteMessageBatch", 3, "ReceiptHandleIsInvalid", true);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&tens(5)));
    assert_eq!(receives(&scene.aws), [(1, 2), (2, 3)].into());
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn many_small_objects_do_not_wait_for_each_others_receipts() {
    let scene = Scene::new(None).await;
    for lines in tens(1000) {
        scene.put_lines(&format!("{}.gz", lines.start), lines);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("all were given", |scene| scene.receiver.given() == 10_000).await;
    assert_eq!(scene.aws.counts(QUEUE).in_flight, 1000);
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!(scene.aws.calls("DeleteMessageBatch"), 100);
    scene.end(running).await;
}
