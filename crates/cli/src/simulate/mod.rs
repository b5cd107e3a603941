//! `quittance simulate`: the whole collector in virtual time, between a fake AWS and receivers that all go wrong by seed,
//! and an oracle that knows every event there was.
//!
//! There are two forms: [`whole`] runs many short seeds with every source, and [`days`] a few long ones with those that
//! are asked by time.

mod days;
mod outcome;
mod whole;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use outcome::Outcome;

#[derive(Args)]
pub(crate) struct Options {
    /// What everything that happens follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, from that one on.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Runs the sources that are asked by time alone, through so many days of virtual time in which events happen; late
    /// ones are waited for.
    #[arg(long)]
    days: Option<u32>,
    /// Runs one fixed course of every source again and again, and kills the collector each time at another of the things
    /// that it does: at every one of them, or only at every so many.
    #[arg(long, value_name = "EVERY", num_args = 0..=1, default_missing_value = "1", conflicts_with = "days")]
    kill_everywhere: Option<u64>,
    /// One JSON object as the last line.
    #[arg(long)]
    json: bool,
    #[cfg(feature = "mutants")]
    #[command(flatten)]
    mutants: whole::mutants::Options,
}

/// Runs the simulation; 0 if nothing is missing and nothing came twice without a reason.
pub(crate) fn simulate(options: &Options) -> Result<ExitCode> {
    #[cfg(feature = "mutants")]
    if let Some(code) = whole::mutants::run(&options.mutants, options.seed, options.seeds)? {
        return Ok(code);
    }
    let total = match (options.days, options.kill_everywhere) {
        (Some(days), _) => days::run(options.seed, options.seeds, days)?,
        (None, Some(every)) => whole::kill_everywhere(options.seed, every.max(1))?,
        (None, None) => whole::run(options.seed, options.seeds)?,
    };
    let failed = total.has_failed();
    match options.json {
        true => println!("{}", serde_json::to_string(&total)?),
        false => total.states.iter().for_each(|(state, count)| println!("{state:>28} {count}")),
    }
    Ok(ExitCode::from(u8::from(failed)))
}
