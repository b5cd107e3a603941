//! A short run of `cargo xtask faults`: a round of every class that this machine can run.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use quittance_tests::{Suite, tools};
use serde::Deserialize;

pub(crate) fn add(suite: &mut Suite) {
    suite.test(module_path!(), "a_round_of_every_class_loses_nothing", every_class);
    suite.test(module_path!(), "what_is_listed_is_what_is_run", listed);
}

#[derive(Deserialize)]
struct Outcome {
    faults: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    class: String,
    rounds: u64,
    events: u64,
    missing: u64,
}

fn faults(arguments: &[&str]) -> Result<(bool, String)> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_faults")).args(arguments).env("QUITTANCE_BIN", tools::binary()?).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.success(), said))
}

fn row(said: &str) -> Result<Vec<Row>> {
    let line = said.lines().find(|line| line.starts_with("{\"faults\"")).with_context(|| said.to_owned())?;
    Ok(serde_json::from_str::<Outcome>(line)?.faults)
}

async fn every_class() -> Result<()> {
    let (well, said) = faults(&["--seed", "4", "--jobs", "6", "--json"])?;
    ensure!(well, "{said}");
    let rows = row(&said)?;
    ensure!(rows.len() >= 15, "{said}");
    for Row { class, rounds, events, missing } in rows {
        ensure!((rounds, missing) == (1, 0) && events > 20, "{class}: {said}");
    }
    Ok(())
}

async fn listed() -> Result<()> {
    let (well, said) = faults(&["--list"])?;
    ensure!(well, "{said}");
    let first = said.lines().next().context("nothing is listed")?;
    ensure!(said.lines().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')));
    let (well, ran) = faults(&["--class", first, "--json"])?;
    let rows = row(&ran)?;
    ensure!(well && rows.len() == 1 && rows[0].class == first, "{ran}");
    let (well, refused) = faults(&["--class", "no-such-class"])?;
    ensure!(!well && refused.contains("--list"), "{refused}");
    Ok(())
}
