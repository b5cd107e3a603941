//! A stop is bounded, and leaves nothing behind.

use std::time::Duration;

use quittance_aws::Limits;
use quittance_testbed::aws::Loss;
use tokio::time::{Instant, sleep};

use tokio_util::sync::CancellationToken;

use crate::scene::{BUCKET, Fate, QUEUE, SILENT, Scene, all_events, events, limits, text};

async fn stop_takes(scene: Scene, running: crate::scene::Running) -> Duration {
    let start = Instant::now();
    scene.stop.cancel();
    running.ended().await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_stops_at_once() {
    let scene = Scene::new(None).await;
    let running = scene.objects(limits());
    sleep(Duration::from_secs(30)).await;
    let took = stop_takes(scene, running).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Receipts that come during the drain count.
#[tokio::test(start_paused = true)]
async fn what_is_confirmed_while_we_stop_is_deleted() {
    let scene = Scene::new(None).await;
    for n in 0..30 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("all came", |scene| scene.receiver.given() == 30).await;
    scene.stop.cancel();
    sleep(Duration::from_secs(2)).await;
    scene.receiver.set(Fate::Deliver);
    running.ended().await;
    let counts = scene.aws.counts(QUEUE);
    assert_eq!((counts.visible, counts.in_flight, counts.deleted), (0, 0, 30));
}

/// One object is in the middle of its transfer, which takes longer than a stop, and of another the answer is still to come.
#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_objects_repeats_nothing() {
    let mut scene = Scene::new(None).await;
    scene.aws.slow(BUCKET, "slow", 100_000);
    scene.aws.put_object(BUCKET, "slow", text(0..20_000));
    scene.receiver.set(Fate::ConfirmLate);
    let running = scene.objects(limits());
    scene.until("some of it came", |scene| scene.receiver.given() > 1000).await;
    scene.put_lines("late", 30_000..30_010);
    scene.aws.delay("GetObject", Duration::from_secs(2));
    sleep(Duration::from_secs(1)).await;
    scene.stop.cancel();
    let start = Instant::now();
    running.ended().await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let before = scene.receiver.texts().len();
    assert!((1000..20_000).contains(&before), "{before}");
    scene.aws.recover("GetObject");
    scene.stop = CancellationToken::new();
    scene.receiver.set(Fate::Deliver);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), all_events(&[0..20_000, 30_000..30_010]));
    scene.end(running).await;
}

/// Receipts that do not come are not waited for, and what they were for can be received at once by somebody else.
#[tokio::test(start_paused = true)]
async fn what_is_not_confirmed_goes_back() {
    for fate in [Fate::Keep, Fate::Return] {
        let scene = Scene::new(None).await;
        for n in 0..300 {
            scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
        }
        scene.receiver.set(fate);
        let running = scene.objects(limits());
        scene.until("all came", |scene| scene.receiver.given() >= 300).await;
        let aws = scene.aws.clone();
        let took = stop_takes(scene, running).await;
        assert!(took <= Duration::from_secs(6), "{took:?}");
        let counts = aws.counts(QUEUE);
        assert_eq!((counts.visible, counts.in_flight, counts.deleted), (300, 0, 0), "{fate:?}");
    }
}

/// Objects that are being read, objects that wait, a bucket that refuses us: nothing stays hidden.
#[tokio::test(start_paused = true)]
async fn whatever_is_under_way_goes_back() {
    let scene = Scene::new(None).await;
    for n in 0..40_u64 {
        let key = n.to_string();
        match n % 4 {
            0 => scene.aws.stall_after(BUCKET, &key, 100),
            1 => scene.aws.slow(BUCKET, &key, 10),
            _ => {}
        }
        scene.aws.put_object(BUCKET, &key, text(n * 10..n * 10 + 2));
    }
    scene.announce(&[(SILENT, "gone")]);
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(Limits { readers: 4, ..limits() });
    sleep(Duration::from_secs(20)).await;
    let aws = scene.aws.clone();
    let took = stop_takes(scene, running).await;
    assert!(took <= Duration::from_secs(6), "{took:?}");
    let counts = aws.counts(QUEUE);
    assert_eq!((counts.visible, counts.in_flight), (41, 0));
}

/// Even if AWS does not answer any more.
#[tokio::test(start_paused = true)]
async fn a_stop_is_bounded_when_nothing_answers() {
    let scene = Scene::new(None).await;
    for n in 0..30 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("all came", |scene| scene.receiver.given() == 30).await;
    for api in ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"] {
        scene.aws.lose_sometimes(api, 1.0, Loss::Hang);
    }
    let took = stop_takes(scene, running).await;
    assert!(took <= Duration::from_secs(11), "{took:?}");
}

/// A destination that takes nothing does not keep us.
#[tokio::test(start_paused = true)]
async fn a_stop_is_bounded_when_nothing_can_be_sent() {
    let scene = Scene::new(None).await;
    scene.put_lines("a", 0..10_000);
    let running = scene.objects(limits());
    scene.receiver.script(&[Fate::Return]);
    scene.until("something was given", |scene| scene.receiver.given() > 0).await;
    scene.receiver.set_ready(false);
    let aws = scene.aws.clone();
    let took = stop_takes(scene, running).await;
    assert!(took <= Duration::from_secs(6), "{took:?}");
    let counts = aws.counts(QUEUE);
    assert_eq!(counts.in_flight, 0);
}

/// Messages that a receive still brings after the stop go back.
#[tokio::test(start_paused = true)]
async fn a_receive_under_way_hides_nothing() {
    let scene = Scene::new(None).await;
    let running = scene.objects(limits());
    sleep(Duration::from_secs(5)).await;
    scene.stop.cancel();
    sleep(Duration::from_millis(100)).await;
    scene.put_lines("a", 0..10);
    running.ended().await;
    let counts = scene.aws.counts(QUEUE);
    assert_eq!((counts.visible, counts.in_flight), (1, 0));
    assert_eq!(scene.receiver.texts(), Vec::<String>::new());
}

/// And the next start delivers everything.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_between_two_runs() {
    let mut scene = Scene::new(None).await;
    for n in 0..200 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    for round in 0..20 {
        let running = scene.objects(limits());
        scene.receiver.script(&[Fate::Deliver, Fate::Return, Fate::Keep, Fate::Deliver]);
        sleep(Duration::from_millis(37 * round)).await;
        scene.stop.cancel();
        scene.receiver.set(Fate::Return);
        running.ended().await;
        scene.receiver.set(Fate::Deliver);
        scene.stop = Default::default();
    }
    let running = scene.objects(limits());
    scene.until_empty().await;
    let mut texts = scene.receiver.texts();
    texts.dedup();
    assert_eq!(texts, (0..200).flat_map(|n| events(n * 10..n * 10 + 1)).collect::<Vec<_>>());
    scene.end(running).await;
}
