//! Without a fault every event arrives once, byte for byte, under its tag, and the source is empty afterwards.

use anyhow::Result;
use quittance_tests::{Scene, Suite, cloud::QUEUE, tests};

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; everything_once, later_objects_too, one_event_in_an_object, rotating_by_bytes);
}

async fn everything_once() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(40, 100)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let verdict = scene.verdict();
    verdict.assert_exact();
    scene.assert_source_unharmed();
    assert_eq!(scene.cloud.deleted_bodies(QUEUE).len(), 40);
    let totals = scene.receiver.totals();
    assert_eq!((totals.events, totals.torn, totals.refused), (4000, 0, 0));
    collector.stop().await
}

/// A long poll that waits meets objects that come one by one.
async fn later_objects_too() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let mut collector = scene.start()?;
    collector.says("puller started").await;
    for _ in 0..3 {
        scene.write(1, 20)?;
        scene.drained(&mut collector).await;
    }
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

async fn one_event_in_an_object() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(200, 1)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// Connections that are ended for their size, many of them, lose and repeat nothing.
async fn rotating_by_bytes() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.interval = "5s";
    scene.configuration.max_bytes = Some(64 << 10);
    scene.write(30, 100)?;
    let mut collector = scene.start()?;
    scene.until("all events are there", &mut collector, |scene| scene.receiver.totals().events >= 3000).await;
    // Dozens of connections, since each carries one batch or few.
    let connections = scene.receiver.totals().connections;
    assert!(connections >= 15, "{connections} connections");
    collector.stop().await?;
    assert!(scene.cloud.is_drained());
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    Ok(())
}
