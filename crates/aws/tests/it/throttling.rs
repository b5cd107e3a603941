//! Refusals of AWS: what passes is waited out, what does not is said, and nobody else suffers.

use std::time::Duration;

use quittance_aws::Limits;
use quittance_core::{Class, Ended};
use quittance_testbed::aws::{Access, QueueSettings, Shape};
use tokio::time::sleep;

use crate::scene::{BUCKET, DEAD, Fate, QUEUE, Scene, events, limits, receives, text};

/// vectordotdev/vector#20428: a ceiling on calls while nothing works.
#[tokio::test(start_paused = true)]
async fn throttled_calls_are_tried_again_after_a_while() {
    let scene = Scene::new(Some(1)).await;
    scene.put_lines("a", 0..10);
    scene.aws.fail_while("ReceiveMessage", "RequestThrottled");
    let running = scene.objects(limits());
    sleep(Duration::from_secs(3600)).await;
    let calls = scene.aws.calls("ReceiveMessage");
    assert!((700..1500).contains(&calls), "{calls} receives in an hour");
    scene.aws.recover("ReceiveMessage");
    scene.aws.fail_while("GetObject", "SlowDown");
    sleep(Duration::from_secs(3600)).await;
    let calls = scene.aws.calls("GetObject");
    assert!((40..150).contains(&calls), "{calls} reads in an hour");
    scene.aws.recover("GetObject");
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), receives(&scene.aws)), (events(0..10), [(1, 1)].into()));
    scene.end(running).await;
}

/// opensearch-project/data-prepper#3930.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_refuses_us_stops_no_other_and_loses_nothing() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.create_bucket("closed");
    scene.aws.notify("closed", QUEUE, Shape::S3Event);
    scene.aws.set_access("closed", Access::Denied);
    for n in 0..300 {
        scene.aws.put_object("closed", &n.to_string(), text(n * 10..n * 10 + 1));
    }
    let running = scene.objects(Limits { readers: 4, ..limits() });
    sleep(Duration::from_secs(600)).await;
    let refused = scene.aws.calls_with("GetObject", "AccessDenied");
    assert!(refused < 20, "{refused} refusals in ten minutes");
    for n in 300..600 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.until("the other bucket flows", |scene| scene.receiver.texts().len() == 300).await;
    assert_eq!(scene.aws.counts(QUEUE).in_flight, 300, "the refused ones are held");
    sleep(Duration::from_secs(4 * 3600)).await;
    scene.aws.set_access("closed", Access::Full);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts().len(), 600);
    assert_eq!((receives(&scene.aws), scene.aws.counts(DEAD).visible), ([(1, 600)].into(), 0));
    scene.end(running).await;
}

/// More messages of a closed bucket than may be held: what else is in the queue still comes through.
#[tokio::test(start_paused = true)]
async fn a_full_house_of_refused_messages_leaves_room_for_others() {
    let scene = Scene::new(Some(5)).await;
    scene.aws.create_bucket("closed");
    scene.aws.notify("closed", QUEUE, Shape::S3Event);
    scene.aws.set_access("closed", Access::Denied);
    for n in 0..60 {
        scene.aws.put_object("closed", &n.to_string(), text(n * 10..n * 10 + 1));
    }
    let running = scene.objects(Limits { held_messages: 60, ..limits() });
    sleep(Duration::from_secs(600)).await;
    for n in 100..400 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.until("the other bucket flows", |scene| scene.receiver.texts().len() == 300).await;
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn too_many_in_flight_makes_us_hold_fewer() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.delete_queue(QUEUE);
    scene.aws.create_queue(QUEUE, QueueSettings { in_flight_cap: 100, ..QueueSettings::default() });
    for n in 0..500 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    sleep(Duration::from_secs(600)).await;
    assert!(scene.aws.calls_with("ReceiveMessage", "OverLimit") < 40);
    assert!(scene.aws.counts(QUEUE).in_flight <= 100);
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts().len(), receives(&scene.aws)), (500, [(1, 500)].into()));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn after_too_many_in_flight_we_hold_more_again_little_by_little() {
    let scene = Scene::new(Some(1)).await;
    let limits = Limits { held_messages: 200, ..limits() };
    for n in 0..150 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits);
    scene.until("all are held", |scene| scene.aws.counts(QUEUE).in_flight == 150).await;
    scene.aws.fail_while("ReceiveMessage", "OverLimit");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.aws.calls_with("ReceiveMessage", "OverLimit"), 1, "none is made while too much is held");
    scene.aws.recover("ReceiveMessage");
    for n in 150..3000 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    let mut held = Vec::new();
    for _ in 0..15 {
        scene.receiver.set(Fate::Deliver);
        scene.receiver.set(Fate::Keep);
        sleep(Duration::from_secs(61)).await;
        held.push(scene.aws.counts(QUEUE).in_flight);
    }
    assert!((60..=85).contains(&held[0]), "half of what was held: {held:?}");
    assert!(held.is_sorted_by(|a, b| a <= b && b - a <= 20), "{held:?}");
    assert!((190..=200).contains(held.last().unwrap()), "{held:?}");
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts().len(), receives(&scene.aws)), (3000, [(1, 3000)].into()));
    scene.end(running).await;
}

/// The supervisor shall begin with the setup again, which says what is wrong.
#[tokio::test(start_paused = true)]
async fn a_queue_that_refuses_us_ends_the_run_when_nothing_is_held() {
    for code in ["AccessDenied", "QueueDoesNotExist", "KMS.AccessDeniedException", "InvalidClientTokenId"] {
        let scene = Scene::new(Some(1)).await;
        scene.put_lines("a", 0..10);
        scene.receiver.set(Fate::Keep);
        let running = scene.objects(limits());
        scene.until("it was given", |scene| scene.receiver.given() == 10).await;
        scene.aws.fail_while("ReceiveMessage", code);
        sleep(Duration::from_secs(600)).await;
        assert!(!running.is_over(), "what is held is settled first");
        scene.receiver.set(Fate::Deliver);
        let Ended::Failed(failure) = running.ended().await else { panic!("{code}: it only stopped") };
        assert_eq!(failure.class, Class::NeedsPerson, "{code}");
        assert_eq!((scene.aws.counts(QUEUE).deleted, scene.receiver.texts()), (1, events(0..10)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_deleted_takes_its_messages_along() {
    let scene = Scene::new(Some(1)).await;
    scene.put_lines("a", 0..10);
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("it was given", |scene| scene.receiver.given() == 10).await;
    scene.aws.fail_while("ReceiveMessage", "QueueDoesNotExist");
    scene.aws.fail_while("DeleteMessageBatch", "QueueDoesNotExist");
    scene.receiver.set(Fate::Deliver);
    assert!(matches!(running.ended().await, Ended::Failed(_)));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_held_messages_is_bounded() {
    let scene = Scene::new(Some(1)).await;
    for n in 0..500 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(Limits { held_messages: 120, ..limits() });
    sleep(Duration::from_secs(1000)).await;
    let held = scene.aws.counts(QUEUE).in_flight;
    assert!((100..=120).contains(&held), "{held} held");
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    assert_eq!(scene.aws.calls_with("GetObject", "ok"), 500);
    assert_eq!(scene.aws.counts(QUEUE).deleted, scene.aws.counts(QUEUE).sent);
    assert_eq!(scene.aws.keys(BUCKET).len(), 500);
    scene.end(running).await;
}
