//! What makes a running collector read its configuration again: SIGHUP, or a file that has changed.

use std::{convert::Infallible, sync::Arc};

use anyhow::{Context, Result};
use quittance_collector::Reloader;
use quittance_monitor::Monitor;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::{logging::Verbosity, watch::Handles};

/// Listens from its making on, so that no signal ends the process.
pub(crate) struct Reloading<'a> {
    hangups: Signal,
    reloader: Reloader,
    verbosity: &'a Verbosity,
    handles: Handles,
    monitor: Arc<Monitor>,
}

impl Reloading<'_> {
    pub(crate) fn new(
        reloader: Reloader,
        verbosity: &Verbosity,
        handles: Handles,
        monitor: Arc<Monitor>,
    ) -> Result<Reloading<'_>> {
        let hangups = signal(SignalKind::hangup()).context("signals")?;
        Ok(Reloading { hangups, reloader, verbosity, handles, monitor })
    }

    /// Listens until it is dropped.
    pub(crate) async fn listen(self) -> Infallible {
        let Reloading { mut hangups, reloader, verbosity, handles, monitor } = self;
        let mut sights = reloader.sights();
        sights.mark_unchanged();
        let watching = reloader.watch();
        tokio::pin!(watching);
        loop {
            tokio::select! {
                Some(()) = hangups.recv() => {
                    info!(signal = "SIGHUP", "reading the configuration again");
                    reloader.ask();
                }
                Ok(()) = sights.changed() => {
                    let Some(sights) = sights.borrow_and_update().clone() else { continue };
                    verbosity.debug(sights.debug);
                    monitor.watch(handles.subject(sights));
                    if let Some(last) = handles.health.reloaded() {
                        monitor.reloaded(last.refused.map_or(Ok(()), Err));
                    }
                }
                never = &mut watching => match never {},
            }
        }
    }
}
