//! `quittance services` and `quittance schema`: what a configuration may say.

use std::{fmt::Write, process::ExitCode};

use anyhow::Result;
use clap::Args;
use quittance_collector::{catalogue, config};
use serde_json::json;

use crate::{output::print, reference};

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

#[derive(Args)]
pub(crate) struct SchemaOptions {
    /// The page docs/reference.md.
    #[arg(long)]
    markdown: bool,
}

/// Prints the JSON schema of a configuration, or the page that is made of it.
pub(crate) fn schema(options: &SchemaOptions) -> Result<ExitCode> {
    let schema = config::schema();
    print(&if options.markdown { reference::in_markdown(&schema) } else { format!("{schema:#}\n") })?;
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
