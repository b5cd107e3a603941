//! `quittance bench objects`: the whole collector beside the least that could do its work, in one run.
//!
//! The least is one loop: bytes from memory, inflate, split, one write after the other to a TLS receiver. The collector
//! reads the same objects from a fake S3 and confirms every event. Both send to the same receiver, which stands with the
//! fake AWS in a process of its own, so that CPU time counts only what is compared.

mod data;
mod limit;
#[cfg(feature = "mutants")]
mod receipts;
mod surroundings;
mod whole;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

pub(crate) use surroundings::{TownOptions, town};

use data::Kind;
use surroundings::Surroundings;

#[derive(Args)]
pub(crate) struct Options {
    /// What is measured.
    #[arg(value_enum)]
    what: What,
    /// Inflated MiB that each side moves, for each kind.
    #[arg(long, default_value_t = 1024)]
    mib: u64,
    /// Rounds; the best of each side counts, since whatever else the machine does only adds time.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// One JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// Only these kinds.
    #[arg(long, value_enum)]
    kind: Vec<Kind>,
}

/// Short, so that the last confirmation does not weigh.
const INTERVAL: &str = "interval: 500ms";

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The objects engine, from S3 to Devo.
    Objects,
    /// What the proof of delivery costs.
    #[cfg(feature = "mutants")]
    Receipts,
}

/// What one side took for the same bytes.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

impl Cost {
    fn least(self, other: Cost) -> Cost {
        Cost { wall: self.wall.min(other.wall), cpu: self.cpu.min(other.cpu) }
    }
}

#[derive(Serialize)]
struct Report {
    ratios: Vec<Ratio>,
}

#[derive(Serialize)]
struct Ratio {
    name: String,
    ratio: f64,
}

/// Runs the bench.
pub(crate) async fn bench(options: Options) -> Result<ExitCode> {
    match options.what {
        What::Objects => objects(options).await,
        #[cfg(feature = "mutants")]
        What::Receipts => {
            let report = tokio::task::spawn_blocking(move || receipts::run(options.mib, options.rounds)).await??;
            for receipts::Ratio { name, median, interval: (low, high), pairs } in &report {
                println!("{name}: {median:.3} (95 %: {low:.3} to {high:.3}, {pairs} pairs)");
            }
            if options.json {
                println!("{}", serde_json::to_string(&serde_json::json!({ "ratios": report }))?);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The collector beside the bare loop.
async fn objects(options: Options) -> Result<ExitCode> {
    let kinds = if options.kind.is_empty() { Kind::value_variants().to_vec() } else { options.kind };
    let mut report = Report { ratios: Vec::new() };
    for kind in kinds {
        let objects = data::objects(kind);
        let rounds = (options.mib << 20).div_ceil(objects.inflated).max(1);
        let bytes = rounds * objects.inflated;
        let (mut limit, mut whole) = (None::<Cost>, None::<Cost>);
        for _ in 0..options.rounds.max(1) {
            // Each side in turn, so that both meet the same machine.
            let surroundings = Surroundings::start(kind, rounds)?;
            let cost = limit::run(&surroundings, &objects, kind, rounds).await.context("the bare loop")?;
            limit = Some(limit.map_or(cost, |least| least.least(cost)));
            let cost =
                whole::run(&surroundings.config(INTERVAL)?, rounds * objects.events).await.context("the collector")?;
            whole = Some(whole.map_or(cost, |least| least.least(cost)));
        }
        let (Some(limit), Some(whole)) = (limit, whole) else { bail!("no round was run") };
        let rate = |cost: Cost| bytes as f64 / cost.wall.as_secs_f64() / 1e6;
        let per_gb = |cost: Cost| cost.cpu.as_secs_f64() / (bytes as f64 / 1e9);
        println!(
            "{:<12} {:>8.0} MB/s of {:>6.0} MB/s, {:>6.2} CPU s per GB of {:>5.2}",
            kind.name(),
            rate(whole),
            rate(limit),
            per_gb(whole),
            per_gb(limit),
        );
        let name = kind.name();
        report.ratios.push(Ratio { name: format!("objects-{name}-vs-limit"), ratio: rate(whole) / rate(limit) });
        report
            .ratios
            .push(Ratio { name: format!("objects-{name}-cpu-vs-limit"), ratio: per_gb(whole) / per_gb(limit) });
    }
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// CPU time that this process has taken, by all its threads.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
