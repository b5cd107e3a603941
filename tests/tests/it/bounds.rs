//! A short run of `cargo xtask bounds`: what comes may be enormous, and the collector stays as it is.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use quittance_tests::{Suite, tools};
use serde::Deserialize;

pub(crate) fn add(suite: &mut Suite) {
    suite.test_alone(module_path!(), "whatever_is_enormous_takes_no_more_of_the_machine", every_bound);
}

#[derive(Deserialize)]
struct Outcome {
    bounds: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    bound: String,
    events: u64,
    missing: u64,
    duplicates: u64,
    quarantined: u64,
    problems: Vec<String>,
}

async fn every_bound() -> Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faults"));
    command.args(["bounds", "--scale", "0.01", "--json"]).env("QUITTANCE_BIN", tools::binary()?);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let line = said.lines().find(|line| line.starts_with("{\"bounds\"")).with_context(|| said.clone())?;
    let rows = serde_json::from_str::<Outcome>(line)?.bounds;
    ensure!(rows.len() >= 7, "{said}");
    for Row { bound, events, missing, duplicates, quarantined, problems } in rows {
        ensure!(events > 0 && (missing, duplicates) == (0, 0) && problems.is_empty(), "{bound}: {said}");
        let too_long = ["gzip-bomb", "long-value", "deep-json"].contains(&bound.as_str());
        ensure!(quarantined == u64::from(too_long), "{bound}: {said}");
    }
    Ok(())
}
