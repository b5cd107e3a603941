//! The demo without its collector: for containers, where the collector is the image as it is shipped.

use std::{fs, net::IpAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{
    History, Table, now,
    town::{Reach, Town},
    until_settled,
};

/// How long the collector may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct TownOptions {
    /// How many events are generated, in all.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Another seed makes other events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where `certs/` and `config/` are written.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// What the collector calls this host.
    #[arg(long)]
    host: String,
    /// Addresses to listen at.
    #[arg(long, default_value = "0.0.0.0")]
    listen: IpAddr,
}

/// Brings up a fake AWS and a receiver, waits until a collector has moved everything, and has it stop: its own ledger is the
/// last that it logs. The collector must be seen here: in containers, in the same namespace of processes.
pub(crate) async fn town(options: TownOptions) -> Result<ExitCode> {
    let TownOptions { events, seed, folder, host, listen } = options;
    let history = History::of(events);
    let town = Town::build(&folder, &Reach { listen, host: &host }, seed, &history).await?;
    let started = now();
    let writing = tokio::spawn(Arc::clone(&town).write(events - history.events()));
    let mut table = Table::new(events, true);
    until_settled(&town, || writing.is_finished(), events, &mut table, started).await;
    let took = started.elapsed();
    let written = history.events() + writing.await.context("the writer of the demo's data failed")??;

    let collector = collector()?.context("no collector runs here")?;
    kill_process(collector, Signal::TERM).context("cannot stop the collector")?;
    let end = now() + PATIENCE;
    while test_kill_process(collector).is_ok() && !is_zombie(collector) && now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    table.all(&town.sink.snapshot(), took);
    let sink = town.sink.totals();
    let missing = written.saturating_sub(sink.distinct);
    println!("\nreceiver  {} events, {} distinct, {missing} missing", sink.events, sink.distinct);
    println!("{:.1} s; the collector's own ledger is in the last line of its log", took.as_secs_f64());
    Ok(if missing == 0 && town.is_settled() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The process that is a `quittance run`.
fn collector() -> Result<Option<Pid>> {
    for entry in fs::read_dir("/proc").context("the processes")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        if words.next().is_some_and(|program| program.ends_with(b"quittance")) && words.next() == Some(b"run") {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Whether it has ended, and only its parent has not been told.
fn is_zombie(id: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}
