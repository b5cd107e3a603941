//! Buckets that announce nothing are listed again and again.

use std::{ops::Range, time::Duration};

use jiff::ToSpan;
use quittance_aws::Limits;
use quittance_testbed::aws::Access;
use tokio::time::sleep;

use crate::scene::{Fate, SILENT, Scene, all_events, events, limits, truncated};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86400);

/// A key of a day so many days ago.
fn key(scene: &Scene, folder: &str, days_ago: i64, name: &str) -> String {
    let day = scene.aws.now().to_zoned(jiff::tz::TimeZone::UTC).date() - days_ago.days();
    format!("org/{folder}/{day}/{name} +ä.log")
}

fn put(scene: &Scene, folder: &str, days_ago: i64, lines: Range<u64>) -> String {
    let key = key(scene, folder, days_ago, &lines.start.to_string());
    scene.put_silently(&key, lines);
    key
}

async fn until(scene: &Scene, events: usize) {
    scene.until("all events came", |scene| scene.receiver.texts().len() >= events).await;
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(scene.receiver.texts().len(), events);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_found_in_every_folder_and_a_restart_gives_nothing_twice() {
    let scene = Scene::new(None).await;
    put(&scene, "dns", 0, 0..10);
    put(&scene, "dns", 2, 100..110);
    put(&scene, "proxy", 1, 200..210);
    put(&scene, "dns", 3, 300..310);
    scene.put_silently("org/README.txt", 400..410);
    let running = scene.listing();
    until(&scene, 30).await;
    running.kill();
    let read = scene.aws.calls("GetObject");
    let running = scene.listing();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(scene.aws.calls("GetObject"), read, "what is remembered is not even asked for");
    put(&scene, "new-folder", 0, 500..510);
    until(&scene, 40).await;
    assert_eq!(scene.receiver.texts(), all_events(&[0..10, 100..110, 200..210, 500..510]));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_by_days_ends_no_listing() {
    let scene = Scene::new(None).await;
    put(&scene, "dns", 0, 0..10);
    let running = scene.listing();
    until(&scene, 10).await;
    scene.set_clock_ahead(5 * DAY);
    sleep(HOUR).await;
    put(&scene, "dns", 0, 100..110);
    until(&scene, 20).await;
    scene.set_clock_ahead(Duration::ZERO);
    sleep(HOUR).await;
    put(&scene, "dns", 0, 200..210);
    until(&scene, 30).await;
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_listing_by_a_clock_that_is_ahead_begins_in_time() {
    let scene = Scene::new(None).await;
    put(&scene, "dns", 2, 0..10);
    scene.set_clock_ahead(5 * DAY);
    let running = scene.listing();
    until(&scene, 10).await;
    scene.set_clock_ahead(Duration::ZERO);
    running.killed().await;
    let running = scene.listing();
    put(&scene, "dns", 0, 100..110);
    until(&scene, 20).await;
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_or_changes_is_found_within_a_period() {
    let scene = Scene::new(None).await;
    let first = put(&scene, "dns", 0, 0..10);
    let running = scene.listing();
    until(&scene, 10).await;
    put(&scene, "dns", 2, 100..110);
    sleep(Duration::from_secs(310)).await;
    assert_eq!(scene.receiver.texts(), all_events(&[0..10, 100..110]));
    scene.put_silently(&first, 200..210);
    sleep(Duration::from_secs(310)).await;
    assert_eq!(scene.receiver.texts(), all_events(&[0..10, 100..110, 200..210]));
    scene.end(running).await;
}

/// An outage, or a time without a collector, that is longer than what is listed again: the days that were not dealt with
/// stay in the listing until they are.
#[tokio::test(start_paused = true)]
async fn days_are_listed_until_everything_of_them_is_dealt_with() {
    for fate in [Some(Fate::Keep), None] {
        let scene = Scene::new(None).await;
        let mut running = scene.listing_every(HOUR);
        match fate {
            Some(fate) => scene.receiver.set(fate),
            None => {
                sleep(HOUR).await;
                running.kill();
                running = scene.listing_every(HOUR);
                running.kill();
                running = scene.puller(std::sync::Arc::new(Nothing));
            }
        }
        for day in 0..5 {
            put(&scene, "dns", 0, day * 100..day * 100 + 10);
            put(&scene, "ip", 0, day * 100 + 50..day * 100 + 60);
            sleep(DAY).await;
        }
        assert_eq!(scene.receiver.texts().len(), 0);
        scene.receiver.set(Fate::Deliver);
        if fate.is_none() {
            running.kill();
            running = scene.listing_every(HOUR);
        }
        until(&scene, 100).await;
        assert_eq!(scene.receiver.texts().iter().collect::<std::collections::HashSet<_>>().len(), 100);
        // Only the last days are listed again, and remembered.
        sleep(DAY).await;
        let before = scene.aws.calls("ListObjectsV2");
        sleep(10 * HOUR - Duration::from_secs(60)).await;
        let calls = scene.aws.calls("ListObjectsV2") - before;
        assert!((60..=80).contains(&calls), "one for the folders and three days of two folders, ten times: {calls}");
        scene.end(running).await;
    }
}

struct Nothing;

#[async_trait::async_trait]
impl quittance_core::Puller for Nothing {
    async fn run(&self, _: quittance_core::PullerContext) -> quittance_core::Ended {
        std::future::pending().await
    }
}

/// logstash-plugins/logstash-input-s3#128: 1.8 million keys were listed before the first of them was read.
#[tokio::test(start_paused = true)]
async fn a_long_listing_is_asked_page_by_page_as_it_is_read() {
    let scene = Scene::new(None).await;
    for n in 0..4000 {
        put(&scene, "dns", 0, n..n + 1);
    }
    scene.receiver.set(Fate::Keep);
    let running = scene.listing_within(Limits { held_messages: 200, ..limits() });
    sleep(Duration::from_secs(100)).await;
    let pages = scene.aws.calls("ListObjectsV2");
    assert_eq!(pages, 4, "the folders, two empty days, and one of four pages: 200 of its 1,000 keys may be held");
    scene.receiver.set(Fate::Deliver);
    scene.until("the rest comes", |scene| scene.receiver.texts().len() > 2000).await;
    assert!((6..=7).contains(&scene.aws.calls("ListObjectsV2")), "{}", scene.aws.calls("ListObjectsV2"));
    scene.end(running).await;
}

/// elastic/beats#39065: a listing cut short skipped what it had not shown.
#[tokio::test(start_paused = true)]
async fn a_listing_that_is_cut_short_goes_on_where_it_was() {
    let scene = Scene::new(None).await;
    for n in 0..1500 {
        put(&scene, "dns", 1, n..n + 1);
    }
    scene.aws.fail_sometimes("ListObjectsV2", 0.6, "SlowDown");
    let running = scene.listing();
    scene.until("some came", |scene| scene.receiver.texts().len() > 1050).await;
    running.kill();
    scene.receiver.forget_kept();
    let running = scene.listing();
    scene
        .until("all came", |scene| {
            let texts = scene.receiver.texts();
            texts.iter().collect::<std::collections::HashSet<_>>().len() == 1500
        })
        .await;
    scene.aws.recover("ListObjectsV2");
    let before = scene.aws.calls("ListObjectsV2");
    sleep(Duration::from_secs(301)).await;
    // Its folders, one empty page each of two days, and two pages.
    assert!(scene.aws.calls("ListObjectsV2") - before <= 10);
    let texts = scene.receiver.texts().len();
    assert!((1500..1600).contains(&texts), "{texts}: no more twice than a kill explains");
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_set_aside_by_its_address_and_not_read_again() {
    let scene = Scene::new(None).await;
    let broken = key(&scene, "dns", 0, "broken.gz");
    scene.aws.put_object(SILENT, &broken, truncated(0..3000));
    put(&scene, "dns", 0, 10_000..10_010);
    let running = scene.listing();
    scene.until("it is set aside", |scene| scene.store.quarantined().len() == 1).await;
    assert!(scene.store.quarantined()[0].address.starts_with("s3://silent/org/dns/"));
    let read = scene.aws.calls("GetObject");
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(scene.aws.calls("GetObject"), read);
    assert!(events(10_000..10_010).iter().all(|event| scene.receiver.texts().contains(event)));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_refuses_us_is_waited_for() {
    let scene = Scene::new(None).await;
    scene.aws.set_access(SILENT, Access::Denied);
    put(&scene, "dns", 0, 0..10);
    let running = scene.listing();
    scene.until("the run ends, for the setup to speak", |_| running.is_over()).await;
    scene.aws.set_access(SILENT, Access::Full);
    let running = scene.listing();
    until(&scene, 10).await;
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_remembered_is_not_forgotten() {
    let scene = Scene::new(None).await;
    let running = scene.listing();
    sleep(Duration::from_secs(60)).await;
    scene.store.set_failing(true);
    put(&scene, "dns", 0, 0..10);
    sleep(Duration::from_secs(7200)).await;
    assert_eq!(scene.receiver.texts(), events(0..10), "given once all the same");
    scene.store.set_failing(false);
    sleep(Duration::from_secs(60)).await;
    running.kill();
    let running = scene.listing();
    until(&scene, 10).await;
    scene.end(running).await;
}

/// An object that is purged between its listing and its reading.
#[tokio::test(start_paused = true)]
async fn a_removed_object_is_said_and_holds_nothing_up() {
    let scene = Scene::new(None).await;
    let gone = put(&scene, "dns", 0, 0..10);
    scene.aws.delay("GetObject", Duration::from_secs(10));
    let running = scene.listing();
    scene.until("it is asked for", |scene| scene.aws.calls("ListObjectsV2") >= 4).await;
    scene.aws.delete_object(SILENT, &gone);
    scene.until("it is set aside", |scene| scene.store.quarantined().len() == 1).await;
    assert_eq!((running.tally.missing.get(), scene.receiver.texts()), (1, Vec::<String>::new()));
    scene.end(running).await;
}
