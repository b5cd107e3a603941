//! `quittance errors`: what a code means and what to do.

use std::{fmt::Write, process::ExitCode};

use anyhow::{Result, bail};
use clap::Args;
use quittance_collector::codes;
use quittance_core::{Code, EVERYTHING};
use serde_json::json;

use crate::output::print;

#[derive(Args)]
pub(crate) struct Options {
    /// A code as it stands in a line of the log or of `check`, or its number; without one, all of them.
    code: Option<String>,
    /// One JSON array instead of text.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// The page docs/errors.md.
    #[arg(long, conflicts_with = "code")]
    markdown: bool,
}

/// Prints what codes mean.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut chosen = codes();
    if let Some(name) = &options.code {
        chosen.retain(|code| code.to_string().eq_ignore_ascii_case(name) || code.number.to_string() == *name);
        if chosen.is_empty() {
            bail!("there is no code `{name}`: expected one as in `SetupError104`, or its number");
        }
    }
    print(&match options {
        Options { json: true, .. } => in_json(&chosen),
        Options { markdown: true, .. } => in_markdown(&chosen),
        _ => in_text(&chosen),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn in_text(codes: &[&Code]) -> String {
    let mut text = String::new();
    for code in codes {
        let Code { message, cause, solution, concerns, .. } = code;
        writeln!(text, "{code}: {message}\n  concerns: {concerns}\n  cause: {cause}\n  solution: {solution}")
            .expect("a string takes every write");
    }
    text
}

fn in_json(codes: &[&Code]) -> String {
    let codes = codes.iter().map(|code| {
        json!({
            "code": code.to_string(), "type": code.family.name(), "id": code.number, "concerns": code.concerns,
            "message": code.message, "cause": code.cause, "solution": code.solution,
        })
    });
    format!("{}\n", serde_json::Value::Array(codes.collect()))
}

/// The columns are those of the error tables of Devo's collectors.
fn in_markdown(codes: &[&Code]) -> String {
    let mut headings = vec![EVERYTHING];
    for code in codes {
        if !headings.contains(&code.concerns) {
            headings.push(code.concerns);
        }
    }
    let mut text = String::from(
        "# Errors\n\n\
         <!-- Written by `quittance errors --markdown` from the code. -->\n\n\
         What goes wrong is told with a code, in the log as `code=SetupError104`, by `quittance check` at the end of a line, and \
         in its JSON as `code`. A code keeps its number and its meaning over all versions. `quittance errors SetupError104` \
         explains one.\n\n\
         | type | what was under way |\n|---|---|\n\
         | InitVariablesError | the configuration and the files that it names are read |\n\
         | SetupError | a unit proves that it can work; some of these are warnings |\n\
         | PrePullError | what is known and what there is to pull is looked for |\n\
         | PullError | events are taken and given on |\n\
         | SaveStateError | something is written down, or the state is opened |\n\
         | ApiError | a call failed in a way that passes by itself |\n",
    );
    for heading in headings {
        let rows = codes.iter().filter(|code| code.concerns == heading);
        write!(text, "\n## {heading}\n\n| type | id | message | cause | solution |\n|---|---|---|---|---|\n")
            .expect("a string takes every write");
        for Code { family, number, message, cause, solution, .. } in rows {
            writeln!(text, "| {} | {number} | {message} | {cause} | {solution} |", family.name())
                .expect("a string takes every write");
        }
    }
    text
}
