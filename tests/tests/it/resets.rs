//! The receiver fails in every way it can: nothing is lost, little is repeated, and the source's messages do not suffer.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::sink::Fault;
use quittance_tests::{Collector, Events, Scene, Suite, tests, until};
use tokio::time::sleep;

/// Where connections break, in bytes inside TLS.
const PLACES: [(&str, u64); 9] = [
    ("1", 1),
    ("100", 100),
    ("4_kib", 4 << 10),
    ("16_kib", 16 << 10),
    ("16_kib_and_1", (16 << 10) + 1),
    ("64_kib", 64 << 10),
    ("100_kb", 100_000),
    ("300_kb", 300_000),
    ("1_mb", 1_000_000),
];

/// Connections that break in a row at each place.
const TIMES: usize = 3;

/// What the collector says when a probe fails.
const DOUBT: &str = "destination does not confirm";

/// The most that one batch adds to a connection after it has reached its limit.
const BATCH: u64 = 512 << 10;

pub(crate) fn add(suite: &mut Suite) {
    for (name, bytes) in PLACES {
        suite.test(module_path!(), &format!("reset_after_{name}"), move || {
            broken_in_a_row(vec![Fault::ResetAfter(bytes); TIMES], bytes)
        });
        suite.test(module_path!(), &format!("orderly_close_after_{name}"), move || {
            broken_in_a_row(vec![Fault::CloseAfter(bytes); TIMES], bytes)
        });
    }
    tests!(suite;
        all_places_one_after_another,
        reset_at_the_end,
        stalls_repeat_nothing,
        stalled_beyond_the_timeout,
        never_ends,
        slow_end_repeats_nothing,
        slow_reader_gets_smaller_portions,
        refuses_then_takes,
        dies_with_unread_data,
        listener_gone_and_back,
        down_from_the_start,
        down_and_up_again_and_again,
    );
}

/// A scene with some megabytes to deliver.
async fn scene() -> Result<Scene> {
    let mut scene = Scene::usual().await?;
    scene.write(30, 80)?;
    Ok(scene)
}

/// Connections that break after at most `bytes` each: what arrived on them, and no more, may come again.
async fn broken_in_a_row(faults: Vec<Fault>, bytes: u64) -> Result<()> {
    let scene = scene().await?;
    let most = faults.len() as u64 * bytes;
    scene.receiver.script(faults.into_iter().map(Some));
    settle(&scene, most).await
}

/// Runs a collector until the source is empty: all faults were met, nothing is missing, and at most `repeated_bytes`
/// came more than once.
async fn settle(scene: &Scene, repeated_bytes: u64) -> Result<()> {
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    finish(scene, collector, repeated_bytes).await
}

async fn finish(scene: &Scene, collector: Collector, repeated_bytes: u64) -> Result<()> {
    assert_eq!(scene.receiver.faults_left(), 0, "not every fault was met");
    let verdict = scene.verdict();
    verdict.assert_complete();
    assert!(verdict.repeated_bytes <= repeated_bytes, "more than {repeated_bytes} bytes again: {verdict:#?}");
    scene.assert_source_unharmed();
    collector.stop().await?;
    let repeated = scene.expected.verdict(&Events::arrived_at(&scene.receiver)).repeated;
    assert_eq!(repeated, verdict.repeated, "more came at the stop");
    Ok(())
}

async fn all_places_one_after_another() -> Result<()> {
    let scene = scene().await?;
    let places = || PLACES.iter().map(|(_, bytes)| *bytes);
    scene.receiver.script(places().flat_map(|bytes| [Some(Fault::ResetAfter(bytes)), None]));
    scene.receiver.script(places().map(|bytes| Some(Fault::CloseAfter(bytes))));
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    // What is left of the script is for more connections than were needed.
    scene.receiver.clear_faults();
    finish(&scene, collector, 2 * places().sum::<u64>()).await
}

/// Everything was read, and yet there is no proof: all of it comes again.
async fn reset_at_the_end() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.max_bytes = Some(256 << 10);
    scene.receiver.script([Some(Fault::ResetAtEnd), None, Some(Fault::ResetAtEnd)]);
    settle(&scene, 2 * ((256 << 10) + BATCH)).await
}

async fn stalls_repeat_nothing() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.max_bytes = Some(1 << 20);
    let stall = |bytes| Some(Fault::StallAfter(bytes, Duration::from_millis(1500)));
    scene.receiver.script([stall(0), stall(1), stall(100_000)]);
    settle(&scene, 0).await
}

async fn stalled_beyond_the_timeout() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.max_bytes = Some(256 << 10);
    scene.configuration.end_timeout = "1s";
    let stall = |bytes| Some(Fault::StallAfter(bytes, Duration::from_secs(8)));
    scene.receiver.script([stall(1), stall(50_000)]);
    // The stalled receiver may read on after we have gone, so whole connections may come again.
    settle(&scene, 2 * ((256 << 10) + BATCH)).await
}

async fn never_ends() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.max_bytes = Some(256 << 10);
    scene.configuration.end_timeout = "500ms";
    scene.receiver.script([Some(Fault::NeverEnds), Some(Fault::NeverEnds)]);
    settle(&scene, 2 * ((256 << 10) + BATCH)).await
}

async fn slow_end_repeats_nothing() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.max_bytes = Some(1 << 20);
    scene.receiver.script([Some(Fault::SlowEnd(Duration::from_secs(2))); 2]);
    settle(&scene, 0).await
}

/// A receiver that needs longer for what its kernel took than an end may take: portions shrink until they fit.
async fn slow_reader_gets_smaller_portions() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(12, 80)?;
    scene.configuration.end_timeout = "1s";
    scene.receiver.always(Some(Fault::SlowReader(400_000)));
    settle(&scene, 4 * scene.expected.bytes()).await
}

async fn refuses_then_takes() -> Result<()> {
    let scene = scene().await?;
    scene.receiver.script([Some(Fault::Refuse); TIMES]);
    settle(&scene, 0).await
}

/// The receiver's kernel has taken everything, its process has read little, and then it is gone.
async fn dies_with_unread_data() -> Result<()> {
    let scene = scene().await?;
    let unread = 40_000;
    for _ in 0..2 {
        scene.receiver.script([Some(Fault::StallAfter(unread, Duration::from_secs(600)))]);
    }
    let mut collector = scene.start()?;
    for met in [1, 0] {
        scene.until("the receiver has stopped reading", &mut collector, |s| s.receiver.faults_left() == met).await;
        let before = scene.receiver.totals().received;
        // Not for luck: in this time more is on its way to a reader that does not read, and an end falls due.
        sleep(Duration::from_millis(700)).await;
        assert!(scene.receiver.totals().received - before <= unread, "the receiver reads on");
        scene.receiver.reset_open();
    }
    scene.drained(&mut collector).await;
    finish(&scene, collector, 2 * unread).await
}

async fn listener_gone_and_back() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.max_bytes = Some(256 << 10);
    let mut collector = scene.start()?;
    scene.until("some events are there", &mut collector, |scene| scene.receiver.totals().events > 200).await;
    scene.receiver.die().await?;
    let arrived = scene.receiver.totals();
    collector.says(DOUBT).await;
    scene.receiver.come_back().await?;
    scene.drained(&mut collector).await;
    finish(&scene, collector, arrived.bytes).await
}

/// Nothing is received from the source before the receiver is there.
async fn down_from_the_start() -> Result<()> {
    let mut scene = scene().await?;
    scene.receiver.die().await?;
    let mut collector = scene.start()?;
    collector.says(DOUBT).await;
    assert_eq!(scene.cloud.calls("ReceiveMessage"), 0);
    scene.receiver.come_back().await?;
    scene.drained(&mut collector).await;
    finish(&scene, collector, 0).await
}

async fn down_and_up_again_and_again() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.interval = "100ms";
    let mut collector = scene.start()?;
    let mut arrived = 0;
    for round in 1..=4 {
        let enough = round * 500;
        scene.until("some more events are there", &mut collector, |s| s.receiver.totals().events > enough).await;
        let doubts = collector.logged(DOUBT);
        scene.receiver.set_down(true);
        scene.receiver.reset_open();
        until("the collector is in doubt", Duration::from_secs(20), || collector.logged(DOUBT) > doubts).await;
        scene.receiver.set_down(false);
        arrived += scene.receiver.totals().bytes;
    }
    scene.drained(&mut collector).await;
    finish(&scene, collector, arrived).await
}
