//! Stops what runs when the system says so.

use anyhow::{Context, Result};
use quittance_collector::CollectorError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// SIGTERM and SIGINT, heard from the moment this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens.
    pub(crate) fn listen() -> Result<Signals> {
        let listen = |kind| signal(kind).context("signals");
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Runs it until it ends: in order at the first signal, which cancels `stop` and is told as `stopping`, and at once at the
    /// second, told as `ended`. Whether it ended in order.
    pub(crate) async fn run(
        mut self,
        running: impl Future<Output = Result<(), CollectorError>>,
        stop: &CancellationToken,
        stopping: &str,
        ended: &str,
    ) -> Result<bool> {
        tokio::pin!(running);
        tokio::select! {
            over = &mut running => over?,
            name = self.next() => {
                info!(signal = name, "{stopping}");
                stop.cancel();
                tokio::select! {
                    over = &mut running => over?,
                    name = self.next() => {
                        info!(signal = name, "{ended}");
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
