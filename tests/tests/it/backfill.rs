//! `quittance backfill`, killed again and again: every event is there, and only what was under way comes twice.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use quittance_tests::{Collector, Options, Scene, Suite, cloud::BUCKET, tests};
use tokio::time::{sleep, timeout};

const COMMAND: &str = "backfill --input aws --service audit-events-all --bucket trail --prefix AWSLogs/ --from 2026-01-15 \
                       --to 2026-01-16 --json";

const EVENTS: usize = 10;

/// Times that it is killed.
const KILLS: u64 = 3;

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; killed_three_times, beside_a_collector_that_runs, a_dry_run_reads_nothing, stopped_in_order);
}

/// Objects of the large test; more by the environment.
fn objects() -> u64 {
    std::env::var("QUITTANCE_BACKFILL_OBJECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

/// Waits until it ends, and reads what it says.
async fn result(collector: &mut Collector) -> Result<serde_json::Value> {
    let status = collector.ended(Duration::from_secs(300)).await;
    assert!(status.success(), "{status}: {}", collector.log());
    serde_json::from_slice(&collector.output())
        .with_context(|| String::from_utf8_lossy(&collector.output()).into_owned())
}

fn start(path: &Path) -> Result<Collector> {
    Collector::command(COMMAND, path, &[])
}

/// What a run says that earlier ones have dealt with.
fn dealt_before(collector: &Collector) -> u64 {
    let log = collector.log();
    let line = log.lines().find(|line| line.contains("goes on: earlier runs have dealt with these"));
    let number = |line: &str| {
        let (_, after) = line.split_once("objects")?;
        let digits = after.trim_start_matches(|c: char| !c.is_ascii_digit());
        // Colours are written around the name, not into the number.
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    line.and_then(number).unwrap_or(0)
}

async fn killed_three_times() -> Result<()> {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut scene = Scene::new(Options { seed: 3, ..Options::default() }).await?;
    scene.configuration.interval = "200ms";
    scene.write(objects(), EVENTS)?;
    scene.cloud.delay("GetObject", Duration::from_millis(250));
    let path = scene.configure()?;
    // What had come by a kill, and was not dealt with.
    let (mut under_way, mut came) = (0, None);
    for kill in 0..KILLS {
        let mut collector = start(&path)?;
        let target = objects() * EVENTS as u64 * (kill + 1) / (KILLS + 1) + rng.u64(..100);
        // Of what was confirmed by one connection, something is written down by the time that the next one is.
        let confirmed = scene.receiver.totals().ended + 3;
        let enough = |scene: &Scene| {
            let totals = scene.receiver.totals();
            totals.events >= target && totals.ended >= confirmed
        };
        scene.until("so much came", &mut collector, enough).await;
        sleep(Duration::from_micros(rng.u64(..15_000))).await;
        if let Some(came) = came.replace(0) {
            under_way += came - dealt_before(&collector) * EVENTS as u64;
        }
        collector.kill()?;
        // What is on its way still comes.
        sleep(Duration::from_millis(300)).await;
        came = Some(scene.receiver.totals().events);
    }
    let mut collector = start(&path)?;
    let result = result(&mut collector).await?;
    under_way += came.unwrap_or_default() - dealt_before(&collector) * EVENTS as u64;
    assert_eq!((&result["complete"], &result["objects"]), (&true.into(), &objects().into()), "{result}");
    let verdict = scene.verdict();
    verdict.assert_complete();
    assert!(verdict.repeated <= under_way, "more again than was under way ({under_way}): {verdict:#?}");
    assert!(dealt_before(&collector) > 0, "earlier runs left something");
    println!("{} events, {} repeated, at most {under_way}", scene.expected.count(), verdict.repeated);
    Ok(())
}

/// Its state is its own: it runs beside a collector with the same configuration.
async fn beside_a_collector_that_runs() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(20, EVENTS)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let mut backfill = start(&scene.configure()?)?;
    let result = result(&mut backfill).await?;
    assert_eq!(result["ledger"]["delivered"], 20 * EVENTS as u64, "{result}");
    // Each way gave everything once: whoever asks for the past gets it again.
    let verdict = scene.verdict();
    verdict.assert_complete();
    assert_eq!(verdict.repeated, 20 * EVENTS as u64);
    collector.stop().await
}

async fn a_dry_run_reads_nothing() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(20, EVENTS)?;
    let mut collector = Collector::command(&format!("{COMMAND} --dry-run"), &scene.configure()?, &[])?;
    let result = result(&mut collector).await?;
    assert_eq!(result["objects"], 20, "{result}");
    assert_eq!(result["days"][0]["day"], "2026-01-15", "{result}");
    assert_eq!((scene.cloud.calls("GetObject"), scene.receiver.totals().events), (0, 0));
    assert_eq!(scene.cloud.calls("ReceiveMessage"), 0);
    assert!(!scene.cloud.keys(BUCKET).is_empty());
    Ok(())
}

/// SIGTERM: what is under way is settled, and nothing of it comes again.
async fn stopped_in_order() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(200, EVENTS)?;
    scene.cloud.delay("GetObject", Duration::from_millis(20));
    let path = scene.configure()?;
    let mut collector = start(&path)?;
    scene.until("something came", &mut collector, |scene| scene.receiver.totals().events > 200).await;
    collector.terminate()?;
    let status = timeout(Duration::from_secs(60), collector.ended(Duration::from_secs(50))).await?;
    assert_eq!(status.code(), Some(1), "{}", collector.log());
    let stopped: serde_json::Value = serde_json::from_slice(&collector.output())?;
    assert_eq!(stopped["complete"], false, "{stopped}");
    let result = result(&mut start(&path)?).await?;
    assert_eq!(result["objects"], 200, "{result}");
    scene.verdict().assert_exact();
    Ok(())
}
