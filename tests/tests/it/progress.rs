//! How far a large object was dealt with outlives a kill: what was confirmed by then does not come again.

use std::time::Duration;

use anyhow::Result;
use quittance_tests::{Scene, Suite, cloud::BUCKET, tests, trail};
use tokio::time::sleep;

/// A message is marked when it has been held for ten seconds; and then some, for a busy machine.
const MARKED: Duration = Duration::from_millis(11_500);

const EVENTS: usize = 8000;

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; killed_within_an_object);
}

/// Slow, for the time that a mark takes: the object's transfer stalls half-way, which makes it last so long.
async fn killed_within_an_object() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.interval = "200ms";
    let object = trail::generate(&mut fastrand::Rng::with_seed(4), 0, EVENTS)?;
    scene.expected.extend(object.events);
    assert!(scene.expected.bytes() > 4 << 20, "no large object: {} bytes", scene.expected.bytes());
    scene.cloud.stall_after(BUCKET, &object.key, object.bytes.len() as u64 / 2);
    scene.cloud.put_object(BUCKET, &object.key, object.bytes);

    let mut collector = scene.start()?;
    let some = EVENTS as u64 / 4;
    scene.until("some is there", &mut collector, |scene| scene.receiver.totals().events > some).await;
    sleep(MARKED).await;
    collector.assert_running();
    let arrived = scene.receiver.totals().events;
    assert!(arrived < EVENTS as u64 && scene.cloud.queue().deleted == 0, "the object did not stall");
    collector.kill()?;
    scene.hold_ends().await;

    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let verdict = scene.verdict();
    verdict.assert_complete();
    println!("progress: {arrived} of {EVENTS} events before the kill, {} of them again", verdict.repeated);
    // All of them were confirmed long before the mark.
    assert_eq!(verdict.repeated, 0, "{arrived} events had arrived before: {verdict:#?}");
    assert_eq!(scene.cloud.counts(quittance_tests::cloud::DEAD_LETTERS).visible, 0);
    collector.stop().await
}
