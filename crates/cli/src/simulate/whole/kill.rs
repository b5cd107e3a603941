//! Kills the collector at everything that it does.
//!
//! One course of all sources is run again and again. Each time the collector dies at another point of it: instead of a
//! call, after it was carried out and before its answer is heard, between two writes. Then it is started again, and at the
//! end everything must be where it belongs.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use quittance_core::{Clock, SystemClock};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    all_states, alone, in_parallel,
    place::{Place, Running},
    run::{Report, finish},
    say,
    shape::{Shape, Use},
    sources::{Flaw, Source, Sources},
    states::States,
};
use crate::simulate::Outcome;

/// Runs the course of `seed`, killed at every `every`th point of it.
pub(in crate::simulate) fn kill_everywhere(seed: u64, every: u64) -> Result<Outcome> {
    let began = SystemClock.now();
    let whole = in_parallel(vec![u64::MAX], |never| one(seed, never)).remove(0).1?;
    say("unkilled", &whole, &format!("quittance simulate --seed {seed} --kill-everywhere"));
    let points = whole.points;
    let mut total = Outcome { states: all_states(), ..Outcome::default() };
    let jobs: Vec<_> = (1..=points).step_by(usize::try_from(every).unwrap_or(1)).collect();
    let kills = jobs.len();
    for (point, report) in in_parallel(jobs, |point| one(seed, point)) {
        let report = report?;
        say(&format!("killed at {point}"), &report, &format!("quittance simulate --seed {seed} --kill-everywhere"));
        total.add(report.outcome);
    }
    total.add(Outcome { seeds: 0, ..whole.outcome });
    println!(
        "killed at {kills} of {points} points: {} missing, {} repeated, {} of them without a fault; {:.1?}",
        total.missing,
        total.duplicates,
        total.duplicates_without_fault,
        began.elapsed()
    );
    Ok(total)
}

/// The course, killed at one point.
fn one(seed: u64, point: u64) -> Result<Report> {
    let states = States::default();
    alone(&states, async { course(seed, point, &states).await })
}

async fn course(seed: u64, point: u64, states: &States) -> Result<Report> {
    let mut rng = Rng::with_seed(seed);
    // A collector that dies before it has written anything down has no beginning but this.
    let shape = Shape { start_time: true, ..Shape::new(&mut rng) };
    let mut place = Place::new(seed, shape)?;
    let mut sources = Sources::default();
    let mut running = place.start().await?;
    running.process.die_at(point);
    let began = Instant::now();
    // It all happens again and again, so that deletes meet receives.
    for round in 0..5 {
        running = revive(&mut place, running, began + Duration::from_secs(20 + 8 * round)).await?;
        for source in Source::ALL {
            sources.happen(&place, &mut rng, source, 60);
        }
        if round == 1 {
            sources.too_long(&place, &mut rng);
            sources.announced(&place, &mut rng, Use::Trail, Flaw::Garbage);
        }
    }
    while !place.is_satisfied() && began.elapsed() < Duration::from_secs(4 * 3600) {
        running = revive(&mut place, running, Instant::now() + Duration::from_secs(5)).await?;
    }
    let points = running.process.points();
    running.process.die_at(u64::MAX);
    Ok(Report { points, ..finish(place, running, states, sources.late).await? })
}

/// Waits until then. Whoever dies meanwhile is started again.
async fn revive(place: &mut Place, running: Running, until: Instant) -> Result<Running> {
    running.until_dead(until.saturating_duration_since(Instant::now())).await;
    if running.process.is_alive() {
        return Ok(running);
    }
    place.oracle.receives_spent(2);
    place.kill(running).await;
    sleep(Duration::from_secs(2)).await;
    let running = place.start().await?;
    sleep_until(until).await;
    Ok(running)
}
