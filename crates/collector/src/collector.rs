//! A collector, put together and run.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::join_all;
use quittance_core::{
    Budget, Clock, Dial, Health, Inlet, Interval, Ledger, Output as CoreOutput, Readiness, Sender, Store, Supervisor,
    Tag, Unit, Watchdog, World, optional_output, output,
};
use quittance_devo::{
    Confirm, Destination, Handshakes, Identity, Pool, PoolKind, PoolName, ProxyDial, Wire, client_config,
};
use quittance_state::{Asides, Contents, Sqlite};
use secrecy::ExposeSecret;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    CollectorError, Config, Files, KeyPath, Messages, Problem, age,
    config::{DevoPlatform, Globals, Input, Output, PersistenceConfig},
    console::Console,
    destinations, internal,
    planning::{Organization, Plan, PlannedUnit, plan},
    resets,
};

/// Bytes of events on their way, if the user says nothing.
const OUTLET_BYTES: usize = 32 << 20;

/// Connections are not ended more often than this for `queue_max_elapsed_time_in_sec`.
const LEAST_INTERVAL: Interval = Interval(Duration::from_secs(1));

/// Bytes of events that may wait for an optional output.
const OPTIONAL_BYTES: usize = 16 << 20;

/// Outputs that a debt can tell apart.
const MAX_OUTPUTS: usize = 64;

/// How long senders may take to settle after the last puller has ended.
const SETTLE: Duration = Duration::from_secs(10);

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
    id: String,
    name: String,
    pub(crate) supervisor: Supervisor,
    pub(crate) units: Vec<Unit>,
    pub(crate) organizations: Vec<Organization>,
    quarantine_max_age: Option<Duration>,
    unhealthy_after: Duration,
    pub(crate) sending: Sending,
}

/// The senders, and what runs as long as they do.
pub(crate) struct Sending {
    senders: Vec<(Box<dyn Sender>, Inlet)>,
    beside: Beside,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
}

/// What the pools beside the standard ones need.
struct Beside {
    messages: Option<Messages>,
    tag: Option<Tag>,
    pools: Vec<CoreOutput>,
    /// Lookups have no producer, only statistics; their pools live as long as these ends.
    lookups: Vec<CoreOutput>,
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
        parts: Parts,
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
        let files = config.files();
        let mut outputs = Vec::new();
        let mut senders: Vec<(Box<dyn Sender>, Inlet)> = Vec::new();
        let mut beside = Beside { messages: None, tag: None, pools: Vec::new(), lookups: Vec::new() };
        for (name, settings) in &config.outputs {
            let two_ends = || match settings.is_optional() {
                true => optional_output(name, OPTIONAL_BYTES),
                false => output(name),
            };
            let (end, inlet) = two_ends();
            outputs.push(end);
            let sender: Box<dyn Sender> = match settings {
                Output::DevoPlatform(settings) => {
                    let standard = pool(name, settings, &config.globals, &files, &parts)?;
                    for (kind, ends) in
                        [(PoolKind::Lookup, &mut beside.lookups), (PoolKind::Internal, &mut beside.pools)]
                    {
                        let (end, inlet) = two_ends();
                        ends.push(end);
                        senders.push((Box::new(standard.sibling(kind)), inlet));
                    }
                    Box::new(standard)
                }
                Output::Relay(settings) => Box::new(destinations::relay(name, settings, &config.globals, &parts)),
                Output::Syslog(settings) => {
                    Box::new(destinations::syslog(name, settings, &config.globals, &files, &parts)?)
                }
                Output::Console(_) => Box::new(Console),
            };
            senders.push((sender, inlet));
        }
        let mut problems = Vec::new();
        if outputs.len() > MAX_OUTPUTS {
            let path = KeyPath::of(&["outputs"]);
            let message = format!("{} outputs: expected {MAX_OUTPUTS} at most", outputs.len());
            problems.push(Problem::error(config.position(&path), &path, message));
        }
        let Parts { world, http, store, messages, .. } = parts;
        beside.messages = messages;
        if let Some(tag) = &config.globals.internal_tag {
            match Tag::new(tag) {
                Ok(tag) => beside.tag = Some(tag),
                Err(error) => {
                    let path = KeyPath::of(&["globals", "internal_tag"]);
                    problems.push(Problem::error(config.position(&path), &path, error.to_string()));
                }
            }
        }
        let Plan { units, organizations } = plan(&config, http.as_ref(), &world, &mut problems).await;
        let problems = config.problems(problems);
        if problems.errors() > 0 {
            return Err(CollectorError::Config(problems));
        }
        for warning in &problems.all {
            warn!("{}:{warning}", problems.file(warning).display());
        }
        if resets {
            resets::apply(&units, &*store).await?;
        }
        for PlannedUnit { unit, service, .. } in &units {
            debug!(unit = %unit.id, service, tag = unit.tag, "planned");
        }
        let units = units.into_iter().map(|planned| planned.unit).collect();
        let supervisor = Supervisor {
            watch: config.globals.watch(),
            outputs: outputs.into(),
            budget: outlet_budget(&config.globals),
            ledger: Arc::default(),
            health: Arc::default(),
            store,
            world,
            stop,
        };
        let (stop, clock) = (supervisor.stop.clone(), supervisor.world.clock.clone());
        let sending = Sending { senders, beside, stop, clock };
        // A unit that waits for its turn gets on, however slowly its user wants it to.
        let bounds = config.inputs.values().flat_map(Input::call_limits);
        let unhealthy_after = bounds
            .map(|bound| bound.spacing().saturating_mul(CALLS_OF_A_STANDSTILL))
            .fold(config.globals.unhealthy_after(), Duration::max);
        let Globals { id, name, persistence, .. } = config.globals;
        let quarantine_max_age = persistence.config.quarantine_max_age.map(|age| age.0);
        Ok(Collector { id, name, supervisor, units, organizations, quarantine_max_age, unhealthy_after, sending })
    }

    /// The accounts of all units.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.supervisor.ledger.clone()
    }

    /// How every unit gets on.
    pub fn health(&self) -> Arc<Health> {
        self.supervisor.health.clone()
    }

    /// Whether each output is known to confirm, and the account of those that are optional.
    pub fn readiness(&self) -> Vec<Readiness> {
        self.supervisor.outputs.iter().map(|output| output.readiness()).collect()
    }

    /// Runs until it is stopped and everything that can be settled is. Fails if a sender died: then nothing more can be
    /// delivered, and only another process helps.
    pub async fn run(self) -> Result<(), CollectorError> {
        let Collector { id, name, supervisor, units, organizations, quarantine_max_age, unhealthy_after, sending } =
            self;
        let watchdog = Watchdog {
            health: supervisor.health.clone(),
            ledger: supervisor.ledger.clone(),
            outputs: supervisor.outputs.clone(),
            clock: supervisor.world.clock.clone(),
            unhealthy_after,
        };
        info!(id, name, units = units.len(), "collector started");
        let (store, clock) = (supervisor.store.clone(), supervisor.world.clock.clone());
        let found_later = join_all(organizations.into_iter().map(|one| one.run(supervisor.clone())));
        let units_done = async move {
            tokio::join!(supervisor.run(units), found_later);
        };
        let work = async move {
            tokio::select! {
                () = units_done => {}
                () = age::watch(store, clock, quarantine_max_age) => {}
                never = watchdog.run() => match never {},
            }
        };
        Box::pin(sending.around(work)).await
    }
}

impl Sending {
    /// Runs the senders until `work`, which holds all outlets, is done and everything that can be settled is.
    pub(crate) async fn around(self, work: impl Future<Output = ()>) -> Result<(), CollectorError> {
        let Sending { senders, beside, stop, clock } = self;
        let Beside { messages, tag, pools, lookups } = beside;
        let (mut sending, mut optional) = (JoinSet::new(), JoinSet::new());
        for (sender, inlet) in senders {
            let set = if inlet.effort().is_some() { &mut optional } else { &mut sending };
            set.spawn(sender.run(inlet, stop.clone()));
        }
        tokio::pin!(work);
        let mut died = None;
        tokio::select! {
            biased;
            () = &mut work => {}
            () = internal::send(messages, tag, pools.into()) => {}
            Some(Err(panic)) = sending.join_next() => {
                error!(%panic, "a sender died: stopping");
                died = Some(CollectorError::SenderDied);
                stop.cancel();
                work.await;
            }
        }
        drop(lookups);
        // The pullers and their outlets are gone, so the inlets run dry and the senders end.
        let settled = async {
            while let Some(ended) = sending.join_next().await {
                if let Err(panic) = ended {
                    error!(%panic, "sender panicked");
                }
            }
        };
        let deadline = clock.now() + SETTLE;
        tokio::select! {
            biased;
            () = settled => {}
            () = clock.sleep_until(deadline) => error!("senders did not settle in time; what they held comes again"),
        }
        let settled = async {
            while let Some(ended) = optional.join_next().await {
                if let Err(panic) = ended {
                    error!(%panic, "the sender of an optional output panicked");
                }
            }
        };
        tokio::select! {
            biased;
            () = settled => {}
            () = clock.sleep_until(deadline) => warn!("optional outputs did not settle in time; what they held is lost to them"),
        }
        // What is cut off is counted before anybody asks.
        optional.shutdown().await;
        info!("collector stopped");
        died.map_or(Ok(()), Err)
    }
}

pub(crate) fn pool(
    name: &str,
    settings: &DevoPlatform,
    globals: &Globals,
    files: &Files,
    parts: &Parts,
) -> Result<Pool, CollectorError> {
    let output = || name.to_owned();
    let find = |what, file| destinations::find(name, files, what, file);
    let (chain, cert, key) =
        (find("chain", &settings.chain)?, find("certificate", &settings.cert)?, find("key", &settings.key)?);
    destinations::warn_of_mode(name, &key);
    let tls = client_config(&Identity { chain: &chain, cert: &cert, key: &key })
        .map_err(|source| CollectorError::Output { output: output(), source })?;
    let dial: Arc<dyn Dial> = match &settings.proxy {
        None => parts.dial.clone(),
        Some(proxy) => {
            let parsed = proxy.expose_secret().parse();
            let proxy = parsed.map_err(|source| CollectorError::Proxy { output: output(), source })?;
            Arc::new(ProxyDial { proxy, dial: parts.dial.clone() })
        }
    };
    Ok(Pool {
        name: PoolName { kind: PoolKind::Standard, output: output() },
        destination: Destination {
            address: settings.address.clone(),
            port: settings.port,
            host: globals.name.clone(),
            wire: Wire::Devo { newline: settings.newline, compression: settings.compression },
        },
        tls: Some(tls),
        confirm: confirm(&settings.confirm, globals),
        dial,
        handshakes: parts.handshakes.clone(),
        store: parts.store.clone(),
        world: parts.world.clone(),
    })
}

fn outlet_budget(globals: &Globals) -> Arc<Budget> {
    let devo = globals.queue_max_size_in_mb.map_or(usize::MAX, |mib| mib.saturating_mul(1 << 20));
    let bytes = globals.outlet_max_bytes.unwrap_or(OUTLET_BYTES.min(devo));
    match globals.queue_max_size_in_messages {
        Some(events) => Budget::of_events(bytes, events),
        None => Budget::new(bytes),
    }
}

/// When deliveries are confirmed; the user's bound of the time that events may be on their way makes it sooner.
pub(crate) fn confirm(confirm: &Confirm, globals: &Globals) -> Confirm {
    let mut confirm = confirm.clone();
    if let Some(longest) = globals.queue_max_elapsed_time_in_sec {
        confirm.interval = confirm.interval.min(longest.max(LEAST_INTERVAL));
    }
    confirm
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

    #[test]
    fn what_waits_is_confirmed_in_time() {
        let output = serde_json::json!({"address": "a", "chain": "a", "cert": "a", "key": "a"});
        let output: DevoPlatform = serde_json::from_value(output).unwrap();
        let interval = |seconds: f64| {
            confirm(&output.confirm, &globals(serde_json::json!({"queue_max_elapsed_time_in_sec": seconds})))
                .interval
                .0
                .as_secs()
        };
        assert_eq!((interval(60.0), interval(3.0), interval(0.001)), (5, 3, 1));
    }
}
