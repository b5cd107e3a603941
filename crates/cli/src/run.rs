//! `quittance run`.

use std::{process::ExitCode, sync::Arc};

use anyhow::Result;
use quittance_collector::{Collector, Config, Documents, Messages, Parts, open_store};
use quittance_core::{Store, World};
use quittance_devo::{Handshakes, TcpDial};
use quittance_monitor::{Monitor, Problems};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::{
    logging::Verbosity,
    reload::Reloading,
    signals::Signals,
    statistics,
    watch::{Handles, Listeners},
};

/// Runs a collector until SIGTERM or SIGINT; a second one ends it at once. SIGHUP has the configuration read again.
pub(crate) async fn run(
    documents: Documents,
    messages: Messages,
    problems: Problems,
    verbosity: &Verbosity,
) -> Result<ExitCode> {
    let config = Config::load(documents)?;
    if config.globals.debug {
        verbosity.debug(true);
    }
    debug!(inputs = config.inputs.len(), outputs = config.outputs.len(), "configuration read");
    let parts = Parts { messages: Some(messages), ..parts(&config)? };
    // Before anything runs: a port that is taken is a mistake of the configuration.
    let listeners = Listeners::open(&config).await?;
    let clock = parts.world.clock.clone();
    let stop = CancellationToken::new();
    let collector = Collector::build(config, parts, stop.clone()).await?;
    let (ledger, health) = (collector.ledger(), collector.health());
    let signals = Signals::listen()?;
    let handles = Handles::of(&collector);
    let monitor = Monitor::new(handles.subject(collector.sights()), problems, clock.clone());
    let reloading = Reloading::new(collector.reloader(), verbosity, handles, monitor.clone())?;
    let running = async {
        tokio::select! {
            ended = collector.run() => ended,
            never = listeners.serve(monitor) => match never {},
            never = reloading.listen() => match never {},
            never = statistics::log(&ledger, &*clock) => match never {},
        }
    };
    let stopping = "stopping: nothing more is pulled, what is under way is settled";
    if !signals.run(running, &stop, stopping, "ended at once; what is not settled comes again").await? {
        return Ok(ExitCode::from(1));
    }
    for (filter, dropped) in ledger.dropped() {
        info!(%filter, events = dropped.events, bytes = dropped.bytes, "dropped by a filter");
    }
    for output in health.outputs() {
        if let Some(counts) = output.effort().map(|effort| effort.counts()) {
            let (offered, confirmed, lost) = (counts.pulled, counts.delivered(), counts.returned);
            info!(output = output.name(), offered, confirmed, lost, "optional output");
        }
    }
    let total = ledger.total();
    info!(
        pulled = total.pulled,
        filtered = total.filtered,
        quarantined = total.quarantined,
        delivered = total.delivered(),
        returned = total.returned,
        "ledger"
    );
    Ok(ExitCode::SUCCESS)
}

/// The real clock, the real network.
pub(crate) fn parts(config: &Config) -> Result<Parts> {
    Ok(parts_of(open_store(config)?))
}

/// The same with a state that is open already.
pub(crate) fn parts_of(store: Arc<dyn Store>) -> Parts {
    Parts {
        world: World::system(),
        http: None,
        dial: Arc::new(TcpDial::default()),
        handshakes: Handshakes::default(),
        store,
        messages: None,
    }
}
