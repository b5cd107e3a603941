//! `cargo xtask`: the workspace's checks and its test suite, one command each.
//!
//! It only starts cargo, the test runner and the built binary; the work is in the crates and their tests.

mod arrows;
mod fuzz;
mod image;
mod lint;
mod provision;
mod sbom;
mod step;
mod suite;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Result, bail};

use workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask <command>

  test [--list] [NAME]   the whole test suite: unit tests, end-to-end tests, documentation examples;
                         --list names the tests, NAME runs those whose name contains it
  provision              only provides what the tests need, and prints the variables that name it, for a shell
  lint                   format, clippy, dependency arrows, cargo-deny, documentation
  arrows                 only the dependency arrows between the crates
  image ARGUMENTS        builds the image (`docker build ARGUMENTS`), and packs it: target/image/quittance-<version>.tgz
  sbom                   lists every crate of a release, as CycloneDX: target/sbom/quittance-<version>.cdx.json
  bench ARGUMENTS        builds the release binary and runs `quittance bench ARGUMENTS`
  simulate ARGUMENTS     the same for `quittance simulate ARGUMENTS`: virtual time with faults by seed
  fuzz [--minutes N] [NAME]...
                         fuzzes all parsers with libFuzzer, or those of a package or of that name: 60 minutes in all
  mutants ARGUMENTS      builds a binary with planted bugs, and says how many seeds the simulation takes to find each;
                         `--seeds K` is the most that it may take, `--mutant NAME` runs one
  faults ARGUMENTS       the release binary over real sockets while faults strike, class after class; `--list` names the
                         classes that this machine can run, `--rounds K` runs K rounds of each, `--class C` only that one
  bounds ARGUMENTS       the release binary under loads that are enormous in one way, and the memory, descriptors and
                         threads that it takes; `--list` names them, `--bound B` runs one, `--scale 0.01` a small one";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().unwrap_or_default();
    match run(&command.to_string_lossy(), arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, arguments: Vec<OsString>) -> Result<()> {
    if matches!(command, "provision" | "lint" | "arrows" | "sbom") && !arguments.is_empty() {
        bail!("`{command}` takes no argument\n\n{USAGE}");
    }
    match command {
        "test" => suite::test(&Workspace::load()?, &arguments),
        "provision" => suite::provision(&Workspace::load()?),
        "lint" => lint::lint(&Workspace::load()?),
        "arrows" => lint::arrows(&Workspace::load()?),
        "image" => image::image(&Workspace::load()?, &arguments),
        "sbom" => sbom::sbom(&Workspace::load()?),
        hidden @ ("bench" | "simulate") => suite::hidden(&Workspace::load()?, hidden, &arguments),
        "fuzz" => fuzz::fuzz(&Workspace::load()?, &arguments),
        "faults" => suite::faults(&Workspace::load()?, &[], &arguments),
        "bounds" => suite::faults(&Workspace::load()?, &["bounds"], &arguments),
        "mutants" => suite::mutants(&Workspace::load()?, &arguments),
        "" | "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("no command is called `{command}`\n\n{USAGE}"),
    }
}
