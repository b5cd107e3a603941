//! Delivery to rsyslog: what an independent receiver makes of our wire format, of our TLS, and of our ends.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use quittance_tests::{Credentials, Scene, Suite, rsyslog::Rsyslog, tools, until};

const OBJECTS: u64 = 40;
const EVENTS: usize = 50;

pub(crate) fn add(suite: &mut Suite) {
    let program = tools::rsyslogd();
    suite.test_with(program.clone(), module_path!(), "byte_for_byte_and_deleted_only_after", byte_for_byte);
    suite.test_with(program.clone(), module_path!(), "killed_and_back", killed_and_back);
    let refused = [("another_authority_refused", Credentials::Stranger), ("expired_refused", Credentials::Expired)];
    for (name, credentials) in refused {
        suite.test_with(program.clone(), module_path!(), name, move |program| refused_with(program, credentials));
    }
}

/// A scene whose configuration names an rsyslog; its own receiver stays idle.
async fn scene(program: PathBuf) -> Result<(Scene, Rsyslog)> {
    let mut scene = Scene::usual().await?;
    let rsyslog = Rsyslog::start(&program, &scene.place.folder().join("rsyslog"), &scene.place.pki).await?;
    scene.configuration.port = rsyslog.port;
    scene.configuration.max_bytes = Some(256 << 10);
    Ok((scene, rsyslog))
}

async fn byte_for_byte(program: PathBuf) -> Result<()> {
    let (mut scene, rsyslog) = scene(program).await?;
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    scene
        .until("the queue is empty", &mut collector, |scene| {
            // In this order: what is deleted by now must have been written by now.
            let deleted = scene.cloud.queue().deleted;
            let written = rsyslog.lines().map_or(0, |lines| lines.len());
            assert!(deleted * EVENTS as u64 <= written as u64, "{deleted} messages deleted, {written} events written");
            scene.cloud.is_drained()
        })
        .await;
    let (events, others) = rsyslog.events()?;
    assert!(others.is_empty(), "lines that are no event: {:?}", others.first().map(|l| String::from_utf8_lossy(l)));
    scene.expected.verdict(&events).assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

async fn killed_and_back(program: PathBuf) -> Result<()> {
    let (mut scene, mut rsyslog) = scene(program).await?;
    scene.configuration.interval = "100ms";
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    let written = rsyslog.killed_twice(&scene, &mut collector).await?;
    scene.drained(&mut collector).await;
    let (events, _) = rsyslog.events()?;
    let verdict = scene.expected.verdict(&events);
    verdict.assert_complete();
    assert!(verdict.repeated <= written as u64, "{verdict:#?}");
    scene.assert_source_unharmed();
    collector.stop().await
}

async fn refused_with(program: PathBuf, credentials: Credentials) -> Result<()> {
    let (mut scene, rsyslog) = scene(program).await?;
    scene.configuration.credentials = credentials;
    scene.write(3, 10)?;
    let collector = scene.start()?;
    let refused = "destination does not confirm";
    until("the collector says so twice", Duration::from_secs(20), || collector.logged(refused) >= 2).await;
    assert!(rsyslog.log().contains("cert"), "rsyslog says nothing of a certificate:\n{}", rsyslog.log());
    collector.stop().await?;
    assert_eq!(rsyslog.written(), 0);
    assert_eq!(scene.cloud.all_calls().len(), 0, "the source was asked: {:?}", scene.cloud.all_calls());
    Ok(())
}
