//! The simulation of the whole collector: seeds that were looked at, every state reached, the same again in another process.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context, Result, ensure};
use quittance_tests::{Suite, tools};
use serde::Deserialize;

pub(crate) fn add(suite: &mut Suite) {
    let module = module_path!();
    suite.test(module, "a_seed_says_the_same_in_every_process", the_same_in_every_process);
    suite.test(module, "killed_at_any_point_nothing_is_missing", killed_at_any_point);
    suite.test_alone(module, "seeds_lose_nothing_and_reach_every_state", every_state);
}

/// The last line of a run, and what is said before it without what depends on the machine's speed.
#[derive(Deserialize)]
struct Outcome {
    seeds: u64,
    events: u64,
    missing: u64,
    duplicates_without_fault: u64,
    states: BTreeMap<String, u64>,
}

fn simulate(arguments: &[&str]) -> Result<(Outcome, String)> {
    let output = Command::new(tools::binary()?).arg("simulate").args(arguments).arg("--json").output()?;
    let said = String::from_utf8(output.stdout)?;
    let (before, last) = said.trim_end().rsplit_once('\n').context("there is more than one line")?;
    let outcome: Outcome = serde_json::from_str(last).with_context(|| said.clone())?;
    ensure!(output.status.success(), "{before}");
    let (untimed, _) = before.rsplit_once("; ").context("it says how long it took")?;
    Ok((outcome, format!("{untimed} {last}")))
}

async fn the_same_in_every_process() -> Result<()> {
    let arguments = ["--seed", "3", "--seeds", "12"];
    let (_, first) = simulate(&arguments)?;
    for _ in 0..2 {
        let (_, again) = simulate(&arguments)?;
        ensure!(first == again, "{first}\n{again}");
    }
    Ok(())
}

async fn killed_at_any_point() -> Result<()> {
    let (outcome, said) = simulate(&["--seed", "1", "--kill-everywhere=97"])?;
    ensure!(outcome.seeds >= 10 && outcome.missing == 0 && outcome.duplicates_without_fault == 0, "{said}");
    Ok(())
}

async fn every_state() -> Result<()> {
    let (outcome, said) = simulate(&["--seed", "1", "--seeds", "200"])?;
    ensure!(outcome.seeds == 200 && outcome.events > 20_000, "{said}");
    ensure!(outcome.missing == 0 && outcome.duplicates_without_fault == 0, "{said}");
    let holes: Vec<_> = outcome.states.iter().filter(|(_, count)| **count == 0).map(|(state, _)| state).collect();
    ensure!(holes.is_empty(), "never reached: {holes:?}");
    Ok(())
}
