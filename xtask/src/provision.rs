//! What checks and tests need besides Rust, each at a pinned version: two independent AWS emulators, cfn-lint for templates,
//! a validator of JSON schemas and Devo's own SDK in Python environments of their own, rsyslog as an independent receiver of TLS syslog, cargo-deny.
//!
//! A tool is kept in `target/provision/<tool>`, with a stamp that says what was installed; as long as the stamp is
//! right nothing is done. All of it can be deleted at any time.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    step::{command, succeeds},
    workspace::Workspace,
};

const CARGO_DENY: &str = "0.20.2";

const CARGO_CYCLONEDX: &str = "0.5.9";

/// Written last, so a folder without it, or with another text in it, is made anew.
const STAMP: &str = "installed";

/// Provides everything that tests need; answers with the variables that tell the tests where it is.
pub(crate) fn provide(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let _alone = alone(folder)?;
    Ok(vec![
        ("QUITTANCE_MOTO_PYTHON", python(&folder.join("moto"), include_str!("../requirements/moto.txt"))?),
        (
            "QUITTANCE_MINISTACK_PYTHON",
            python(&folder.join("ministack"), include_str!("../requirements/ministack.txt"))?,
        ),
        ("QUITTANCE_CFN_LINT_PYTHON", python(&folder.join("cfn-lint"), include_str!("../requirements/cfn-lint.txt"))?),
        (
            "QUITTANCE_JSONSCHEMA_PYTHON",
            python(&folder.join("jsonschema"), include_str!("../requirements/jsonschema.txt"))?,
        ),
        ("QUITTANCE_DEVO_SDK_PYTHON", python(&folder.join("devo-sdk"), include_str!("../requirements/devo-sdk.txt"))?),
        ("QUITTANCE_RSYSLOGD", rsyslogd()?),
    ])
}

/// Provides cargo-deny: the one on the path if it is the right one, else one of our own.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    let version = ["--version"];
    cargo_tool(workspace, &CargoTool { name: "cargo-deny", version: CARGO_DENY, asked: &version })
}

/// Provides cargo-cyclonedx in the same way.
pub(crate) fn cargo_cyclonedx(workspace: &Workspace) -> Result<PathBuf> {
    let version = ["cyclonedx", "--version"];
    cargo_tool(workspace, &CargoTool { name: "cargo-cyclonedx", version: CARGO_CYCLONEDX, asked: &version })
}

/// A tool that cargo installs.
struct CargoTool<'a> {
    name: &'a str,
    version: &'a str,
    /// The arguments with which it says its version, as the last word.
    asked: &'a [&'a str],
}

fn cargo_tool(workspace: &Workspace, CargoTool { name, version, asked }: &CargoTool<'_>) -> Result<PathBuf> {
    let is_right = |program: &Path| {
        let output = Command::new(program).args(*asked).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).split_whitespace().last() == Some(version))
    };
    let installed = Path::new(name);
    if is_right(installed) {
        return Ok(installed.to_owned());
    }
    let folder = workspace.provisions();
    let _alone = alone(&folder)?;
    let root = folder.join(name);
    let program = root.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !is_right(&program) {
        eprintln!("installing {name} {version}, once; this takes some minutes");
        let mut install = workspace.cargo(&["install", name, "--version", version, "--locked", "--quiet"]);
        // It runs for seconds: an unoptimised build without debug information is ready much sooner.
        install.args(["--debug", "--force", "--root"]).arg(&root).env("CARGO_PROFILE_DEV_DEBUG", "false");
        install.env("CARGO_TARGET_DIR", root.join("build"));
        command(&mut install)?;
        _ = fs::remove_dir_all(root.join("build"));
        ensure!(is_right(&program), "{name} {version} was installed but does not run");
    }
    Ok(program)
}

/// One provisioning at a time, whoever else runs the same command in the same folder.
fn alone(folder: &Path) -> Result<fs::File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let lock = fs::File::create(folder.join("lock")).context("cannot make the lock of the provisions")?;
    lock.lock().context("cannot lock the provisions")?;
    Ok(lock)
}

/// A Python environment with exactly `requirements`; answers with its interpreter.
fn python(folder: &Path, requirements: &str) -> Result<PathBuf> {
    let program = folder.join("bin").join("python");
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|text| text == requirements)
        && succeeds(Command::new(&program).arg("--version"))
    {
        return Ok(program);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    command(Command::new("python3").args(["-m", "venv"]).arg(folder)).context(
        "a Python environment is needed: install Python 3.10 or newer with its venv module (Debian: python3-venv)",
    )?;
    let list = folder.join("requirements.txt");
    fs::write(&list, requirements).with_context(|| format!("cannot write `{}`", list.display()))?;
    let mut install = Command::new(&program);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&list);
    command(&mut install)?;
    fs::write(&stamp, requirements).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(program)
}

/// rsyslog and its TLS driver, from Debian's packages.
fn rsyslogd() -> Result<PathBuf> {
    if let Some(program) = find_rsyslogd() {
        return Ok(program);
    }
    let by_hand = "rsyslog with its GnuTLS driver is needed by the end-to-end tests; \
                   install it (Debian and Ubuntu: apt-get install rsyslog rsyslog-gnutls) and start again";
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root || !succeeds(Command::new("apt-get").arg("--version")) {
        bail!("{by_hand}");
    }
    // Another syslog daemon of the machine must not be removed for it.
    let arguments =
        ["install", "--yes", "--quiet", "--no-install-recommends", "--no-remove", "rsyslog", "rsyslog-gnutls"];
    let install = || command(&mut apt_get(&arguments));
    let installed = install().or_else(|_| command(&mut apt_get(&["update", "--quiet"])).and_then(|()| install()));
    installed.context(by_hand)?;
    find_rsyslogd().context(by_hand)
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    command
}

fn find_rsyslogd() -> Option<PathBuf> {
    let program = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd", "/usr/local/sbin/rsyslogd"]
        .map(PathBuf::from)
        .into_iter()
        .find(|p| p.is_file())?;
    let mut libraries = vec![PathBuf::from("/usr/lib/rsyslog"), PathBuf::from("/usr/lib64/rsyslog")];
    let machines = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path().join("rsyslog"));
    libraries.extend(machines);
    libraries.iter().any(|folder| folder.join("lmnsd_gtls.so").is_file()).then_some(program)
}
