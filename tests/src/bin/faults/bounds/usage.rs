//! What a process takes of the machine, from `/proc`.

use std::{fs, time::Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::clock::now;

/// At one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Resident, in bytes.
    pub(super) memory: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
}

impl Usage {
    fn of(process: u32) -> Result<Usage> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let of = |key: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key}"))?;
            let number = line.trim_start_matches(':').trim().trim_end_matches("kB").trim();
            number.parse().with_context(|| format!("{key} is no number"))
        };
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64;
        Ok(Usage { memory: of("VmRSS")? * 1024, descriptors, threads: of("Threads")? })
    }

    fn max(self, other: Usage) -> Usage {
        Usage {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
        }
    }
}

/// How fast something grows, by least squares.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Slopes {
    /// Bytes an hour.
    pub(super) memory_per_hour: f64,
    pub(super) descriptors_per_hour: f64,
    pub(super) threads_per_hour: f64,
}

/// Samples over a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<(Instant, Usage)>);

impl Samples {
    /// Takes one.
    pub(super) fn take(&mut self, process: u32) -> Result<()> {
        self.0.push((now(), Usage::of(process)?));
        Ok(())
    }

    /// The most of each.
    pub(super) fn peak(&self) -> Usage {
        self.0.iter().fold(Usage::default(), |peak, (_, usage)| peak.max(*usage))
    }

    /// Over the second half, when everything has been used once.
    pub(super) fn slopes(&self) -> Slopes {
        let half = &self.0[self.0.len() / 2..];
        Slopes {
            memory_per_hour: slope(half, |usage| usage.memory),
            descriptors_per_hour: slope(half, |usage| usage.descriptors),
            threads_per_hour: slope(half, |usage| usage.threads),
        }
    }
}

fn slope(samples: &[(Instant, Usage)], of: fn(&Usage) -> u64) -> f64 {
    let Some((begin, _)) = samples.first() else { return 0.0 };
    let count = samples.len() as f64;
    let points = || samples.iter().map(|(at, usage)| ((*at - *begin).as_secs_f64() / 3600.0, of(usage) as f64));
    let (x_mean, y_mean) =
        (points().map(|(x, _)| x).sum::<f64>() / count, points().map(|(_, y)| y).sum::<f64>() / count);
    let across = points().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>();
    let along = points().map(|(x, _)| (x - x_mean).powi(2)).sum::<f64>();
    if along > 0.0 { across / along } else { 0.0 }
}
