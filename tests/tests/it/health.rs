//! The probes of a running collector, and `quittance health`, while its destination comes and goes.

use std::process::{Command, Output};

use anyhow::{Context, Result};
use quittance_tests::{Scene, Suite, tests, tools};
use serde_json::Value;

pub(crate) fn add(suite: &mut Suite) {
    tests!(
        suite;
        asked_while_the_destination_comes_and_goes,
        a_port_that_is_taken_is_an_error_at_the_start,
        asked_without_a_port_in_the_folder_of_a_collector,
    );
}

fn health(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(tools::binary()?).arg("health").args(arguments).env_clear().output()?)
}

async fn asked_while_the_destination_comes_and_goes() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.globals = "probes_address: 127.0.0.1:0".to_owned();
    scene.receiver.die().await?;
    scene.write(3, 20)?;
    let mut collector = scene.start()?;
    collector.says("probes are answered").await;
    let log = collector.log();
    let address = log.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let address = address.context("the address is said")?.trim_matches('"').to_owned();
    let outage = health(&["--address", &address, "--json"])?;
    let said: Value = serde_json::from_slice(&outage.stdout)?;
    assert!(outage.status.success(), "the process is well: {outage:?}");
    assert_eq!((&said["healthy"], &said["outputs"][0]["confirms"]), (&false.into(), &false.into()), "{said}");
    assert!(!health(&["--address", &address, "--strict"])?.status.success());
    scene.receiver.come_back().await?;
    scene.drained(&mut collector).await;
    let well = health(&["--address", &address, "--strict"])?;
    let text = String::from_utf8_lossy(&well.stdout).into_owned();
    assert!(well.status.success() && text.starts_with("healthy\n") && text.contains(": gets on ("), "{text}");
    collector.stop().await?;
    let gone = health(&["--address", &address])?;
    let error = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(!gone.status.success() && error.contains("nobody answers at"), "{error}");
    Ok(())
}

async fn a_port_that_is_taken_is_an_error_at_the_start() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    scene.configuration.globals = format!("probes_address: {}", taken.local_addr()?);
    let mut collector = scene.start()?;
    let status = collector.ended(std::time::Duration::from_secs(10)).await;
    assert!(!status.success());
    assert_eq!(collector.logged("globals.probes_address: cannot listen on 127.0.0.1:"), 1, "{}", collector.log());
    Ok(())
}

async fn asked_without_a_port_in_the_folder_of_a_collector() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(1, 1)?;
    let mut collector = scene.start_with(&[("PROBES_ADDRESS", "127.0.0.1:0")])?;
    collector.says("destination confirms").await;
    let here = || {
        Command::new(tools::binary()?)
            .arg("health")
            .env_clear()
            .current_dir(scene.place.folder())
            .output()
            .map_err(anyhow::Error::from)
    };
    let well = here()?;
    assert!(well.status.success() && well.stdout.starts_with(b"healthy"), "{well:?}");
    // The configuration may be spoilt meanwhile, as far as the health of what runs goes.
    std::fs::write(scene.place.folder().join("config/config.yaml"), "globals: [")?;
    assert!(here()?.status.success());
    collector.assert_running();
    scene.drained(&mut collector).await;
    collector.stop().await?;
    assert!(!here()?.status.success());
    assert!(!scene.place.folder().join("state/probes").exists(), "a collector takes its note away");
    Ok(())
}
