//! What counts as delivered: the receiver's own end, or its system's acknowledgement, and who chooses.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use quittance_testbed::sink::Fault;
use quittance_tests::{Scene, Suite, rsyslog::Rsyslog, tests, tools, until};

const OBJECTS: u64 = 20;
const EVENTS: usize = 50;

/// What the collector says when the weaker proof is all there is.
const WARNING: &str = "destination does not end its half: deliveries are confirmed by acknowledged bytes alone";

pub(crate) fn add(suite: &mut Suite) {
    let program = tools::rsyslogd();
    for (name, settings) in [("closed", "mode: closed"), ("acked", "mode: acked\nsettle: 200ms")] {
        suite.test_with(program.clone(), module_path!(), &format!("rsyslog_{name}"), move |program| {
            to_rsyslog(program, settings)
        });
    }
    tests!(suite; closed_needs_no_grace, auto_falls_back_to_acked, closed_never_falls_back, once_closed_never_acked);
}

/// Byte for byte, each event once, and the source is emptied by the proof that was asked for.
async fn to_rsyslog(program: PathBuf, settings: &str) -> Result<()> {
    let mut scene = Scene::usual().await?;
    let rsyslog = Rsyslog::start(&program, &scene.place.folder().join("rsyslog"), &scene.place.pki).await?;
    scene.configuration.port = rsyslog.port;
    scene.configuration.interval = "200ms";
    scene.configuration.confirm = settings.to_owned();
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    // An acknowledgement comes before the receiver's process has written.
    let lines = || rsyslog.lines().map_or(0, |lines| lines.len());
    until("rsyslog has written all", Duration::from_secs(10), || lines() as u64 >= scene.expected.count()).await;
    assert_eq!(collector.logged(WARNING), 0, "a mode that was chosen needs no warning");
    collector.stop().await?;
    let (events, others) = rsyslog.events()?;
    assert!(others.is_empty(), "lines that are no event: {:?}", others.first().map(|l| String::from_utf8_lossy(l)));
    scene.expected.verdict(&events).assert_exact();
    scene.assert_source_unharmed();
    Ok(())
}

/// With `closed`, what is confirmed does not wait for `settle`.
async fn closed_needs_no_grace() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.confirm = "mode: closed\nsettle: 1h".to_owned();
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// A probe waits ten seconds for the receiver's end; so long this takes.
async fn auto_falls_back_to_acked() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.confirm = "mode: auto\nsettle: 200ms".to_owned();
    scene.receiver.always(Some(Fault::NeverEnds));
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    collector.says(WARNING).await;
    scene.drained(&mut collector).await;
    assert_eq!(collector.logged(WARNING), 1);
    assert_eq!(scene.receiver.totals().ended, 0, "the receiver ended something after all");
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// With `closed`, a receiver that never ends gets nothing, and the source is left alone.
async fn closed_never_falls_back() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.confirm = "mode: closed\nsettle: 200ms".to_owned();
    scene.receiver.always(Some(Fault::NeverEnds));
    scene.write(2, EVENTS)?;
    let mut collector = scene.start()?;
    assert_nothing_moves(&scene, &mut collector).await;
    collector.stop().await
}

/// The verdict outlives the process: a destination that has ended its half once is never trusted with less.
async fn once_closed_never_acked() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.confirm = "mode: auto\nsettle: 200ms".to_owned();
    scene.write(2, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    collector.stop().await?;
    assert!(scene.place.folder().join("state").is_dir(), "there is no state");

    scene.receiver.always(Some(Fault::NeverEnds));
    scene.write(2, EVENTS)?;
    let mut collector = scene.start()?;
    assert_nothing_moves(&scene, &mut collector).await;
    scene.receiver.always(None);
    scene.receiver.reset_open();
    scene.drained(&mut collector).await;
    assert_eq!(collector.logged(WARNING), 0);
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// A probe fails for want of the receiver's end, and nothing is received, sent or deleted.
async fn assert_nothing_moves(scene: &Scene, collector: &mut quittance_tests::Collector) {
    let (before, arrived) = (scene.cloud.queue(), scene.receiver.totals().events);
    collector.says("destination does not confirm").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let counts = scene.cloud.queue();
    assert_eq!((counts.received, counts.deleted), (before.received, before.deleted), "{counts:?}");
    assert_eq!(scene.receiver.totals().events, arrived, "something was sent");
    assert_eq!(collector.logged(WARNING), 0, "it fell back");
}
