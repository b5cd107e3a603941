//! What makes a running collector read its configuration again: SIGHUP, or a file that has changed.

use std::convert::Infallible;

use anyhow::{Context, Result};
use quittance_collector::Reloader;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::logging::Verbosity;

/// Listens from its making on, so that no signal ends the process.
pub(crate) struct Reloading<'a> {
    hangups: Signal,
    reloader: Reloader,
    verbosity: &'a Verbosity,
}

impl Reloading<'_> {
    pub(crate) fn new(reloader: Reloader, verbosity: &Verbosity) -> Result<Reloading<'_>> {
        let hangups = signal(SignalKind::hangup()).context("signals")?;
        Ok(Reloading { hangups, reloader, verbosity })
    }

    /// Listens until it is dropped.
    pub(crate) async fn listen(self) -> Infallible {
        let Reloading { mut hangups, reloader, verbosity } = self;
        let mut debug = reloader.debug();
        let watching = reloader.watch();
        tokio::pin!(watching);
        loop {
            tokio::select! {
                Some(()) = hangups.recv() => {
                    info!(signal = "SIGHUP", "reading the configuration again");
                    reloader.ask();
                }
                Ok(()) = debug.changed() => verbosity.debug(*debug.borrow_and_update()),
                never = &mut watching => match never {},
            }
        }
    }
}
