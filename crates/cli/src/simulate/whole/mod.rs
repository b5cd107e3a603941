//! The whole collector: every source in all three engines, in a world of its own for each seed, for some minutes of virtual
//! time.

mod kill;
#[cfg(feature = "mutants")]
pub(super) mod mutants;
mod oracle;
mod place;
mod run;
mod shape;
mod sources;
mod states;
mod troubles;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::Result;
use quittance_core::{Clock, SystemClock};
use tracing::{Dispatch, dispatcher};

use super::Outcome;
use oracle::Rule;
use run::Report;
use states::{Ear, States};

pub(super) use kill::kill_everywhere;

/// Runs `seeds` seeds from `seed` on, as many at a time as there are processors. The digest is of what arrived and when: it is
/// the same whenever, and wherever, the same seeds are run.
pub(super) fn run(seed: u64, seeds: u64) -> Result<Outcome> {
    let began = SystemClock.now();
    let mut total = Outcome { states: all_states(), ..Outcome::default() };
    let mut digest = 0_u64;
    let jobs = (seed..seed.saturating_add(seeds)).collect();
    for (seed, report) in in_parallel(jobs, one) {
        let report = report?;
        say(&format!("seed {seed}"), &report, &format!("quittance simulate --seed {seed}"));
        digest = digest.rotate_left(1) ^ report.digest;
        total.add(report.outcome);
    }
    println!(
        "{} seeds, {} events: {} missing, {} repeated, {} of them without a fault; digest {digest:016x}; {:.1?}",
        total.seeds,
        total.events,
        total.missing,
        total.duplicates,
        total.duplicates_without_fault,
        began.elapsed()
    );
    let holes: Vec<_> = total.states.iter().filter(|(_, count)| **count == 0).map(|(state, _)| *state).collect();
    if !holes.is_empty() && seeds >= 200 {
        println!("never reached: {}", holes.join(", "));
    }
    Ok(total)
}

/// Every state, so that one which is not reached is seen.
fn all_states() -> BTreeMap<&'static str, u64> {
    let troubles = troubles::Kind::ALL.into_iter().map(troubles::Kind::name);
    troubles.chain(states::heard()).map(|state| (state, 0)).collect()
}

/// Says what is wrong with a report, and how it is run again.
fn say(what: &str, report: &Report, again: &str) {
    let Report { broken, .. } = report;
    if broken.is_empty() {
        return;
    }
    for (rule, said) in broken {
        println!("{what}: {}: {} ({} in all)", rule.name(), said[0], said.len());
    }
    println!("{what}: run it again with `{again}`; QUITTANCE_LOG=debug says what happens");
}

/// One seed, in a runtime of its own, whose time stands still while anything can be done.
fn one(seed: u64) -> Result<Report> {
    let states = States::default();
    alone(&states, async { run::run(seed, &states).await })
}

/// Runs `work` in virtual time; what the collector says meanwhile goes to `states`. A panic is a broken rule.
fn alone(states: &States, work: impl Future<Output = Result<Report>>) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let ear = Dispatch::new(Ear::new(states.clone()));
    let run = || dispatcher::with_default(&ear, || runtime.block_on(Box::pin(work)));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned());
        let outcome = Outcome { seeds: 1, missing: 1, ..Outcome::default() };
        let broken = BTreeMap::from([(Rule::Process, vec![said])]);
        Ok(Report { outcome, broken, digest: 0, points: 0 })
    })
}

/// Does every job on one of as many threads as there are processors; answers in the order of the jobs.
fn in_parallel<J, T>(jobs: Vec<J>, work: impl Fn(J) -> Result<T> + Sync) -> Vec<(J, Result<T>)>
where
    J: Copy + Sync + Send,
    T: Send,
{
    let next = AtomicU64::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(jobs.len().max(1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, job)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed) as usize;
                    jobs.get(number).map(|job| (number, *job))
                } {
                    let result = work(job);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, job, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, ..)| *number);
    done.into_iter().map(|(_, job, result)| (job, result)).collect()
}
