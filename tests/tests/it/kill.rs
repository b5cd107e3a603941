//! `kill -9` at any moment, and a restart: nothing is lost, and only what was not deleted comes again.

use std::{ops::Range, time::Duration};

use anyhow::Result;
use quittance_tests::{
    Options, Scene, Suite,
    cloud::{DEAD_LETTERS, MAX_RECEIVES, QUEUE},
    tests,
};
use tokio::time::sleep;

/// Killed at so many moments.
const MOMENTS: u64 = 20;

const OBJECTS: u64 = 24;
const EVENTS: usize = 50;

pub(crate) fn add(suite: &mut Suite) {
    for seed in 0..MOMENTS {
        suite.test(module_path!(), &format!("at_moment_{seed:02}"), move || at_moment(seed));
    }
    tests!(suite; again_and_again);
}

/// What a moment waits for. The seed then adds up to some milliseconds.
#[derive(Clone, Copy, Debug)]
enum Mark {
    /// So many answers to one API.
    Calls(&'static str, u64),
    /// So many events at the receiver.
    Events(u64),
    /// So many messages deleted.
    Deleted(u64),
}

/// What happens on the way, in the order in which it does.
const MARKS: [(&str, Range<u64>); 4] =
    [("GetQueueUrl", 0..2), ("ReceiveMessage", 1..4), ("GetObject", 1..OBJECTS), ("DeleteMessageBatch", 1..3)];

impl Mark {
    fn any(rng: &mut fastrand::Rng) -> Mark {
        match rng.usize(..MARKS.len() + 2) {
            0 => Mark::Events(rng.u64(1..OBJECTS * EVENTS as u64)),
            1 => Mark::Deleted(rng.u64(1..OBJECTS)),
            other => {
                let (api, times) = &MARKS[other - 2];
                Mark::Calls(api, rng.u64(times.clone()))
            }
        }
    }

    fn is_reached(self, scene: &Scene) -> bool {
        // What waits for a moment that passes in a flash must not wait for ever once all is done.
        scene.cloud.is_drained()
            || match self {
                Mark::Calls(api, times) => scene.cloud.calls(api) >= times,
                Mark::Events(events) => scene.receiver.totals().events >= events,
                Mark::Deleted(messages) => scene.cloud.queue().deleted >= messages,
            }
    }
}

async fn at_moment(seed: u64) -> Result<()> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut scene = Scene::new(Options { seed, ..Options::default() }).await?;
    scene.configuration.interval = ["50ms", "300ms"][rng.usize(..2)];
    scene.configuration.max_bytes = Some(rng.u64(64..1024) << 10);
    scene.write(OBJECTS, EVENTS)?;
    // Slow enough that there are moments in between.
    scene.cloud.delay("GetObject", Duration::from_millis(rng.u64(..20)));
    kill(&scene, &mut rng).await?;
    let left = scene.expected.count() - scene.cloud.queue().deleted * EVENTS as u64;

    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let verdict = scene.verdict();
    verdict.assert_complete();
    assert!(verdict.repeated <= left, "more again than had no receipt ({left}): {verdict:#?}");
    assert_kept(&scene, MAX_RECEIVES);
    collector.stop().await
}

/// A collector that never lives long gets everything across all the same.
async fn again_and_again() -> Result<()> {
    const LIVES: u32 = 8;
    let mut rng = fastrand::Rng::with_seed(99);
    let mut scene = Scene::usual().await?;
    scene.configuration.interval = "50ms";
    scene.configuration.max_bytes = Some(64 << 10);
    scene.write(60, EVENTS)?;
    for _ in 1..LIVES {
        // Without this, each death would count against the message as a failure of its own.
        kill(&scene, &mut rng).await?;
        if scene.cloud.receive_counts(QUEUE).keys().any(|times| *times >= MAX_RECEIVES - 1) {
            break;
        }
    }
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_complete();
    assert_kept(&scene, LIVES);
    collector.stop().await
}

/// Starts a collector, kills it at a moment, and has what it held come back as its visibility timeout would.
async fn kill(scene: &Scene, rng: &mut fastrand::Rng) -> Result<()> {
    let mut collector = scene.start()?;
    let mark = Mark::any(rng);
    scene.until(&format!("{mark:?}"), &mut collector, |scene| mark.is_reached(scene)).await;
    sleep(Duration::from_micros(rng.u64(..15_000))).await;
    collector.kill()?;
    scene.hold_ends().await;
    Ok(())
}

/// Every message was deleted, after at most so many receives, and none became a dead letter.
fn assert_kept(scene: &Scene, receives: u32) {
    let counts = scene.cloud.queue();
    assert_eq!((counts.deleted, counts.dead_lettered), (counts.sent, 0), "{counts:?}");
    assert_eq!(scene.cloud.counts(DEAD_LETTERS).visible, 0);
    let seen = scene.cloud.receive_counts(QUEUE);
    assert!(seen.keys().all(|times| *times <= receives), "receives by message: {seen:?}");
}
