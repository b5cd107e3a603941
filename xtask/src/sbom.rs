//! What a release is made of, as CycloneDX: every crate that is in the binary, with version, licence and checksum.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{image, provision, step::command, workspace::Workspace};

/// How files are called that the tool writes beside the manifests of all members that make a program.
const WRITTEN: &str = "_bin.cdx.json";

/// Writes it to `target/sbom`.
pub(crate) fn sbom(workspace: &Workspace) -> Result<()> {
    let program = provision::cargo_cyclonedx(workspace)?;
    let mut list = Command::new(program);
    list.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--describe", "binaries", "--quiet"]);
    list.args(["--target", "x86_64-unknown-linux-gnu", "--manifest-path"]);
    list.arg(workspace.root.join("crates/cli/Cargo.toml")).current_dir(&workspace.root);
    // The same sources have the same list.
    list.env("SOURCE_DATE_EPOCH", "0");
    command(&mut list)?;
    let folder = workspace.target.join("sbom");
    fs::create_dir_all(&folder)?;
    let kept = folder.join(format!("quittance-{}.cdx.json", image::version(workspace)?));
    let written = workspace.root.join("crates/cli").join(format!("quittance{WRITTEN}"));
    let list = fs::read_to_string(&written).with_context(|| format!("there is no `{}`", written.display()))?;
    // Where this machine keeps the sources is nobody's business.
    fs::write(&kept, list.replace(&*workspace.root.to_string_lossy(), "."))?;
    for written in lists(workspace) {
        fs::remove_file(&written).with_context(|| format!("cannot remove `{}`", written.display()))?;
    }
    println!("{}", kept.display());
    Ok(())
}

/// What was written.
fn lists(workspace: &Workspace) -> Vec<PathBuf> {
    let packages = workspace.metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let folders = packages.iter().filter_map(|package| Path::new(package["manifest_path"].as_str()?).parent());
    let files =
        folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten()).map(|entry| entry.path());
    files.filter(|file| file.to_string_lossy().ends_with(WRITTEN)).collect()
}
