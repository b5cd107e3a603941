//! SIGTERM settles what is under way; a second one does not wait.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::sink::Fault;
use quittance_tests::{Scene, Suite, tests};

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; idle, in_full_flow, leaves_nothing_hidden, with_everything_sent, before_the_receiver_is_there, receiver_gone, second_signal);
}

/// Nothing to settle: it ends at once, although a long poll is under way.
async fn idle() -> Result<()> {
    let scene = Scene::usual().await?;
    let mut collector = scene.start()?;
    collector.says("puller started").await;
    collector.terminate()?;
    assert!(collector.ended(Duration::from_secs(3)).await.success());
    Ok(())
}

/// What was begun is settled, what was not goes back to the queue at once, and the next collector repeats nothing.
async fn in_full_flow() -> Result<()> {
    for enough in [1, 300, 1500] {
        let mut scene = Scene::usual().await?;
        scene.configuration.max_bytes = Some(128 << 10);
        scene.write(60, 60)?;
        let mut collector = scene.start()?;
        scene.until("events flow", &mut collector, |scene| scene.receiver.totals().events >= enough).await;
        collector.stop().await?;

        let counts = scene.cloud.queue();
        assert_eq!(counts.dead_lettered, 0, "the stop made dead letters of good messages: {counts:?}");
        assert_eq!(counts.deleted + counts.visible + counts.in_flight, counts.sent, "{counts:?}");
        let verdict = scene.verdict();
        assert_eq!((verdict.repeated, verdict.unexpected), (0, 0), "{verdict:#?}");
        assert_eq!(scene.receiver.totals().events, counts.deleted * 60, "events whose message came back");

        scene.hold_ends().await;
        let mut collector = scene.start()?;
        scene.drained(&mut collector).await;
        let dead = scene.cloud.queue().dead_lettered;
        assert_eq!(dead, 0, "the stop and the next start made dead letters of good messages");
        scene.verdict().assert_exact();
        collector.stop().await?;
    }
    Ok(())
}

/// What is given back can be received at once: no message stays hidden, in particular none that a receive under way
/// took after the signal.
async fn leaves_nothing_hidden() -> Result<()> {
    for enough in [1, 300, 1500] {
        let mut scene = Scene::usual().await?;
        scene.configuration.max_bytes = Some(128 << 10);
        scene.write(60, 60)?;
        let mut collector = scene.start()?;
        scene.until("events flow", &mut collector, |scene| scene.receiver.totals().events >= enough).await;
        collector.stop().await?;
        let counts = scene.cloud.queue();
        assert_eq!(counts.in_flight, 0, "messages are left hidden: {counts:?}");
        assert_eq!(counts.deleted + counts.visible, counts.sent);
    }
    Ok(())
}

/// The stop itself asks for the receipts: it does not wait for the interval.
async fn with_everything_sent() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.interval = "60s";
    scene.write(20, 50)?;
    let mut collector = scene.start()?;
    scene.until("all events are there", &mut collector, |scene| scene.receiver.totals().events == 1000).await;
    assert_eq!(scene.cloud.queue().deleted, 0, "deleted before any receipt");
    collector.stop().await?;
    assert!(scene.cloud.is_drained());
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    Ok(())
}

async fn before_the_receiver_is_there() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(3, 10)?;
    scene.receiver.die().await?;
    let collector = scene.start()?;
    collector.says("destination does not confirm").await;
    collector.stop().await?;
    assert_eq!(scene.cloud.queue().received, 0);
    Ok(())
}

/// With the receiver gone it cannot settle; it ends all the same, in bounded time, and the source keeps everything.
async fn receiver_gone() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.interval = "60s";
    scene.write(20, 50)?;
    let mut collector = scene.start()?;
    scene.until("all events are there", &mut collector, |scene| scene.receiver.totals().events == 1000).await;
    scene.receiver.die().await?;
    collector.says("connection lost").await;
    collector.terminate()?;
    let status = collector.ended(Duration::from_secs(35)).await;
    assert!(status.success(), "{status}");
    let counts = scene.cloud.queue();
    assert_eq!((counts.deleted, counts.in_flight + counts.visible), (0, counts.sent), "{counts:?}");
    Ok(())
}

async fn second_signal() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.receiver.script([Some(Fault::NeverEnds)]);
    scene.write(5, 50)?;
    let mut collector = scene.start()?;
    scene.until("all events are there", &mut collector, |scene| scene.receiver.totals().events == 250).await;
    collector.terminate()?;
    collector.says("stopping").await;
    collector.terminate()?;
    let status = collector.ended(Duration::from_secs(2)).await;
    assert_eq!(status.code(), Some(1), "{status}");
    assert_eq!(scene.cloud.queue().deleted, 0, "deleted without a receipt");
    Ok(())
}
