//! The whole collector, through its real configuration.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use quittance_collector::{Collector, Config};
use tokio_util::sync::CancellationToken;

use super::{Cost, cpu_time};
use crate::{demo::now, run};

/// How long nothing may be delivered.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the collector of the configuration at `config` until so many events are delivered.
pub(super) async fn run(config: &Path, events: u64) -> Result<Cost> {
    let config = Config::load(config)?;
    let parts = run::parts(&config)?;
    let stop = CancellationToken::new();
    let collector = Collector::build(config, parts, stop.clone()).await?;
    let ledger = collector.ledger();
    let (started, cpu) = (now(), cpu_time());
    let collecting = tokio::spawn(collector.run());
    let (mut last, mut moved) = (0, now());
    let cost = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let delivered = ledger.total().delivered();
        if delivered >= events {
            break Cost { wall: started.elapsed(), cpu: cpu_time() - cpu };
        }
        if delivered != last {
            (last, moved) = (delivered, now());
        } else if moved.elapsed() > PATIENCE {
            bail!("only {delivered} of {events} events were delivered");
        }
    };
    stop.cancel();
    collecting.await.context("the collector failed")??;
    Ok(cost)
}
