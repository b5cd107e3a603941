//! The test suite, faults, and what the binary hides: benches and the simulation.

use std::{env, ffi::OsString, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use crate::{
    image, provision,
    step::{self, Steps},
    workspace::Workspace,
};

/// The version of cargo-nextest that the suite is known to pass with; `cargo test` does as well.
const NEXTEST: &str = "0.9.143";

/// Runs everything, or lists it.
pub(crate) fn test(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let (options, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|a| a.to_string_lossy().starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| **option != "--list") {
        bail!("`test` takes `--list` and names, not `{}`", unknown.to_string_lossy());
    }
    if names.len() > 1 {
        bail!("`test` takes one name: a part of the names of the tests to run");
    }
    let nextest = nextest(workspace);
    if !options.is_empty() {
        return list(workspace, nextest, &names);
    }
    let mut steps = Steps::default();
    let mut variables = Vec::new();
    let prepared = steps.run("release binary", || step::command(&mut workspace.cargo(&["build", "--release"])))
        && steps.run("what the tests need", || {
            variables = provided(workspace)?;
            Ok(())
        });
    if prepared {
        steps.run("tests", || {
            let runner: &[&str] = match nextest {
                true => &["nextest", "run", "--workspace", "--no-fail-fast"],
                false => &["test", "--workspace", "--no-fail-fast", "--tests"],
            };
            let mut command = workspace.cargo(runner);
            if nextest {
                command.arg("--no-tests=pass");
            }
            step::command(command.args(&names).envs(variables.iter().map(|(name, value)| (name, value))))
        });
        if names.is_empty() {
            steps.run("interleavings of receipts", || {
                let test = ["test", "--package", "quittance-core", "--features", "loom", "--test", "loom", "--quiet"];
                step::command(&mut workspace.cargo(&test))
            });
            steps.run("documentation examples", || {
                let mut command = workspace.cargo(&["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
                step::command(command.envs(variables.iter().map(|(name, value)| (name, value))))
            });
        }
    }
    steps.finish()
}

/// Provides what tests need, for those who run one test by hand.
pub(crate) fn provision(workspace: &Workspace) -> Result<()> {
    for (name, value) in provided(workspace)? {
        println!("export {name}='{}'", value.display());
    }
    Ok(())
}

/// The variables that tell tests where everything is.
fn provided(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut variables = vec![("QUITTANCE_BIN", workspace.binary())];
    variables.extend(samples(workspace).map(|folder| ("QUITTANCE_SAMPLES", folder)));
    variables.extend(provision::provide(&workspace.provisions())?);
    variables.extend(image(workspace)?.map(|image| ("QUITTANCE_IMAGE", image.into())));
    Ok(variables)
}

/// An image of the release binary, where one can be made.
fn image(workspace: &Workspace) -> Result<Option<&'static str>> {
    let lacks = match (image::daemon_answers(), workspace.binary().is_file()) {
        (true, true) => return image::for_tests(workspace).map(Some),
        (true, false) => "there is no release binary",
        (false, _) => "no docker daemon answers",
    };
    eprintln!("\nWARNING: {lacks}: the image is NOT built, and its tests are NOT run.\n");
    Ok(None)
}

/// Builds the binary, and runs a command that it hides from its users. What receipts cost is measured beside a build without.
pub(crate) fn hidden(workspace: &Workspace, command: &str, arguments: &[OsString]) -> Result<()> {
    if command == "bench" && arguments.first().is_some_and(|what| what == "receipts") {
        let binary = mutants_binary(workspace)?;
        return step::command(Command::new(binary).arg(command).args(arguments).current_dir(&workspace.root));
    }
    step::command(&mut workspace.cargo(&["build", "--release"]))?;
    step::command(Command::new(workspace.binary()).arg(command).args(arguments).current_dir(&workspace.root))
}

/// Builds the binary and what puts it under faults and loads, and runs that with these words before the arguments.
pub(crate) fn faults(workspace: &Workspace, words: &[&str], arguments: &[OsString]) -> Result<()> {
    let packages = ["--package", "quittance-cli", "--package", "quittance-tests", "--bins"];
    step::command(workspace.cargo(&["build", "--release"]).args(packages))?;
    let faults = workspace.binary().with_file_name(format!("faults{}", env::consts::EXE_SUFFIX));
    let mut command = Command::new(faults);
    command.args(words).args(arguments).env("QUITTANCE_BIN", workspace.binary()).current_dir(&workspace.root);
    step::command(&mut command)
}

/// Builds a binary with planted bugs, in a folder of its own, and lets the simulation look for each.
pub(crate) fn mutants(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let binary = mutants_binary(workspace)?;
    step::command(Command::new(binary).args(["simulate", "--mutants"]).args(arguments).current_dir(&workspace.root))
}

fn mutants_binary(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target.join("mutants");
    let mut build = workspace.cargo(&["build", "--release", "--package", "quittance-cli", "--features", "mutants"]);
    step::command(build.arg("--target-dir").arg(&target))?;
    Ok(target.join("release").join(format!("quittance{}", env::consts::EXE_SUFFIX)))
}

fn list(workspace: &Workspace, nextest: bool, names: &[&OsString]) -> Result<()> {
    let mut command = match nextest {
        true => workspace.cargo(&["nextest", "list", "--workspace"]),
        false => workspace.cargo(&["test", "--workspace", "--tests"]),
    };
    command.args(names);
    if !nextest {
        command.args(["--", "--list"]);
    }
    step::command(&mut command)
}

fn nextest(workspace: &Workspace) -> bool {
    let output = workspace.cargo(&["nextest", "--version"]).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        eprintln!("cargo-nextest is not installed (known to work: {NEXTEST}), cargo test runs the tests");
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout);
    if !version.contains(NEXTEST) {
        let version = version.lines().next().unwrap_or_default();
        eprintln!("{version} runs the tests; they are known to work with {NEXTEST}");
    }
    true
}

/// Real logs of AWS services, which some tests read; a folder beside the workspace unless the environment says otherwise.
fn samples(workspace: &Workspace) -> Option<PathBuf> {
    let folder = match env::var_os("QUITTANCE_SAMPLES") {
        Some(folder) => workspace.root.join(folder),
        None => workspace.root.join("../shared/samples"),
    };
    if folder.is_dir() {
        return Some(folder.canonicalize().unwrap_or(folder));
    }
    eprintln!();
    eprintln!("WARNING: there is no folder `{}`: tests on sample logs have nothing to read.", folder.display());
    eprintln!("         Set QUITTANCE_SAMPLES to the folder with the samples to run them.");
    eprintln!();
    None
}
