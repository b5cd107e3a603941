//! What a bucket holds of a range of time is given once, and then it is over.

use std::{
    collections::HashSet,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use quittance_core::{Ended, Past, Puller, Surveyed};
use tokio::time::{Instant, sleep};

use crate::scene::{Fate, QUEUE, Running, SILENT, Scene, events, limits};

fn at(text: &str) -> Option<SystemTime> {
    Some(text.parse::<jiff::Timestamp>().unwrap().into())
}

fn past() -> Past {
    Past {
        place: SILENT.to_owned(),
        region: None,
        prefix: "org/".to_owned(),
        from: at("2026-01-10T00:00:00Z"),
        to: at("2026-01-20T00:00:00Z"),
        by_name: true,
        rate: None,
    }
}

/// Puts objects of one event each into a day.
fn put(scene: &Scene, day: &str, lines: std::ops::Range<u64>) {
    for line in lines {
        scene.put_silently(&format!("org/{day}/{line:06} +ä.log"), line..line + 1);
    }
}

/// What comes of such objects, sorted.
fn given(lines: &[std::ops::Range<u64>]) -> Vec<String> {
    lines.iter().cloned().flatten().flat_map(|line| events(line..line + 1)).collect()
}

/// Waits until a run ends by itself.
async fn over(scene: &Scene, running: Running) {
    scene.until("it is over", |_| running.is_over()).await;
    let ended = running.ended().await;
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_range_is_given_once_without_its_queue_and_the_run_ends_by_itself() {
    let scene = Scene::new(None).await;
    put(&scene, "2025/12/31", 0..1500);
    put(&scene, "2026/01/09", 2000..2010);
    put(&scene, "2026/01/10", 3000..3010);
    put(&scene, "2026/01/19", 4000..6500);
    put(&scene, "2026/01/20", 7000..7010);
    put(&scene, "2027/01/15", 8000..9500);
    scene.put_silently("elsewhere/2026/01/15/x.log", 9900..9901);
    let backfill = scene.backfill(&past());
    assert!(backfill.setup.check().await.unwrap().is_empty());
    let before = scene.aws.calls("ListObjectsV2");
    over(&scene, scene.puller(backfill.puller.clone())).await;
    assert_eq!(scene.receiver.texts(), given(&[3000..3010, 4000..6500]));
    assert_eq!(backfill.progress.dealt().0, 2510);
    assert!(backfill.progress.is_complete());
    let calls = scene.aws.calls("ListObjectsV2") - before;
    assert!(calls <= 7, "folders out of the range are passed over: {calls} calls");
    assert_eq!((scene.aws.calls("ReceiveMessage"), scene.aws.counts(QUEUE).sent), (0, 0));
    // Another run finds nothing left, and ends at once.
    let (read, again) = (scene.aws.calls("GetObject"), scene.backfill(&past()));
    over(&scene, scene.puller(again.puller)).await;
    assert_eq!(scene.aws.calls("GetObject"), read);
    assert!(again.progress.is_complete());
    assert_eq!(again.progress.dealt(), backfill.progress.dealt());
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_what_is_given() {
    let scene = Scene::new(None).await;
    put(&scene, "2026/01/10", 0..1200);
    put(&scene, "2026/01/11", 2000..2003);
    put(&scene, "2026/02/11", 3000..3003);
    let past = Past { prefix: String::new(), ..past() };
    scene.put_silently("skip/2026/01/11/x", 9000..9001);
    let days = scene.backfill(&past).survey.survey().await.unwrap();
    assert_eq!(scene.aws.calls("GetObject"), 0);
    let day = |day: &str, skipped, objects: u64| (day.to_owned(), skipped, objects, objects * 208);
    let found = days.into_iter().map(|Surveyed { day, skipped, objects, bytes }| (day, skipped, objects, bytes));
    let expected =
        [day("2026-01-10", None, 1200), day("2026-01-11", None, 3), day("2026-01-11", Some("not wanted"), 1)];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    over(&scene, scene.puller(scene.backfill(&past).puller)).await;
    assert_eq!(scene.receiver.texts(), given(&[0..1200, 2000..2003]));
}

/// Killed at any moments: every event is there, and again comes only what had no receipt, or whose delete was not written.
#[tokio::test(start_paused = true)]
async fn whoever_is_killed_goes_on_and_repeats_only_what_was_under_way() {
    for seed in 0..4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let scene = Scene::new(None).await;
        put(&scene, "2026/01/12", 0..700);
        put(&scene, "2026/01/13", 3000..3600);
        scene.receiver.set(Fate::Confirm);
        scene.aws.delay("GetObject", Duration::from_millis(rng.u64(50..500)));
        let mut under_way = 0;
        for _ in 0..3 {
            let backfill = scene.backfill(&past());
            let running = scene.puller(backfill.puller);
            sleep(Duration::from_millis(rng.u64(1..15_000))).await;
            running.killed().await;
            scene.receiver.forget_kept();
            // Whatever came, and is not dealt with.
            let delivered = scene.receiver.texts().into_iter().collect::<HashSet<_>>().len() as u64;
            under_way += delivered - backfill.progress.dealt().0.min(delivered);
            // What is listed meanwhile shifts the pages.
            put(&scene, "2026/01/11", rng.u64(19_980..20_000)..20_000);
        }
        let added: HashSet<_> = scene.aws.keys(SILENT).into_iter().filter(|key| key.contains("/11/")).collect();
        let backfill = scene.backfill(&past());
        over(&scene, scene.puller(backfill.puller)).await;
        let texts = scene.receiver.texts();
        let all: HashSet<_> = texts.iter().collect();
        let expected = given(&[0..700, 3000..3600]);
        assert!(expected.iter().all(|event| all.contains(event)), "seed {seed}");
        assert!(all.len() <= expected.len() + added.len());
        let repeated = (texts.len() - all.len()) as u64;
        assert!(repeated <= under_way, "seed {seed}: {repeated} repeated, {under_way} were under way");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_given_again_before_it_is_over() {
    let scene = Scene::new(None).await;
    put(&scene, "2026/01/12", 0..300);
    scene.receiver.script(&[Fate::Return; 100]);
    let backfill = scene.backfill(&past());
    over(&scene, scene.puller(backfill.puller)).await;
    assert_eq!(scene.receiver.texts(), given(std::slice::from_ref(&(0..300))));
}

/// What cannot be read is set aside, and what is removed after it was listed is not waited for for ever.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_given_does_not_keep_it_from_ending() {
    let scene = Scene::new(None).await;
    put(&scene, "2026/01/12", 0..30);
    scene.aws.put_object(SILENT, "org/2026/01/12/broken.log.gz", crate::scene::truncated(5000..5100));
    let backfill = scene.backfill(&past());
    over(&scene, scene.puller(backfill.puller)).await;
    assert!(backfill.progress.is_complete());
    assert!(given(std::slice::from_ref(&(0..30))).iter().all(|event| scene.receiver.texts().contains(event)));
}

#[tokio::test(start_paused = true)]
async fn a_pace_is_kept() {
    let scene = Scene::new(None).await;
    put(&scene, "2026/01/12", 0..600);
    let backfill = scene.backfill(&Past { rate: NonZeroU32::new(10), ..past() });
    let start = Instant::now();
    over(&scene, scene.puller(backfill.puller)).await;
    let took = start.elapsed();
    assert!((Duration::from_secs(55)..Duration::from_secs(80)).contains(&took), "{took:?}");
    assert_eq!(scene.receiver.texts(), given(std::slice::from_ref(&(0..600))));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_no_object_has_no_past() {
    let scene = Scene::new(None).await;
    assert!(scene.bodies_puller(limits()).backfill(&past()).is_none());
}
