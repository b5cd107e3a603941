//! Everything that can be said of the code without running it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{
    arrows, book, provision,
    step::{self, Steps},
    workspace::Workspace,
};

/// Runs every check.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    let cargo = |arguments: &[&str]| step::command(&mut workspace.cargo(arguments));
    let mut steps = Steps::default();
    steps.run("format", || cargo(&["fmt", "--all", "--check"]));
    steps.run("arrows", || arrows(workspace));
    steps.run("links", || book::links(workspace));
    steps.run("book", || book::build(workspace));
    steps.run("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    steps.run("documentation", || {
        let mut command = workspace.cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
        step::command(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.run("cargo-deny", || deny(workspace));
    steps.finish()
}

/// Checks the links of the documentation, and builds the book.
pub(crate) fn book(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("links", || book::links(workspace));
    steps.run("book", || book::build(workspace));
    steps.finish()
}

/// Checks the dependency arrows.
pub(crate) fn arrows(workspace: &Workspace) -> Result<()> {
    let violations = arrows::violations(&workspace.metadata)?;
    if violations.is_empty() {
        return Ok(());
    }
    for violation in &violations {
        eprintln!("{violation}");
    }
    bail!("{} of the dependency arrows of ARCHITECTURE.md broken", violations.len());
}

fn deny(workspace: &Workspace) -> Result<()> {
    let program = provision::cargo_deny(workspace)?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("--workspace").args(arguments).current_dir(&workspace.root);
        command
    };
    step::command(&mut deny(&["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if !step::succeeds(&mut deny(&["fetch", "db"])) {
        eprintln!();
        eprintln!("WARNING: the database of security advisories cannot be fetched: advisories are NOT checked.");
        eprintln!();
        return Ok(());
    }
    step::command(&mut deny(&["check", "--disable-fetch", "advisories"]))
}
