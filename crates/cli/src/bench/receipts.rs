//! `quittance bench receipts`: what the proof of delivery costs, in CPU time of the whole collector.
//!
//! The same objects go the same way with `closed`, with `acked`, and without any proof: a batch counts as delivered once it is
//! written. There is no such mode; it is a planted bug, so this bench exists only in a build with `mutants`.

use std::sync::mpsc;

use anyhow::{Context, Result};
use quittance_core::plant;
use serde::Serialize;

use super::{Cost, data, data::Kind, surroundings::Surroundings, whole};

/// The bug that takes what is written for delivered.
const NO_PROOF: &str = "settled-when-written";

/// How a side proves deliveries.
#[derive(Clone, Copy)]
struct Side {
    confirm: &'static str,
    planted: Option<&'static str>,
}

const NONE: Side = Side { confirm: "mode: acked", planted: Some(NO_PROOF) };
const CLOSED: Side = Side { confirm: "mode: closed, interval: 1s", planted: None };
const ACKED: Side = Side { confirm: "mode: acked", planted: None };

/// CPU time with a proof, as a multiple of that without.
#[derive(Serialize)]
pub(super) struct Ratio {
    pub(super) name: &'static str,
    /// Of all pairs.
    pub(super) median: f64,
    /// Where the median lies with 95 % confidence, by the order of the pairs.
    pub(super) interval: (f64, f64),
    pub(super) pairs: usize,
}

/// Runs `pairs` pairs for each proof, in turn, over `mib` inflated MiB each.
pub(super) fn run(mib: u64, pairs: u32) -> Result<Vec<Ratio>> {
    let objects = data::objects(Kind::Cloudtrail);
    let rounds = (mib << 20).div_ceil(objects.inflated).max(1);
    let events = rounds * objects.events;
    let (mut closed, mut acked) = (Vec::new(), Vec::new());
    for pair in 0..pairs.max(1) {
        // Each side in turn, so that all meet the same machine; who comes first changes.
        let mut sides = [NONE, CLOSED, ACKED];
        sides.rotate_left(pair as usize % 3);
        let mut cpu = [0.0; 3];
        for (place, side) in sides.into_iter().enumerate() {
            let which = (place + pair as usize) % 3;
            cpu[which] = one(side, rounds, events)?.cpu.as_secs_f64();
        }
        println!("pair {:>2}: none {:.2} s, closed {:.2} s, acked {:.2} s of CPU", pair + 1, cpu[0], cpu[1], cpu[2]);
        closed.push(cpu[1] / cpu[0]);
        acked.push(cpu[2] / cpu[0]);
    }
    Ok(vec![ratio("receipts-closed-cpu-vs-none", closed), ratio("receipts-acked-cpu-vs-none", acked)])
}

/// One side, in a runtime of its own: all its threads have the bug, or none.
fn one(side: Side, rounds: u64, events: u64) -> Result<Cost> {
    let (give, take) = mpsc::channel();
    let work = move || -> Result<Cost> {
        plant(side.planted);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .on_thread_start(move || plant(side.planted))
            .build()
            .context("cannot make a runtime")?;
        let surroundings = Surroundings::start(Kind::Cloudtrail, rounds)?;
        let config = surroundings.config(side.confirm)?;
        runtime.block_on(whole::run(&config, events))
    };
    std::thread::spawn(move || _ = give.send(work()));
    take.recv().context("a side of the bench died")?
}

fn ratio(name: &'static str, mut all: Vec<f64>) -> Ratio {
    all.sort_by(f64::total_cmp);
    let (low, high) = ranks(all.len());
    Ratio { name, median: median(&all), interval: (all[low], all[high]), pairs: all.len() }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// Between which of `n` sorted values the median of all that might have been lies, with 95 % confidence: a pair lies on either
/// side of it as a coin falls.
fn ranks(n: usize) -> (usize, usize) {
    let mut below = 0.0;
    let mut chance = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut low = 0;
    for k in 0..n / 2 {
        below += chance;
        if below > 0.025 {
            break;
        }
        low = k + 1;
        chance *= (n - k) as f64 / (k + 1) as f64;
    }
    let low = low.saturating_sub(1);
    (low, n - 1 - low)
}
