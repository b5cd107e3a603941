//! `quittance check`.

use std::{fmt::Write, process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::Args;
use quittance_collector::{Problem, Reach, Report, check};
use quittance_core::{Estimate, World};
use quittance_devo::TcpDial;
use serde_json::json;

use crate::{documents, output::print};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    documents: documents::Options,
    /// Neither destinations nor AWS are asked.
    #[arg(long)]
    offline: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Prints everything that is wrong with a configuration and what it would run. An error in it is the exit code 1.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let Options { documents, offline, json } = options;
    let reach = Reach { world: World::system(), http: None, dial: Arc::new(TcpDial::default()), online: !offline };
    let report = check(documents, reach).await?;
    print(&if json { in_json(&report) } else { in_lines(&report) })?;
    Ok(if report.problems.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn in_lines(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes every write");
    if !report.problems.all.is_empty() {
        line(format_args!("{}", report.problems));
    }
    for output in &report.outputs {
        let optional = if output.optional { " (optional)" } else { "" };
        line(format_args!("output {}: {}{optional}", output.name, output.destination));
    }
    for unit in &report.units {
        line(format_args!("unit {}: service {}, tag {}", unit.id, unit.service, unit.tag));
        if let Some(Estimate { calls, dollars, beyond }) = &unit.estimate {
            line(format_args!("  about {calls:.0} calls and {dollars:.2} USD a month with nothing new, and {beyond}"));
        }
    }
    let estimates = || report.units.iter().filter_map(|unit| unit.estimate.as_ref());
    if estimates().next().is_some() {
        let (calls, dollars) =
            estimates().fold((0.0, 0.0), |(calls, dollars), one| (calls + one.calls, dollars + one.dollars));
        line(format_args!(
            "all units: about {calls:.0} calls and {dollars:.2} USD a month with nothing new, at list prices"
        ));
    }
    line(format_args!(
        "{}, {}",
        count(report.problems.errors(), "error"),
        count(report.problems.warnings(), "warning")
    ));
    text
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn in_json(report: &Report) -> String {
    let problem = |problem: &Problem| {
        json!({
            "file": report.problems.file(problem).display().to_string(),
            "line": problem.at.line,
            "column": problem.at.column,
            "code": problem.code.to_string(),
            "severity": if problem.is_error() { "error" } else { "warning" },
            "path": problem.path.to_string(),
            "message": problem.message,
            "hint": problem.hint,
        })
    };
    let report = json!({
        "file": report.problems.documents.config.display().to_string(),
        "errors": report.problems.errors(),
        "warnings": report.problems.warnings(),
        "problems": report.problems.all.iter().map(problem).collect::<Vec<_>>(),
        "outputs": report.outputs.iter().map(|output| json!({
            "name": output.name, "destination": output.destination, "optional": output.optional,
        })).collect::<Vec<_>>(),
        "units": report.units.iter().map(|unit| json!({
            "id": unit.id, "input": unit.input, "service": unit.service, "tag": unit.tag,
            "estimate": unit.estimate.as_ref().map(|estimate| json!({
                "calls_a_month": estimate.calls.round(), "usd_a_month": estimate.dollars, "beyond": estimate.beyond,
            })),
        })).collect::<Vec<_>>(),
    });
    format!("{report}\n")
}
