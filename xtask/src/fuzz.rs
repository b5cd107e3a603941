//! Long fuzzing: the targets of all crates, built for libFuzzer, which is led by what the code does with an input.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// What the compiler adds so that libFuzzer sees where an input leads to; it needs no other toolchain.
const FLAGS: &str = "--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1 -Copt-level=2";

/// A whole run, if nothing else is said.
const MINUTES: f64 = 60.0;

/// The longest input that is tried, and the longest that one may take.
const LIMITS: &str = "-max_len=8192 -timeout=30 -rss_limit_mb=2048";

/// A target, in the test that holds it.
struct Target {
    package: String,
    folder: PathBuf,
    program: PathBuf,
    test: String,
}

impl Target {
    /// Its own name, which is that of its corpus.
    fn name(&self) -> &str {
        self.test.rsplit("::").next().unwrap_or(&self.test)
    }
}

/// Runs every target, or those whose package or name is given, for its share of the time.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let (mut minutes, mut wanted) = (MINUTES, Vec::new());
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--minutes" => {
                let number = arguments.next().context("`--minutes` wants a number")?;
                minutes = number.parse().with_context(|| format!("`{number}` is no number of minutes"))?;
            }
            option if option.starts_with('-') => bail!("`fuzz` takes `--minutes` and names, not `{option}`"),
            name => wanted.push(name.to_owned()),
        }
    }
    let packages = packages(workspace)?;
    // A package's name saves building all others.
    let named: Vec<_> = packages.iter().filter(|(name, _)| wanted.iter().any(|one| is_of(one, name))).collect();
    let built = if named.is_empty() { packages.iter().collect() } else { named };
    let mut targets = build(workspace, &built)?;
    targets.retain(|target| {
        let is_wanted = |one: &String| is_of(one, &target.package) || target.test.contains(one.as_str());
        wanted.is_empty() || wanted.iter().any(is_wanted)
    });
    if targets.is_empty() {
        bail!("no target of that name: they are the tests in modules called `fuzz`");
    }
    let seconds = (minutes * 60.0 / targets.len() as f64).max(1.0) as u64;
    let mut failed = Vec::new();
    for target in &targets {
        let (inputs, well) = run(workspace, target, seconds)?;
        println!(
            "{:<36} {:<24} {inputs:>12} inputs  {}",
            target.package,
            target.name(),
            if well { "" } else { "FAILED" }
        );
        failed.extend((!well).then(|| target.name()));
    }
    if !failed.is_empty() {
        bail!("failed: {}; the inputs are in the corpora, where the tests find them", failed.join(", "));
    }
    Ok(())
}

/// Whether a name is that of a package, with or without what all have in front.
fn is_of(name: &str, package: &str) -> bool {
    package == name || package.strip_prefix("quittance-") == Some(name)
}

/// The packages that have targets, and their folders.
fn packages(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    let all = workspace.metadata["packages"].as_array().context("metadata without `packages`")?;
    let is_fuzzed = |package: &&Value| {
        let dependencies = package["dependencies"].as_array();
        dependencies.into_iter().flatten().any(|dependency| dependency["name"] == "quittance-fuzz")
    };
    let found = all.iter().filter(is_fuzzed).map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some((package["name"].as_str()?.to_owned(), manifest.parent()?.to_owned()))
    });
    found.collect::<Option<_>>().context("metadata of a package without name or manifest")
}

/// Builds the tests of these packages, and finds the targets in them. A test without a target is not to be built: libFuzzer
/// would be missing in it.
fn build(workspace: &Workspace, packages: &[&(String, PathBuf)]) -> Result<Vec<Target>> {
    let of =
        |folder: &str| packages.iter().copied().filter(|(_, root)| has_target(&root.join(folder))).collect::<Vec<_>>();
    let mut targets = built(workspace, &of("src"), &["--lib"])?;
    targets.extend(built(workspace, &of("tests"), &["--test", "it"])?);
    Ok(targets)
}

/// Whether there is a module of targets somewhere below.
fn has_target(folder: &Path) -> bool {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .any(|entry| entry.file_name() == "fuzz.rs" || (entry.path().is_dir() && has_target(&entry.path())))
}

fn built(workspace: &Workspace, packages: &[&(String, PathBuf)], which: &[&str]) -> Result<Vec<Target>> {
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = workspace.cargo(&["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    command.args(which);
    // With a target of its own, build scripts and macros are built as always.
    command.arg("--target").arg(host()?).arg("--target-dir").arg(folder(workspace)).env("RUSTFLAGS", FLAGS);
    for (name, _) in packages {
        command.args(["--package", name]);
    }
    let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the targets cannot be built for libFuzzer, which needs a C++ compiler");
    }
    let mut targets = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        let (Some(program), Some(manifest)) = (message["executable"].as_str(), message["manifest_path"].as_str())
        else {
            continue;
        };
        let Some((package, folder)) = packages.iter().find(|(_, folder)| Path::new(manifest).parent() == Some(folder))
        else {
            continue;
        };
        let listed =
            Command::new(program).arg("--list").output().with_context(|| format!("cannot start `{program}`"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let fuzzed = tests.filter(|test| test.split("::").any(|module| module == "fuzz"));
        targets.extend(fuzzed.map(|test| Target {
            package: package.clone(),
            folder: folder.clone(),
            program: program.into(),
            test: test.to_owned(),
        }));
    }
    Ok(targets)
}

/// Runs one target; how many inputs it took, and whether all went well.
fn run(workspace: &Workspace, target: &Target, seconds: u64) -> Result<(u64, bool)> {
    // What was found before is built upon; what failed goes where the tests find it.
    let known = folder(workspace).join("corpus").join(&target.package).join(target.name());
    let kept = target.folder.join("tests/corpus").join(target.name());
    fs::create_dir_all(&known)?;
    let is_new = !kept.exists();
    fs::create_dir_all(&kept)?;
    let (known, shown) = (known.display(), kept.display());
    let options =
        format!("{known} {shown} {LIMITS} -max_total_time={seconds} -print_final_stats=1 -artifact_prefix={shown}/");
    let log = folder(workspace).join("corpus").join(&target.package).join(format!("{}.log", target.name()));
    let status = Command::new(&target.program)
        .args(["--exact", &target.test, "--nocapture", "--test-threads", "1"])
        .env("BOLERO_LIBFUZZER_ARGS", options)
        .env("QUITTANCE_FUZZ_SEEDS", known.to_string())
        .env("CARGO_MANIFEST_DIR", &target.folder)
        .current_dir(&target.folder)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .status()
        .with_context(|| format!("cannot start `{}`", target.program.display()))?;
    if is_new {
        // Stays if it holds something.
        _ = fs::remove_dir(&kept);
        _ = kept.parent().map(fs::remove_dir);
    }
    let log = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let inputs = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    if !status.success() {
        let said = log.lines().skip_while(|line| !line.contains("Test Failure")).take(30);
        eprintln!("{}: {}", target.test, said.collect::<Vec<_>>().join("\n"));
    }
    Ok((inputs.and_then(|number| number.trim().parse().ok()).unwrap_or_default(), status.success()))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

/// The machine that this is, as the compiler calls it.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc does not say its host")
}
