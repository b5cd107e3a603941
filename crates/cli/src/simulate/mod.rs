//! `quittance simulate`: the whole collector in virtual time, between a fake AWS and a receiver that both go wrong by seed,
//! and an oracle that knows every event there was.

mod faults;
mod oracle;
mod run;
mod sources;

use std::{collections::BTreeMap, process::ExitCode, thread, time::Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde::Serialize;

#[derive(Args)]
pub(crate) struct Options {
    /// What everything that happens follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, from that one on.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Days of virtual time that events happen in; late ones are waited for.
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// One JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// What came of the events of one seed, or of several.
#[derive(Default, Serialize)]
struct Outcome {
    seeds: u64,
    /// Events that happened.
    events: u64,
    /// Of these, never delivered.
    missing: u64,
    /// Deliveries beyond the first.
    duplicates: u64,
    /// Of these, explained by no fault of their source, connection or process.
    duplicates_without_fault: u64,
    /// How often each state that is worth a test was reached.
    states: BTreeMap<&'static str, u64>,
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.missing += other.missing;
        self.duplicates += other.duplicates;
        self.duplicates_without_fault += other.duplicates_without_fault;
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
    }
}

/// Runs the simulation; 0 if nothing is missing and nothing came twice without a reason.
pub(crate) fn simulate(options: &Options) -> Result<ExitCode> {
    let mut total = Outcome::default();
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        let (began, days) = (Instant::now(), options.days);
        // A runtime of its own, whose time stands still while anything can be done.
        let world = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
            runtime.block_on(Box::pin(run::run(seed, days)))
        });
        let outcome = world.join().map_err(|_| anyhow!("the simulation panicked"))?;
        let outcome = outcome.with_context(|| format!("seed {seed}"))?;
        println!(
            "seed {seed}: {} events, {} missing, {} repeated, {} of them without a fault; {days} days in {:.1?}",
            outcome.events,
            outcome.missing,
            outcome.duplicates,
            outcome.duplicates_without_fault,
            began.elapsed(),
        );
        total.add(outcome);
    }
    let failed = total.missing > 0 || total.duplicates_without_fault > 0;
    match options.json {
        true => println!("{}", serde_json::to_string(&total)?),
        false => total.states.iter().for_each(|(state, count)| println!("{state:>28} {count}")),
    }
    Ok(ExitCode::from(u8::from(failed)))
}
