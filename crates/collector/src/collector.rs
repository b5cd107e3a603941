//! A collector, put together and run.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use quittance_aws::Limiters;
use quittance_core::{Budget, Dial, Health, Ledger, Output as End, Readiness, Store, Supervisor, Tag, World};
use quittance_devo::Handshakes;
use quittance_state::{Asides, Contents, Sqlite};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    CollectorError, Config, KeyPath, Messages, Problem,
    config::{Globals, Input, PersistenceConfig},
    fleet::Fleet,
    outputs::{Outputs, prepare},
    planning::{Plan, PlannedUnit, plan},
    reloader::Reloader,
    resets,
    running::Running,
    sending::Sending,
    sights::Sights,
};

/// Bytes of events on their way, if the user says nothing.
const OUTLET_BYTES: usize = 32 << 20;

/// Outputs that a debt can tell apart.
const MAX_OUTPUTS: usize = 64;

/// Calls that a bounded unit may take until it gets on: those of its setup, beside others that have a turn.
const CALLS_OF_A_STANDSTILL: u32 = 20;

/// What a collector works with: the parameters that tests and the demo replace.
pub struct Parts {
    /// Clock and randomness.
    pub world: World,
    /// The connector of all AWS clients; without one, each input's settings make its own.
    pub http: Option<SharedHttpClient>,
    /// How to reach destinations.
    pub dial: Arc<dyn Dial>,
    /// What all collectors of the process share.
    pub handshakes: Handshakes,
    /// What outlives the run.
    pub store: Arc<dyn Store>,
    /// The collector's own messages, for the user's internal table.
    pub messages: Option<Messages>,
}

/// The folder of the state that `config` names.
pub fn state_folder(config: &Config) -> PathBuf {
    config.files().state(&config.globals.persistence.config.directory_name)
}

/// Opens the state that `config` names.
pub fn open_store(config: &Config) -> Result<Arc<Sqlite>, CollectorError> {
    let PersistenceConfig { quarantine_max_bytes, .. } = config.globals.persistence.config;
    let settings = quittance_state::Settings { quarantine_max_bytes };
    Ok(Arc::new(Sqlite::open(&state_folder(config), settings).map_err(CollectorError::State)?))
}

/// What the state that `config` names holds, if there is one. Nothing is written; a collector that runs is an error.
pub fn look_into_state(config: &Config) -> Result<Option<Contents>, CollectorError> {
    quittance_state::look(&state_folder(config)).map_err(CollectorError::State)
}

/// What the quarantine of the state that `config` names holds. As [`look_into_state`].
pub fn look_into_quarantine(config: &Config) -> Result<Asides, CollectorError> {
    quittance_state::look_aside(&state_folder(config)).map_err(CollectorError::State)
}

/// A collector, ready to run.
pub struct Collector {
    pub(crate) running: Running,
    pub(crate) plan: Plan,
    pub(crate) sending: Sending,
}

impl Collector {
    /// Puts `config` together. Files are read; no connection is made. Units that are to begin anew forget how far they came.
    pub async fn build(config: Config, parts: Parts, stop: CancellationToken) -> Result<Collector, CollectorError> {
        Box::pin(Collector::put_together(config, parts, stop, true)).await
    }

    /// The same to give again what was set aside: nothing is forgotten.
    pub async fn build_to_replay(
        config: Config,
        parts: Parts,
        stop: CancellationToken,
    ) -> Result<Collector, CollectorError> {
        Box::pin(Collector::put_together(config, parts, stop, false)).await
    }

    async fn put_together(
        config: Config,
        mut parts: Parts,
        stop: CancellationToken,
        resets: bool,
    ) -> Result<Collector, CollectorError> {
        for warning in &config.warnings {
            warn!("{}:{warning}", config.documents.file(warning.at.document).display());
        }
        let without_effect = config.without_effect();
        if !without_effect.is_empty() {
            info!(keys = without_effect.join(", "), "keys of Devo's collector that change nothing here");
        }
        let reloader = Reloader::new(&config, parts.world.clock.clone());
        let prepared = prepare(&config, &parts)?;
        let mut problems: Vec<_> = bound_outputs(&config).into_iter().collect();
        let tag = config.globals.internal_tag.as_ref().and_then(|tag| match Tag::new(tag) {
            Ok(tag) => Some(tag),
            Err(error) => {
                let path = KeyPath::of(&["globals", "internal_tag"]);
                problems.push(Problem::error(config.position(&path), &path, error.to_string()));
                None
            }
        });
        let limiters = Limiters::default();
        let plan = plan(&config, parts.http.as_ref(), &parts.world, &limiters, &mut problems).await;
        let problems = config.problems(problems);
        if problems.errors() > 0 {
            return Err(CollectorError::Config(problems));
        }
        for warning in &problems.all {
            warn!("{}:{warning}", problems.file(warning).display());
        }
        if resets {
            resets::apply(&plan.units, &*parts.store).await?;
        }
        for PlannedUnit { unit, service, .. } in &plan.units {
            debug!(unit = %unit.id, service, tag = unit.tag, "planned");
        }
        let (mut outputs, starts) = Outputs::new(stop.clone());
        outputs.apply(prepared);
        let supervisor = Supervisor {
            watch: config.globals.watch(),
            outputs: outputs.ends(),
            budget: outlet_budget(&config.globals),
            ledger: Arc::default(),
            health: Arc::default(),
            store: parts.store.clone(),
            world: parts.world.clone(),
            stop: stop.clone(),
        };
        supervisor.health.set_outputs(supervisor.outputs.iter().map(End::readiness).collect());
        let (messages, internal, clock) = (parts.messages.take(), outputs.internal(), parts.world.clock.clone());
        let sending = Sending { starts, messages, tag, internal, stop, clock };
        let (fleet, finding) = (Fleet::default(), JoinSet::new());
        let running = Running { config, parts, supervisor, outputs, limiters, reloader, fleet, finding };
        running.reloader.show(running.sights());
        Ok(Collector { running, plan, sending })
    }

    /// The accounts of all units.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.running.supervisor.ledger.clone()
    }

    /// How every unit and output gets on, and what became of reloads. It stays valid over them.
    pub fn health(&self) -> Arc<Health> {
        self.running.supervisor.health.clone()
    }

    /// Whether each output is known to confirm. After a reload there may be others: [`Health::outputs`] knows them.
    pub fn readiness(&self) -> Vec<Readiness> {
        self.running.supervisor.health.outputs()
    }

    /// What else is seen of it by who watches; [`Reloader::sights`] has it after a reload.
    pub fn sights(&self) -> Sights {
        self.running.sights()
    }

    /// What outlives the run.
    pub fn store(&self) -> Arc<dyn Store> {
        self.running.supervisor.store.clone()
    }

    /// How to have the configuration read again while it runs.
    pub fn reloader(&self) -> Reloader {
        self.running.reloader.clone()
    }

    /// Runs until it is stopped and everything that can be settled is. Fails if a sender died: then nothing more can be
    /// delivered, and only another process helps.
    pub async fn run(self) -> Result<(), CollectorError> {
        let Collector { running, plan, sending } = self;
        let Globals { id, name, .. } = &running.config.globals;
        info!(id, name, units = plan.units.len(), "collector started");
        Box::pin(sending.around(running.run(plan))).await
    }
}

/// What is wrong with the number of outputs.
pub(crate) fn bound_outputs(config: &Config) -> Option<Problem> {
    let outputs = config.outputs.len();
    let path = KeyPath::of(&["outputs"]);
    let message = format!("{outputs} outputs: expected {MAX_OUTPUTS} at most");
    (outputs > MAX_OUTPUTS).then(|| Problem::error(config.position(&path), &path, message))
}

/// How long a unit may stand still. One that waits for its turn gets on, however slowly its user wants it to.
pub(crate) fn unhealthy_after(config: &Config) -> Duration {
    let bounds = config.inputs.values().flat_map(Input::call_limits);
    bounds
        .map(|bound| bound.spacing().saturating_mul(CALLS_OF_A_STANDSTILL))
        .fold(config.globals.unhealthy_after(), Duration::max)
}

fn outlet_budget(globals: &Globals) -> Arc<Budget> {
    let devo = globals.queue_max_size_in_mb.map_or(usize::MAX, |mib| mib.saturating_mul(1 << 20));
    let bytes = globals.outlet_max_bytes.unwrap_or(OUTLET_BYTES.min(devo));
    match globals.queue_max_size_in_messages {
        Some(events) => Budget::of_events(bytes, events),
        None => Budget::new(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(keys: serde_json::Value) -> Globals {
        let mut all = serde_json::json!({"id": "1", "name": "a"});
        all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn what_is_on_its_way_is_bounded_in_bytes_and_events() {
        let weight = |keys, bytes, events| outlet_budget(&globals(keys)).weight(bytes, events);
        assert_eq!(weight(serde_json::json!({}), 5, 1000), 5);
        // A thousandth of all the room there is.
        assert_eq!(weight(serde_json::json!({"queue_max_size_in_messages": 1000}), 5, 1), (32 << 20) / 1000);
        let both = serde_json::json!({"queue_max_size_in_messages": 1000, "queue_max_size_in_mb": 1});
        assert_eq!(weight(both, 5, 10), 10 * ((1 << 20) / 1000));
        assert_eq!(weight(serde_json::json!({"queue_max_size_in_messages": 1000}), 1 << 20, 1), 1 << 20);
    }
}
