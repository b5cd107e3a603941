//! How long it takes from the start of the process to the first message received.

use std::time::Duration;

use anyhow::Result;
use quittance_tests::{Scene, Suite, until};
use tokio::time::Instant;

/// Generous: the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn add(suite: &mut Suite) {
    suite.test_alone(module_path!(), "cold_start", cold_start);
}

async fn cold_start() -> Result<()> {
    let mut scene = Scene::usual().await?;
    // A receive that finds a message is answered, and so counted, at once.
    scene.write(1, 1)?;
    let started = Instant::now();
    let mut collector = scene.start()?;
    until("the first message is received", LIMIT, || scene.cloud.calls("ReceiveMessage") > 0).await;
    println!("cold start: first ReceiveMessage answered after {:?}", started.elapsed());
    scene.drained(&mut collector).await;
    collector.stop().await
}
