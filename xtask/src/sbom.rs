//! What a release is made of, as CycloneDX: every crate that is in the binary, with version, licence and checksum.

use std::fs;

use anyhow::{Context, Result};

use crate::{image, provision, step::command, workspace::Workspace};

/// Writes it to `target/sbom`.
pub(crate) fn sbom(workspace: &Workspace) -> Result<()> {
    let program = provision::cargo_cyclonedx(workspace)?;
    let name = format!("quittance-{}.cdx", image::version(workspace)?);
    let mut list = std::process::Command::new(program);
    list.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--target", "x86_64-unknown-linux-gnu"]);
    list.args(["--describe", "binaries", "--override-filename", &name, "--manifest-path"]);
    list.arg(workspace.root.join("crates/cli/Cargo.toml")).current_dir(&workspace.root);
    // No time and no random serial number: the same sources have the same list.
    list.env("SOURCE_DATE_EPOCH", "0");
    command(&mut list)?;
    let folder = workspace.target.join("sbom");
    fs::create_dir_all(&folder)?;
    let (written, kept) =
        (workspace.root.join("crates/cli").join(format!("{name}.json")), folder.join(format!("{name}.json")));
    fs::rename(&written, &kept).with_context(|| format!("there is no `{}`", written.display()))?;
    println!("{}", kept.display());
    Ok(())
}
