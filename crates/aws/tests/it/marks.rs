//! What a restart knows of an object that was delivered in part.

use std::{collections::HashSet, time::Duration};

use quittance_core::Ended;
use tokio::time::sleep;

use crate::scene::{BUCKET, Fate, QUEUE, SILENT, Scene, events, limits, truncated};

/// Several batches' worth.
const LINES: u64 = 30_000;

/// Delivers some batches of a large object, then kills the engine; another begins where it was.
async fn killed_in_the_middle(scene: &Scene, delivered: usize) -> HashSet<String> {
    scene.put_lines("large", 0..LINES);
    scene.receiver.script(&vec![Fate::Deliver; delivered]);
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("all of it is given", |scene| scene.receiver.given() as u64 == LINES).await;
    sleep(Duration::from_secs(30)).await;
    running.kill();
    sleep(Duration::from_secs(1)).await;
    scene.receiver.forget_kept();
    let first: HashSet<_> = scene.receiver.texts().into_iter().collect();
    scene.receiver.set(Fate::Deliver);
    scene.aws.make_visible(QUEUE);
    first
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_only_what_is_owed_is_given() {
    let scene = Scene::new(Some(10)).await;
    let first = killed_in_the_middle(&scene, 3).await;
    assert!(!first.is_empty() && (first.len() as u64) < LINES, "{}", first.len());
    let given = scene.receiver.given();
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(0..LINES), "each once, none missing");
    assert_eq!(scene.receiver.given() - given, LINES as usize - first.len());
    sleep(Duration::from_secs(10)).await;
    assert!(scene.store.records().is_empty(), "the mark goes with its message: {:?}", scene.store.records());
    running.kill();
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_overwritten_since_is_given_whole() {
    let scene = Scene::new(Some(10)).await;
    killed_in_the_middle(&scene, 3).await;
    scene.aws.put_object(BUCKET, "large", crate::scene::text(LINES..LINES + 10));
    let running = scene.objects(limits());
    scene.until_empty().await;
    let texts: HashSet<_> = scene.receiver.texts().into_iter().collect();
    assert!(events(LINES..LINES + 10).iter().all(|event| texts.contains(event)));
    running.kill();
}

#[tokio::test(start_paused = true)]
async fn without_its_state_everything_is_given_again() {
    let scene = Scene::new(Some(10)).await;
    scene.store.set_failing(true);
    let first = killed_in_the_middle(&scene, 3).await;
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts().len(), LINES as usize + first.len(), "at least once, for want of a mark");
    running.kill();
}

#[tokio::test(start_paused = true)]
async fn what_is_confirmed_in_time_needs_no_mark() {
    let scene = Scene::new(Some(10)).await;
    for n in 0..50 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 10);
    }
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.store.writes(), 0);
    scene.end(running).await;
}

/// The last call is the delete: its mark would otherwise be found by every later run, for two weeks.
#[tokio::test(start_paused = true)]
async fn a_run_that_ends_for_want_of_permission_writes_its_last_marks() {
    let scene = Scene::new(Some(10)).await;
    scene.put_lines("large", 0..LINES);
    scene.receiver.script(&[Fate::Deliver; 3]);
    scene.receiver.set(Fate::Keep);
    let running = scene.objects(limits());
    scene.until("it is marked", |scene| !scene.store.records().is_empty()).await;
    scene.aws.fail_while("ReceiveMessage", "AccessDenied");
    sleep(Duration::from_secs(60)).await;
    scene.receiver.set(Fate::Deliver);
    assert!(matches!(running.ended().await, Ended::Failed(_)));
    assert_eq!((scene.aws.counts(QUEUE).deleted, scene.store.records()), (1, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn what_is_set_aside_leaves_no_mark() {
    let scene = Scene::new(None).await;
    scene.put_silently("sound", 0..10);
    scene.aws.put_object(SILENT, "cut", truncated(10..3000));
    scene.announce(&[(SILENT, "sound"), (SILENT, "cut")]);
    let running = scene.objects(limits());
    scene.until_empty().await;
    sleep(Duration::from_secs(10)).await;
    assert!(scene.store.writes() > 0, "it was marked when it was given up");
    assert_eq!((scene.store.quarantined().len(), scene.store.records()), (1, Vec::new()));
    scene.end(running).await;
}
