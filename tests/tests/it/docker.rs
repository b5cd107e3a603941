//! The image: as Devo documents how its own is run, and as docker-compose.yml runs it.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use quittance_tests::{Scene, Suite, container::Container, tools, until};

/// As long as a scene may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// From the start of a container to its first question to AWS: generous, since other tests keep the machine busy.
const FIRST_RECEIVE: Duration = Duration::from_secs(5);

/// The user of the image.
const COLLECTOR: u32 = 10_001;

pub(crate) fn add(suite: &mut Suite) {
    let module = module_path!();
    let image = tools::image;
    suite.test_with(image(), module, "devos_line_with_folders_and_a_key_of_root", devos_line_with_a_key_of_root);
    suite.test_with(
        image(),
        module,
        "devos_line_with_folders_of_root_runs_as_nobody_in_particular",
        devos_line_without,
    );
    suite.test_with(image(), module, "nothing_is_needed_of_root_by_a_user_who_owns_the_folders", without_root);
    suite.test_with(image(), module, "a_stop_in_the_midst_loses_nothing", stop_in_the_midst);
    suite.test_with(tools::composes(), module, "both_composes_run_the_demo_to_its_ledger", demo);
    suite.test_with(tools::composes(), module, "both_composes_run_the_collector_beside_its_folders", compose);
}

/// Devo's line, with our image, and where the scene can be reached: its servers listen to this machine alone.
fn devos_line(name: &str, image: &str) -> String {
    format!(
        "docker run --name {name} \
         --volume $PWD/certs:/devo-collector/certs \
         --volume $PWD/config:/devo-collector/config \
         --volume $PWD/state:/devo-collector/state \
         --env CONFIG_FILE=config.yaml \
         --network host \
         --rm --interactive --tty {image}"
    )
}

/// Folders with `mode` for the key, which all belong to `owner`.
fn folders(scene: &Scene, owner: u32, mode: u32) -> Result<()> {
    scene.configure()?;
    let place = scene.place.folder();
    fs::create_dir_all(place.join("state"))?;
    for folder in ["certs", "config", "state"].map(|folder| place.join(folder)) {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        for file in fs::read_dir(&folder)?.flatten() {
            chown(file.path(), Some(owner), Some(owner))?;
        }
        chown(&folder, Some(owner), Some(owner))?;
    }
    let key = place.join("certs/domain.key");
    fs::set_permissions(key, fs::Permissions::from_mode(mode))?;
    fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

async fn drained(scene: &Scene) {
    until("everything has arrived", PATIENCE, || scene.cloud.queue().sent > 0 && scene.cloud.is_drained()).await;
}

/// No identity but this one, no capability, and no way to either.
fn assert_powerless(container: &Container, user: u32) -> Result<()> {
    assert_eq!(container.status("Uid")?, format!("{user} {user} {user} {user}"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(container.status(set)?, "0000000000000000", "{set}");
    }
    assert_eq!(container.status("NoNewPrivs")?, "1");
    Ok(())
}

async fn devos_line_with_a_key_of_root(image: String) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(3, 50)?;
    folders(&scene, 0, 0o600)?;
    let name = Container::new_name();
    let container = Container::run(&name, scene.place.folder(), &devos_line(&name, &image)).await?;
    drained(&scene).await;
    assert_powerless(&container, 0)?;
    container.turns_healthy().await;
    let said = container.stop()?;
    assert!(said.contains("domain.key` may be read by its owner alone"), "{said}");
    assert!(said.contains("delivered=150"), "{said}");
    scene.verdict().assert_exact();
    Ok(())
}

async fn devos_line_without(image: String) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(3, 50)?;
    folders(&scene, 0, 0o644)?;
    let name = Container::new_name();
    let container = Container::run(&name, scene.place.folder(), &devos_line(&name, &image)).await?;
    drained(&scene).await;
    assert_powerless(&container, COLLECTOR)?;
    assert_eq!(fs::metadata(scene.place.folder().join("state"))?.uid(), COLLECTOR);
    assert_eq!(fs::metadata(scene.place.folder().join("certs"))?.uid(), 0, "what is only read is left as it is");
    container.stop()?;
    scene.verdict().assert_exact();
    Ok(())
}

async fn without_root(image: String) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(3, 50)?;
    folders(&scene, COLLECTOR, 0o600)?;
    let name = Container::new_name();
    let stricter = "docker run --user 10001:10001 --read-only --cap-drop ALL --security-opt no-new-privileges";
    let line = devos_line(&name, &image).replacen("docker run", stricter, 1);
    let container = Container::run(&name, scene.place.folder(), &line).await?;
    drained(&scene).await;
    assert_powerless(&container, COLLECTOR)?;
    container.turns_healthy().await;
    let said = container.stop()?;
    assert!(!said.contains("runs as user"), "{said}");
    scene.verdict().assert_exact();
    Ok(())
}

async fn stop_in_the_midst(image: String) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(60, 400)?;
    // So nothing is confirmed yet when the stop comes.
    scene.configuration.interval = "10s";
    folders(&scene, 0, 0o600)?;
    let name = Container::new_name();
    let container = Container::run(&name, scene.place.folder(), &devos_line(&name, &image)).await?;
    until("the first message is received", PATIENCE, || scene.cloud.calls("ReceiveMessage") > 0).await;
    let first = Timestamp::now().duration_since(container.started()?);
    println!("first receive {first:?} after the start of the container");
    assert!(first.unsigned_abs() < FIRST_RECEIVE, "{first:?}");
    until("something arrives", PATIENCE, || scene.receiver.totals().events > 0).await;
    assert_eq!(scene.cloud.queue().deleted, 0);
    let said = container.stop()?;
    assert!(said.contains("collector stopped") && said.contains("ledger"), "{said}");
    let name = Container::new_name();
    let next = Container::run(&name, scene.place.folder(), &devos_line(&name, &image)).await?;
    drained(&scene).await;
    next.stop()?;
    // A stop in order has no need to give anything twice.
    scene.verdict().assert_exact();
    Ok(())
}

/// A compose file of the workspace in `folder`, with these words.
fn composed(compose: &[&str], project: &str, file: &str, folder: &Path, words: &[&str]) -> Result<(bool, String)> {
    let image = tools::image().map_err(|missing| anyhow::anyhow!(missing.0))?;
    let version = image.rsplit_once(':').context("an image with a version")?.1;
    fs::copy(tools::of_workspace(file), folder.join(file))?;
    let done = Command::new(compose[0])
        .args(&compose[1..])
        .args(["--project-name", project, "--file", file])
        .args(words)
        .current_dir(folder)
        .env("IMAGE_VERSION", version)
        .env("DEMO_EVENTS", "5000")
        .output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Ok((done.status.success(), said))
}

async fn demo(composes: Vec<&'static [&'static str]>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for compose in composes {
        let project = Container::new_name();
        let run = |words: &[&str]| composed(compose, &project, "docker-compose.demo.yml", folder.path(), words);
        // In the foreground it ends by itself.
        let (well, said) = run(&["up", "--no-build", "--no-color"])?;
        run(&["down", "--volumes", "--timeout", "1"])?;
        assert!(well && said.contains("5000 distinct, 0 missing"), "{compose:?}: {said}");
        assert!(said.contains("pulled=5000") && said.contains("delivered=5000"), "{compose:?}: {said}");
    }
    Ok(())
}

async fn compose(composes: Vec<&'static [&'static str]>) -> Result<()> {
    for compose in composes {
        let scene = Scene::usual().await?;
        folders(&scene, 0, 0o600)?;
        let project = Container::new_name();
        let run = |words: &[&str]| composed(compose, &project, "docker-compose.yml", scene.place.folder(), words);
        // The scene listens to this machine alone, so only that the collector is well is seen here, and how it is bounded.
        let (well, said) = run(&["up", "--no-build", "--detach"])?;
        assert!(well, "{compose:?}: {said}");
        let (_, id) = run(&["ps", "--quiet"])?;
        let container = id.lines().last().unwrap_or_default().to_owned();
        let inspect = |template: &str| -> Result<String> {
            let said = Command::new("docker").args(["inspect", "--format", template, &container]).output()?;
            Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
        };
        until("the health check says healthy", PATIENCE, || {
            inspect("{{.State.Health.Status}}").is_ok_and(|status| status == "healthy")
        })
        .await;
        let bounds = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.ReadonlyRootfs}} \
                      {{.HostConfig.RestartPolicy.Name}}";
        assert_eq!(inspect(bounds)?, "1073741824 2000000000 256 true unless-stopped");
        let (well, said) = run(&["down"])?;
        assert!(well, "{compose:?}: {said}");
    }
    Ok(())
}
