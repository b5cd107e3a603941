//! Sources that are asked by time, through days of virtual time.

mod faults;
mod oracle;
mod run;
mod sources;

use std::thread;

use anyhow::{Context, Result, anyhow};
use quittance_core::{Clock, SystemClock};

use super::Outcome;

/// Runs `seeds` seeds from `seed` on, each of so many days.
pub(super) fn run(seed: u64, seeds: u64, days: u32) -> Result<Outcome> {
    let mut total = Outcome::default();
    for seed in seed..seed.saturating_add(seeds) {
        let began = SystemClock.now();
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
    Ok(total)
}
