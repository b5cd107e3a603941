//! Several outputs: the source forgets what all of them have, and each gets what it lacks.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::sink::{Fault, Keep};
use quittance_tests::{Events, Receiver, Scene, Suite, raw_json::compact, tests, until};

const OBJECTS: u64 = 40;
const EVENTS: usize = 50;

/// What the collector says when a probe fails.
const DOUBT: &str = "destination does not confirm";

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; both_get_everything, one_goes_away, one_breaks_connections, one_gives_no_proof, console, console_beside_devo);
}

/// The scene's own receiver, as `devo_1`, and another one.
async fn two() -> Result<(Scene, Receiver)> {
    let mut scene = Scene::usual().await?;
    let other = Receiver::start(Keep::Messages, scene.place.pki.server_config()?).await?;
    scene.configuration.interval = "200ms";
    scene.configuration.max_bytes = Some(256 << 10);
    let outputs = [("devo_1", scene.receiver.port), ("devo_2", other.port)];
    let outputs = outputs.map(|(name, port)| scene.configuration.devo(name, port));
    scene.configuration.outputs = Some(outputs.concat());
    scene.write(OBJECTS, EVENTS)?;
    Ok((scene, other))
}

/// # Panics
///
/// If more was deleted than both have whole.
fn assert_both_have_what_is_gone(scene: &Scene, other: &Receiver) {
    // In this order: what is deleted by now must have arrived by now.
    let deleted = scene.cloud.queue().deleted * EVENTS as u64;
    let have = (scene.receiver.totals().distinct, other.totals().distinct);
    assert!(deleted <= have.0.min(have.1), "{deleted} events deleted, but they have {have:?}");
}

/// Both have all, the first one each event once; the other one may have got again at most so many.
async fn finish(scene: &Scene, other: &Receiver, mut collector: quittance_tests::Collector, again: u64) -> Result<()> {
    scene
        .until("the queue is empty", &mut collector, |scene| {
            assert_both_have_what_is_gone(scene, other);
            scene.cloud.is_drained()
        })
        .await;
    collector.stop().await?;
    scene.verdict().assert_exact();
    let verdict = scene.expected.verdict(&Events::arrived_at(other));
    verdict.assert_complete();
    assert!(verdict.repeated <= again, "more than {again} again: {verdict:#?}");
    scene.assert_source_unharmed();
    Ok(())
}

async fn both_get_everything() -> Result<()> {
    let (scene, other) = two().await?;
    let collector = scene.start()?;
    finish(&scene, &other, collector, 0).await
}

async fn one_goes_away() -> Result<()> {
    let (scene, other) = two().await?;
    let mut collector = scene.start()?;
    scene.until("both have some", &mut collector, |_| other.totals().events > 200).await;
    other.set_down(true);
    other.reset_open();
    until("the collector notices", Duration::from_secs(10), || collector.logged(DOUBT) > 0).await;
    let arrived = other.totals().events;
    // In this time the first one confirms more than once.
    let end = tokio::time::Instant::now() + Duration::from_millis(800);
    scene
        .until("some time has passed", &mut collector, |scene| {
            assert_both_have_what_is_gone(scene, &other);
            tokio::time::Instant::now() > end
        })
        .await;
    assert_eq!(other.totals().events, arrived, "the other one is not away");
    assert!(!scene.cloud.is_drained());
    other.set_down(false);
    finish(&scene, &other, collector, arrived).await
}

async fn one_breaks_connections() -> Result<()> {
    let (scene, other) = two().await?;
    let places = [1, 30_000, 100_000];
    other.script(places.map(|bytes| Some(Fault::ResetAfter(bytes))));
    let collector = scene.start()?;
    finish(&scene, &other, collector, scene.expected.count()).await?;
    assert_eq!(other.faults_left(), 0, "not every fault was met");
    Ok(())
}

/// It has read all, and gives no proof: it gets all again, alone.
async fn one_gives_no_proof() -> Result<()> {
    let (scene, other) = two().await?;
    other.script([Some(Fault::ResetAtEnd), Some(Fault::ResetAtEnd)]);
    let collector = scene.start()?;
    finish(&scene, &other, collector, 2 * scene.expected.count()).await?;
    assert!(other.totals().repeated() > 0, "nothing came again");
    Ok(())
}

async fn console() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.outputs = Some("screen:\n  type: console".to_owned());
    scene.write(10, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let printed = printed(&collector.output());
    collector.stop().await?;
    scene.expected.verdict(&printed).assert_exact();
    scene.assert_source_unharmed();
    assert_eq!(scene.receiver.totals().connections, 0);
    Ok(())
}

async fn console_beside_devo() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let devo = scene.configuration.devo("devo_1", scene.receiver.port);
    scene.configuration.outputs = Some(format!("{devo}screen:\n  type: console\n"));
    scene.write(10, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.expected.verdict(&printed(&collector.output())).assert_exact();
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// The events in lines of `tag: message`.
fn printed(output: &[u8]) -> Events {
    let mut events = Events::default();
    for line in output.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.windows(2).position(|pair| pair == b": ").expect("a line without `: `");
        events.add(String::from_utf8_lossy(&line[..colon]), compact(&line[colon + 2..]));
    }
    events
}
