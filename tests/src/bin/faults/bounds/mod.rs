//! `cargo xtask bounds`: the real binary under loads that are enormous in one way, and what it takes of the machine.

mod inputs;
mod scene;
mod usage;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::clock::now;
use scene::Scene;
use usage::{Slopes, Usage};

/// The most memory that a collector may have resident, whatever comes.
const MOST_MEMORY: u64 = 160 << 20;

/// What is run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these; may be given several times.
    #[arg(long)]
    bound: Vec<String>,
    /// Names them, one a line, and runs nothing.
    #[arg(long)]
    list: bool,
    /// How much of the full size: 0.01 is short enough for a test suite.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// How long those last that go by time; ten minutes at full scale.
    #[arg(long)]
    minutes: Option<f64>,
    /// The last line is a JSON object, `{"bounds": [...]}`, with a row each.
    #[arg(long)]
    json: bool,
}

/// A load that is enormous in one way.
struct Bound {
    name: &'static str,
    what: &'static str,
    services: fn() -> String,
    play: fn(&mut Scene) -> Result<()>,
}

const ALL: &[Bound] = &[
    Bound {
        name: "steady",
        what: "every source has something new every second",
        services: inputs::every_source,
        play: inputs::steady,
    },
    Bound {
        name: "slow-receiver",
        what: "the receiver reads a hundredth of what it could, before a backlog that does not end",
        services: inputs::trail,
        play: inputs::slow_receiver,
    },
    Bound {
        name: "gzip-bomb",
        what: "10 GiB on one line, compressed to a thousandth",
        services: inputs::flow_logs,
        play: inputs::gzip_bomb,
    },
    Bound {
        name: "long-value",
        what: "a record of 4 GiB between two others, compressed to a thousandth",
        services: inputs::trail,
        play: inputs::long_value,
    },
    Bound {
        name: "deep-json",
        what: "256 million brackets in one record, between two others",
        services: inputs::trail,
        play: inputs::deep_json,
    },
    Bound {
        name: "many-entries",
        what: "a message that announces 100,000 objects",
        services: inputs::trail,
        play: inputs::many_entries,
    },
    Bound {
        name: "small-objects",
        what: "a million objects of one event",
        services: inputs::flow_logs,
        play: inputs::small_objects,
    },
];

/// What a load has shown.
#[derive(Serialize)]
struct Row {
    bound: &'static str,
    seconds: f64,
    /// What must arrive.
    events: u64,
    missing: u64,
    duplicates: u64,
    quarantined: u64,
    /// Of the collector, in bytes.
    peak_memory: u64,
    peak_descriptors: u64,
    peak_threads: u64,
    /// Over the second half.
    #[serde(flatten)]
    slopes: Slopes,
    problems: Vec<String>,
}

/// Runs the loads one after another. Whether all went well.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let chosen = chosen(&arguments.bound)?;
    if arguments.list {
        chosen.iter().for_each(|bound| println!("{}", bound.name));
        return Ok(true);
    }
    let mut rows = Vec::new();
    for bound in chosen {
        let row = play(bound, arguments)?;
        println!("{}", line(&row));
        for problem in &row.problems {
            eprintln!("{} ({}): {problem}", bound.name, bound.what);
        }
        rows.push(row);
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "bounds": rows }));
    }
    Ok(rows.iter().all(|row| row.problems.is_empty()))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Bound>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let of = |name: &String| match ALL.iter().find(|bound| bound.name == name) {
        Some(bound) => Ok(bound),
        None => bail!("no bound is called `{name}`: `--list` names them"),
    };
    names.iter().map(of).collect()
}

fn play(bound: &Bound, arguments: &Arguments) -> Result<Row> {
    let minutes = arguments.minutes.unwrap_or(10.0 * arguments.scale);
    let mut scene = Scene::start((bound.services)(), arguments.scale, minutes)?;
    let started = now();
    let played = (bound.play)(&mut scene);
    let mut problems: Vec<String> = played.err().map(|error| format!("{error:#}")).into_iter().collect();
    let arrived = scene.arrived()?;
    let seconds = seconds_since(started);
    let usage = scene.usage.clone();
    let (expected, quarantined) = (scene.expected, scene.stop()?);
    let (missing, duplicates) = (expected.saturating_sub(arrived), arrived.saturating_sub(expected));
    problems.extend((missing > 0).then(|| format!("{missing} events are missing")));
    problems.extend((duplicates > 0).then(|| format!("{duplicates} events came twice")));
    let Usage { memory, descriptors, threads } = usage.peak();
    problems.extend((memory > MOST_MEMORY).then(|| format!("{memory} bytes were resident, of {MOST_MEMORY}")));
    let slopes = usage.slopes();
    let (bound, events) = (bound.name, expected);
    let (peak_memory, peak_descriptors, peak_threads) = (memory, descriptors, threads);
    Ok(Row {
        bound,
        seconds,
        events,
        missing,
        duplicates,
        quarantined,
        peak_memory,
        peak_descriptors,
        peak_threads,
        slopes,
        problems,
    })
}

fn line(row: &Row) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!(
        "{:14} {:7.1} s  {:9} events  {} missing  {} twice  {} set aside  peak {:.1} MiB, {} descriptors, {} threads  \
         memory {:+.1} MiB/h, descriptors {:+.1}/h",
        row.bound,
        row.seconds,
        row.events,
        row.missing,
        row.duplicates,
        row.quarantined,
        mib(row.peak_memory),
        row.peak_descriptors,
        row.peak_threads,
        row.slopes.memory_per_hour / f64::from(1 << 20),
        row.slopes.descriptors_per_hour,
    )
}

fn seconds_since(started: Instant) -> f64 {
    (now() - started).as_secs_f64()
}
