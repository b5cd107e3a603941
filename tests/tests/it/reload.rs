//! A configuration that changes while the binary runs: by a signal, and by files alone.

use std::{fs, path::Path};

use anyhow::Result;
use quittance_testbed::certificates::Validity;
use quittance_tests::{Scene, Suite, tests};

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; a_signal_has_it_read_again, files_that_change_are_noticed);
}

async fn a_signal_has_it_read_again() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.globals = "reload_interval: 0".to_owned();
    scene.write(5, 20)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let open = open_files(collector.id())?;

    let good = fs::read_to_string(scene.configure()?)?;
    fs::write(scene.configure()?, good.replace("regions:", "regoins:"))?;
    collector.hang_up()?;
    collector.says("the changed configuration is refused, and the one before goes on").await;
    scene.write(5, 20)?;
    scene.drained(&mut collector).await;

    for round in 1..=20 {
        scene.configuration.output = format!("compression: {}", round % 2 == 1);
        scene.configure()?;
        scene.write(1, 20)?;
        collector.hang_up()?;
        collector.says_times("configuration reloaded", round).await;
    }
    scene.drained(&mut collector).await;
    assert_eq!(collector.logged("puller started"), 1, "{}", collector.log());
    assert!(open_files(collector.id())? <= open + 8, "{} files were open, now {}", open, open_files(collector.id())?);
    collector.stop().await?;
    scene.verdict().assert_exact();
    Ok(())
}

async fn files_that_change_are_noticed() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let secret = scene.place.folder().join("secret.txt");
    fs::write(&secret, "test")?;
    scene.configuration.globals = "reload_interval: 200ms".to_owned();
    let yaml = format!("credentials:\n  access_key: AKIATESTTESTTESTTEST\n  access_secret: file:{}", secret.display());
    scene.write(5, 20)?;
    let path = scene.configure()?;
    let own = "    credentials:\n      access_key: AKIATESTTESTTESTTEST\n      access_secret: test\n";
    let from_file: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    fs::write(&path, fs::read_to_string(&path)?.replace(own, &from_file))?;
    let mut collector = quittance_tests::Collector::start(&path)?;
    scene.drained(&mut collector).await;

    let renewed = scene.place.pki.authority.client("renewed", Validity::LONG)?;
    renewed.write_to(&scene.place.folder().join("certs"), "domain")?;
    collector.says("another sender takes the output's place").await;
    scene.write(5, 20)?;
    scene.drained(&mut collector).await;
    assert_eq!(collector.logged("puller started"), 1);

    fs::write(&secret, "another-secret-of-the-test")?;
    collector.says_times("puller started", 2).await;
    scene.write(5, 20)?;
    scene.drained(&mut collector).await;
    assert_eq!((collector.logged("SIGHUP"), collector.logged("another-secret-of-the-test")), (0, 0));
    collector.stop().await?;
    scene.verdict().assert_exact();
    Ok(())
}

fn open_files(process: u32) -> Result<usize> {
    Ok(fs::read_dir(Path::new("/proc").join(process.to_string()).join("fd"))?.count())
}
