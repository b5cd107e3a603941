//! The image: built and packed as Devo packs its own, or made of the release binary for the tests.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    step::{command, succeeds},
    workspace::Workspace,
};

/// What the image for the tests is called.
const FOR_TESTS: &str = "quittance:test";

/// Where the last stage of the Dockerfile begins, and what it takes from the stages before.
const LAST_STAGE: &str = "\nFROM scratch\n";
const FROM_BUILD: &str = "--from=build ";

/// Builds the image and packs it. `arguments` are given to `docker build`.
pub(crate) fn image(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    ensure!(daemon_answers(), "no docker daemon answers: `docker info` says why");
    let version = version(workspace)?;
    let name = format!("quittance:{version}");
    let mut build = docker(&["build", "--tag", &name, "--build-arg"]);
    build.arg(format!("VERSION={version}")).arg("--build-arg").arg(format!("REVISION={}", revision(workspace)));
    command(build.args(arguments).arg(&workspace.root))?;
    let bytes = docker(&["image", "inspect", "--format", "{{.Size}}", &name]).output()?.stdout;
    let bytes: f64 = String::from_utf8_lossy(&bytes).trim().parse().context("docker does not say how large it is")?;
    let archive = folder(workspace)?.join(format!("quittance-{version}.tgz"));
    pack(&name, &archive)?;
    println!("{name}: {:.1} MB, packed in {}", bytes / 1e6, archive.display());
    Ok(())
}

/// Makes an image of the release binary, by the last stage of the Dockerfile alone: without a base and without a compiler.
/// Answers with its name.
pub(crate) fn for_tests(workspace: &Workspace) -> Result<&'static str> {
    let context = folder(workspace)?.join("prebuilt");
    _ = fs::remove_dir_all(&context);
    fs::create_dir_all(&context)?;
    let stripped = context.join("quittance");
    command(Command::new("strip").arg("-o").arg(&stripped).arg(workspace.binary()))?;
    let mut root = Command::new("sh");
    root.arg("deploy/image/root.sh").arg(&stripped).arg(context.join("image")).current_dir(&workspace.root);
    command(&mut root)?;
    fs::remove_file(stripped)?;
    let dockerfile = fs::read_to_string(workspace.root.join("Dockerfile")).context("the Dockerfile")?;
    let (_, last) = dockerfile.split_once(LAST_STAGE).context("the Dockerfile has no last stage from scratch")?;
    ensure!(last.contains(FROM_BUILD), "the last stage of the Dockerfile takes nothing `{FROM_BUILD}`");
    let last = last.replace(FROM_BUILD, "").replace(" /image/", " image/");
    fs::write(context.join("Dockerfile"), format!("{}{last}", LAST_STAGE.trim_start()))?;
    command(docker(&["build", "--quiet", "--tag", FOR_TESTS]).arg(&context).stdout(Stdio::null()))?;
    Ok(FOR_TESTS)
}

/// Whether images can be built and run here.
pub(crate) fn daemon_answers() -> bool {
    succeeds(&mut docker(&["info", "--format", "{{.ServerVersion}}"]))
}

/// An archive for `docker load`, without the time at which it was packed.
fn pack(name: &str, archive: &Path) -> Result<()> {
    let mut save = docker(&["save", name]).stdout(Stdio::piped()).spawn().context("cannot start docker")?;
    let saved = save.stdout.take().context("docker has no output")?;
    let file = fs::File::create(archive).with_context(|| format!("cannot write `{}`", archive.display()))?;
    command(Command::new("gzip").args(["--no-name", "--best"]).stdin(saved).stdout(file))?;
    ensure!(save.wait()?.success(), "`docker save` failed");
    Ok(())
}

fn docker(arguments: &[&str]) -> Command {
    let mut docker = Command::new("docker");
    docker.args(arguments);
    docker
}

/// Where images and what they are made of are put.
fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("image");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    Ok(folder)
}

pub(crate) fn version(workspace: &Workspace) -> Result<String> {
    let packages = workspace.metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let command = packages.iter().find(|package| package["name"] == "quittance-cli");
    match command.and_then(|package| package["version"].as_str()) {
        Some(version) => Ok(version.to_owned()),
        None => bail!("cargo metadata does not say which version this is"),
    }
}

/// The commit, if this is a repository.
fn revision(workspace: &Workspace) -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(&workspace.root).output();
    let commit = output.ok().filter(|output| output.status.success());
    commit.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
