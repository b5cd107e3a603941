//! `quittance services` and `quittance schema`: what a configuration may say.

use std::{fmt::Write, process::ExitCode};

use anyhow::Result;
use clap::Args;
use quittance_collector::{catalogue, config};
use serde_json::json;

use crate::output::print;

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

/// Prints every service with its types, how each is read, and the Devo table of its events.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    print(&if options.json { in_json() } else { in_lines() })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the JSON schema of a configuration.
pub(crate) fn schema() -> Result<ExitCode> {
    print(&format!("{:#}\n", config::schema()))?;
    Ok(ExitCode::SUCCESS)
}

fn in_lines() -> String {
    let mut rows = vec![["SERVICE", "TYPE", "ENGINE", "TABLE", "READS"]];
    let services = catalogue();
    for service in &services {
        let description = service.describe();
        for one in description.types {
            let name = if one.name.is_empty() { "-" } else { one.name };
            rows.push([service.name(), name, one.engine, one.table, description.summary]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = String::new();
    for [service, kind, engine, table, summary] in &rows {
        let [a, b, c, d] = widths;
        writeln!(text, "{service:a$}  {kind:b$}  {engine:c$}  {table:d$}  {summary}")
            .expect("a string takes every write");
    }
    text
}

fn in_json() -> String {
    let services = catalogue().into_iter().map(|service| {
        let description = service.describe();
        let types = description.types.iter();
        json!({
            "name": service.name(),
            "summary": description.summary,
            "types": types
                .map(|one| json!({ "name": one.name, "engine": one.engine, "table": one.table }))
                .collect::<Vec<_>>(),
        })
    });
    format!("{}\n", serde_json::Value::Array(services.collect()))
}
