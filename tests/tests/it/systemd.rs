//! The unit of systemd, judged by systemd.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use quittance_tests::{Suite, tools};

/// Of ten; less is better. What is left is that a collector needs the network.
const EXPOSURE: f64 = 2.0;

pub(crate) fn add(suite: &mut Suite) {
    suite.test_with(tools::systemd_analyze(), module_path!(), "the_unit_is_valid_and_exposes_little", unit);
}

async fn unit(analyze: PathBuf) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let unit = folder.path().join("quittance.service");
    let text = fs::read_to_string(tools::of_workspace("deploy/systemd/quittance.service"))?;
    let installed = "ExecStart=/usr/local/bin/quittance";
    assert!(text.contains(installed), "{text}");
    let binary = fs::canonicalize(tools::binary()?)?;
    fs::write(&unit, text.replace(installed, &format!("ExecStart={}", binary.display())))?;
    let verified = Command::new(&analyze).arg("verify").arg(&unit).output()?;
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("quittance.service"), "{said}");
    let judged = Command::new(&analyze).args(["security", "--offline=true"]).arg(&unit).output()?;
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    let level = said.split("exposure level for quittance.service: ").nth(1).and_then(|rest| rest.split(' ').next());
    let level: f64 = level.with_context(|| said.clone())?.parse()?;
    assert!(level < EXPOSURE, "{level}");
    Ok(())
}
