//! Outputs beside Devo's own: a relay over plain TCP, syslog over TLS, and those that nobody waits for.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use quittance_testbed::sink::Keep;
use quittance_tests::{
    Collector, Events, Receiver, Scene, Suite,
    rsyslog::{Asks, Rsyslog, parse, parse_rfc5424},
    tests, tools, until,
};

const OBJECTS: u64 = 40;
const EVENTS: usize = 50;

/// How rsyslog is reached, and how its lines are read.
type Way = (Asks, &'static str, fn(&[u8]) -> Option<(String, Vec<u8>)>);

const RELAY: Way = (Asks::Nothing, "relay", parse);
const SYSLOG: Way = (Asks::Certificate, "chain: chain.crt, cert: domain.crt, key: domain.key", parse_rfc5424);
const SYSLOG_WITHOUT_CERTIFICATE: Way = (Asks::Tls, "chain: chain.crt", parse_rfc5424);

pub(crate) fn add(suite: &mut Suite) {
    let program = tools::rsyslogd();
    for (name, way) in [
        ("relay_to_rsyslog", RELAY),
        ("syslog_to_rsyslog", SYSLOG),
        ("syslog_without_a_certificate", SYSLOG_WITHOUT_CERTIFICATE),
    ] {
        suite.test_with(program.clone(), module_path!(), name, move |program| byte_for_byte(program, way));
    }
    for (name, way) in [("relay_killed_and_back", RELAY), ("syslog_killed_and_back", SYSLOG)] {
        suite.test_with(program.clone(), module_path!(), name, move |program| killed_and_back(program, way));
    }
    tests!(suite; relay_to_a_receiver_that_comes_and_goes, optional_away, optional_lost_and_found);
}

/// The configuration of an output.
fn output(name: &str, kind: &str, port: u16, keys: &str) -> String {
    let keys = if keys.is_empty() { String::new() } else { format!(", {keys}") };
    format!(
        "{name}: {{type: {kind}, config: {{address: localhost, port: {port}{keys}, \
         confirm: {{interval: 100ms, end_timeout: 30s, max_bytes: 262144}}}}}}\n"
    )
}

async fn scene(program: PathBuf, (asks, keys, _): Way) -> Result<(Scene, Rsyslog)> {
    let mut scene = Scene::usual().await?;
    let folder = scene.place.folder().join("rsyslog");
    let rsyslog = Rsyslog::start_as(&program, &folder, &scene.place.pki, asks).await?;
    scene.configuration.outputs = Some(match asks {
        Asks::Nothing => output("near", "relay", rsyslog.port, ""),
        _ => output("siem", "syslog", rsyslog.port, keys),
    });
    scene.write(OBJECTS, EVENTS)?;
    Ok((scene, rsyslog))
}

async fn byte_for_byte(program: PathBuf, way: Way) -> Result<()> {
    let (scene, rsyslog) = scene(program, way).await?;
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
    collector.stop().await?;
    let (events, others) = rsyslog.events_by(way.2)?;
    assert!(others.is_empty(), "lines that are no event: {:?}", others.first().map(|l| String::from_utf8_lossy(l)));
    scene.expected.verdict(&events).assert_exact();
    scene.assert_source_unharmed();
    Ok(())
}

async fn killed_and_back(program: PathBuf, way: Way) -> Result<()> {
    let (scene, mut rsyslog) = scene(program, way).await?;
    let mut collector = scene.start()?;
    let written = rsyslog.killed_twice(&scene, &mut collector).await?;
    scene.drained(&mut collector).await;
    let (events, _) = rsyslog.events_by(way.2)?;
    let verdict = scene.expected.verdict(&events);
    verdict.assert_complete();
    assert!(verdict.repeated <= written as u64, "{verdict:#?}");
    scene.assert_source_unharmed();
    collector.stop().await
}

async fn relay_to_a_receiver_that_comes_and_goes() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let mut relay = Receiver::start(Keep::Messages, None).await?;
    scene.configuration.outputs = Some(output("near", "relay", relay.port, ""));
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    scene.until("it has some", &mut collector, |_| relay.totals().events > 200).await;
    relay.die().await?;
    until("the collector notices", Duration::from_secs(10), || collector.logged("destination does not confirm") > 0)
        .await;
    relay.come_back().await?;
    scene.drained(&mut collector).await;
    collector.stop().await?;
    assert_eq!(relay.totals().malformed, 0);
    scene.expected.verdict(&Events::arrived_at(&relay)).assert_complete();
    scene.assert_source_unharmed();
    Ok(())
}

/// Stops it; what it says of its optional output: offered, confirmed and lost.
async fn account(mut collector: Collector) -> Result<[u64; 3]> {
    collector.terminate()?;
    assert!(collector.ended(Duration::from_secs(10)).await.success());
    let log = collector.log();
    let line = log.lines().rfind(|line| line.contains("optional output")).expect("a line of the optional output");
    let value = |key: &str| {
        let (_, rest) = line.split_once(&format!("{key}=")).expect("a count");
        rest.split_whitespace().next().unwrap_or_default().parse().expect("a number")
    };
    Ok(["offered", "confirmed", "lost"].map(value))
}

/// Nothing listens at the optional output: the required one has everything once, and all is lost to the other.
async fn optional_away() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.interval = "200ms";
    let devo = scene.configuration.devo("devo_1", scene.receiver.port);
    let away = output("away", "relay", quittance_tests::emulators::free_port()?, "optional: true");
    scene.configuration.outputs = Some(devo + &away);
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    let all = scene.expected.count();
    assert_eq!(account(collector).await?, [all, 0, all]);
    Ok(())
}

/// The optional output dies and comes back: what it has confirmed is there, and the rest is counted.
async fn optional_lost_and_found() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let mut near = Receiver::start(Keep::Messages, None).await?;
    scene.configuration.interval = "200ms";
    let devo = scene.configuration.devo("devo_1", scene.receiver.port);
    scene.configuration.outputs = Some(devo + &output("near", "relay", near.port, "optional: true"));
    scene.write(OBJECTS, EVENTS)?;
    let mut collector = scene.start()?;
    scene.until("it has some", &mut collector, |_| near.totals().events > 200).await;
    near.die().await?;
    scene.drained(&mut collector).await;
    until("the collector notices", Duration::from_secs(10), || {
        collector.logged("connection of an optional output") > 0
    })
    .await;
    near.come_back().await?;
    scene.write(OBJECTS, EVENTS)?;
    scene.drained(&mut collector).await;
    let all = scene.expected.count();
    // What waited for it, or was given since, is delivered still.
    scene.until("it has some again", &mut collector, |_| near.totals().distinct >= all / 2).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    let [offered, confirmed, lost] = account(collector).await?;
    assert_eq!((offered, confirmed + lost), (all, all));
    assert!(lost > 0 && confirmed >= all / 2, "{confirmed} confirmed, {lost} lost");
    let there = scene.expected.verdict(&Events::arrived_at(&near));
    assert!(near.totals().distinct >= confirmed, "{confirmed} confirmed: {there:#?}");
    Ok(())
}
