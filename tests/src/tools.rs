//! Where the things are that the tests need and that they do not make themselves.
//!
//! `cargo xtask test` provides all of them and says where by environment variables. Where a variable is set, what it
//! names must work: only something that is neither named nor found makes a test ignored.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

/// Something that the environment lacks, and what to do about it.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

/// The `quittance` binary: the one that the environment names, or the workspace's own.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = env::var_os("QUITTANCE_BIN") {
        return Ok(workspace().join(named));
    }
    let places = ["release", "debug"].map(|profile| workspace().join("target").join(profile).join("quittance"));
    match places.iter().find(|place| place.is_file()) {
        Some(found) => Ok(found.clone()),
        None => bail!("there is no `quittance` binary: run `cargo build --release` or set QUITTANCE_BIN"),
    }
}

/// The folder with real logs of AWS services.
pub fn samples() -> Result<PathBuf, Missing> {
    let folder = match env::var_os("QUITTANCE_SAMPLES") {
        Some(named) => return Ok(workspace().join(named)),
        None => workspace().join("../shared/samples"),
    };
    let missing = || {
        Missing(format!(
            "real sample logs: there is no folder `{}`; set QUITTANCE_SAMPLES to one with a SOURCES.md",
            folder.display()
        ))
    };
    if folder.is_dir() { Ok(folder) } else { Err(missing()) }
}

/// A Python that has moto with its server.
pub fn moto() -> Result<PathBuf, Missing> {
    python("QUITTANCE_MOTO_PYTHON", "moto")
}

/// A Python that has ministack.
pub fn ministack() -> Result<PathBuf, Missing> {
    python("QUITTANCE_MINISTACK_PYTHON", "ministack")
}

/// A Python that has cfn-lint.
pub fn cfn_lint() -> Result<PathBuf, Missing> {
    python("QUITTANCE_CFN_LINT_PYTHON", "cfn-lint")
}

/// A Python that has Devo's SDK.
pub fn devo_sdk() -> Result<PathBuf, Missing> {
    python("QUITTANCE_DEVO_SDK_PYTHON", "devo-sdk")
}

/// A Python that has jsonschema and PyYAML.
pub fn jsonschema() -> Result<PathBuf, Missing> {
    python("QUITTANCE_JSONSCHEMA_PYTHON", "jsonschema")
}

/// The one that the environment names, or the one that `cargo xtask test` left.
fn python(variable: &str, tool: &str) -> Result<PathBuf, Missing> {
    if let Some(named) = env::var_os(variable) {
        return Ok(workspace().join(named));
    }
    let usual = workspace().join("target/provision").join(tool).join("bin/python");
    match usual.is_file() {
        true => Ok(usual),
        false => Err(Missing(format!(
            "{tool} for Python: `cargo xtask test` installs it; or set {variable} to a Python that has it"
        ))),
    }
}

/// rsyslog's daemon.
pub fn rsyslogd() -> Result<PathBuf, Missing> {
    if let Some(named) = env::var_os("QUITTANCE_RSYSLOGD") {
        return Ok(workspace().join(named));
    }
    let usual = Path::new("/usr/sbin/rsyslogd");
    match usual.is_file() {
        true => Ok(usual.to_owned()),
        false => Err(Missing(
            "rsyslog with its GnuTLS driver: `cargo xtask test` installs it; or set QUITTANCE_RSYSLOGD".to_owned(),
        )),
    }
}

/// chromedriver, beside a Chromium.
pub fn chromedriver() -> Result<PathBuf, Missing> {
    if let Some(named) = env::var_os("QUITTANCE_CHROMEDRIVER") {
        return Ok(workspace().join(named));
    }
    let on_path = |program: &str| {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|folder| folder.join(program)).find(|place| place.is_file())
    };
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    on_path("chromedriver").filter(|_| browser.is_some()).ok_or_else(|| {
        Missing(
            "Chromium and chromedriver, for the status page: install them (Debian: apt-get install chromium \
             chromium-driver); or set QUITTANCE_CHROMEDRIVER"
                .to_owned(),
        )
    })
}

/// The name of an image of the binary, for a docker daemon that answers.
pub fn image() -> Result<String, Missing> {
    env::var("QUITTANCE_IMAGE").map_err(|_| {
        Missing(
            "an image: `cargo xtask test` makes it where a docker daemon answers; or set QUITTANCE_IMAGE".to_owned(),
        )
    })
}

/// What understands docker-compose.yml, as a command's words: `docker compose`, and the older `docker-compose`.
pub fn composes() -> Result<Vec<&'static [&'static str]>, Missing> {
    image()?;
    let all: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    let answers = |words: &&[&str]| {
        let said = Command::new(words[0]).args(&words[1..]).arg("version").output();
        said.is_ok_and(|said| said.status.success())
    };
    let found: Vec<_> = all.into_iter().filter(answers).collect();
    match found.is_empty() {
        true => Err(Missing("`docker compose`, or the older `docker-compose`".to_owned())),
        false => Ok(found),
    }
}

/// systemd's own judge of units.
pub fn systemd_analyze() -> Result<PathBuf, Missing> {
    let usual = Path::new("/usr/bin/systemd-analyze");
    match usual.is_file() {
        true => Ok(usual.to_owned()),
        false => Err(Missing("systemd-analyze (Debian and Ubuntu: apt-get install systemd)".to_owned())),
    }
}

/// A file of the workspace.
pub fn of_workspace(name: &str) -> PathBuf {
    workspace().join(name)
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
