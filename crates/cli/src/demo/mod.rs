//! `quittance demo`: the whole way on one machine.

mod apart;
mod history;
mod table;
mod town;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;
use quittance_collector::{Collector, Config};
use quittance_core::Counts;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::run;
use history::History;
use table::Table;
use town::{Reach, Town};

pub(crate) use apart::{TownOptions, town};

/// How long nothing may move before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Options {
    /// How many events are generated, in all.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Another seed makes other events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// No table; one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// Leaves configuration, certificates and data in this folder, to look at and to run by hand.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// The result: the ledger beside what the receiver counted by itself.
#[derive(Serialize)]
struct Report {
    pulled: u64,
    filtered: u64,
    quarantined: u64,
    delivered: u64,
    returned: u64,
    missing: u64,
    sink_events: u64,
    sink_distinct: u64,
    seconds: f64,
    bytes: u64,
    peak_rss_bytes: u64,
}

pub(crate) async fn demo(options: Options) -> Result<ExitCode> {
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = options.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    let history = History::of(options.events);
    let town = Town::build(&folder, &Reach::HERE, options.seed, &history).await?;
    let config = Config::load(&town.config)?;
    let parts = run::parts(&config)?;
    let stop = CancellationToken::new();
    let collector = Collector::build(config, parts, stop.clone()).await?;
    let ledger = collector.ledger();
    let collecting = tokio::spawn(collector.run());
    let started = now();
    let writing = tokio::spawn(Arc::clone(&town).write(options.events - history.events()));

    let mut table = Table::new(options.events, !options.json);
    until_settled(&town, || writing.is_finished(), options.events, &mut table, started).await;
    let seconds = started.elapsed().as_secs_f64();
    let written = history.events() + writing.await.context("the writer of the demo's data failed")??;
    stop.cancel();
    collecting.await.context("the collector failed")??;

    let Counts { pulled, filtered, quarantined, returned, bytes, .. } = ledger.total();
    let sink = town.sink.totals();
    let report = Report {
        pulled,
        filtered,
        quarantined,
        delivered: ledger.total().delivered(),
        returned,
        missing: written.saturating_sub(sink.distinct),
        sink_events: sink.events,
        sink_distinct: sink.distinct,
        seconds,
        bytes,
        peak_rss_bytes: peak_rss().unwrap_or_default(),
    };
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        table.end(&town.sink.snapshot(), &ledger, &report);
        if let Some(folder) = &options.keep {
            println!("\nkept in {}", folder.display());
        }
    }
    let complete = report.missing == 0 && town.is_settled() && ledger.total().balances();
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Shows how events arrive until all of them have, or nothing moves any more.
async fn until_settled(town: &Town, is_written: impl Fn() -> bool, events: u64, table: &mut Table, started: Instant) {
    let (mut last, mut moved) = (Default::default(), now());
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tick.tick().await;
        let snapshot = town.sink.snapshot();
        table.show(&snapshot, started.elapsed());
        // Nobody sees at the source what was read of it by time: the receiver has it all, or is waited for.
        if is_written() && town.is_settled() && snapshot.totals.distinct >= events {
            break;
        }
        let progress = (snapshot.totals.events, town.deleted());
        if progress != last {
            (last, moved) = (progress, now());
        } else if moved.elapsed() > PATIENCE {
            break;
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "demo and bench time themselves")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The most memory that this process ever had, in bytes, as the kernel counts it.
fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
