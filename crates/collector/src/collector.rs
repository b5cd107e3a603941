//! A collector, put together and run.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::join_all;
use quittance_core::{
    Budget, Dial, Inlet, Ledger, Output as CoreOutput, Readiness, Sender, Store, Supervisor, Tag, Unit, World, output,
};
use quittance_devo::{Destination, Handshakes, Identity, Pool, PoolKind, PoolName, ProxyDial, Wire, client_config};
use quittance_state::{Contents, Sqlite};
use secrecy::ExposeSecret;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    CollectorError, Config, Files, KeyPath, Messages, Problem, Problems,
    config::{DevoPlatform, Globals, Output, PersistenceConfig},
    console::Console,
    internal,
    planning::{Organization, Plan, plan},
    resets,
};

/// Bytes of events on their way, if the user says nothing.
const OUTLET_BYTES: usize = 32 << 20;

/// Outputs that a debt can tell apart.
const MAX_OUTPUTS: usize = 64;

/// How long senders may take to settle after the last puller has ended.
const SETTLE: Duration = Duration::from_secs(10);

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
    Files::beside(&config.path).state(&config.globals.persistence.config.directory_name)
}

/// Opens the state that `config` names.
pub fn open_store(config: &Config) -> Result<Arc<dyn Store>, CollectorError> {
    let PersistenceConfig { quarantine_max_bytes, .. } = config.globals.persistence.config;
    let settings = quittance_state::Settings { quarantine_max_bytes };
    Ok(Arc::new(Sqlite::open(&state_folder(config), settings).map_err(CollectorError::State)?))
}

/// What the state that `config` names holds, if there is one. Nothing is written; a collector that runs is an error.
pub fn look_into_state(config: &Config) -> Result<Option<Contents>, CollectorError> {
    quittance_state::look(&state_folder(config)).map_err(CollectorError::State)
}

/// A collector, ready to run.
pub struct Collector {
    supervisor: Supervisor,
    units: Vec<Unit>,
    organizations: Vec<Organization>,
    senders: Vec<(Box<dyn Sender>, Inlet)>,
    beside: Beside,
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
    /// Puts `config` together. Files are read; no connection is made.
    pub async fn build(config: Config, parts: Parts, stop: CancellationToken) -> Result<Collector, CollectorError> {
        for warning in &config.warnings {
            warn!("{}:{warning}", config.path.display());
        }
        let files = Files::beside(&config.path);
        let mut outputs = Vec::new();
        let mut senders: Vec<(Box<dyn Sender>, Inlet)> = Vec::new();
        let mut beside = Beside { messages: None, tag: None, pools: Vec::new(), lookups: Vec::new() };
        for (name, settings) in &config.outputs {
            let (end, inlet) = output(name);
            outputs.push(end);
            let sender: Box<dyn Sender> = match settings {
                Output::DevoPlatform(settings) => {
                    let standard = pool(name, settings, &config.globals, &files, &parts)?;
                    for (kind, ends) in
                        [(PoolKind::Lookup, &mut beside.lookups), (PoolKind::Internal, &mut beside.pools)]
                    {
                        let (end, inlet) = output(name);
                        ends.push(end);
                        senders.push((Box::new(standard.sibling(kind)), inlet));
                    }
                    Box::new(standard)
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
        if !problems.is_empty() {
            return Err(CollectorError::Config(Problems::new(config.path.clone(), problems)));
        }
        resets::apply(&units, &*store).await?;
        let units = units.into_iter().map(|planned| planned.unit).collect();
        let supervisor = Supervisor {
            outputs: outputs.into(),
            budget: Budget::new(outlet_bytes(&config.globals)),
            ledger: Arc::default(),
            store,
            world,
            stop,
        };
        Ok(Collector { supervisor, units, organizations, senders, beside })
    }

    /// The accounts of all units.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.supervisor.ledger.clone()
    }

    /// Whether each output is known to confirm.
    pub fn readiness(&self) -> Vec<Readiness> {
        self.supervisor.outputs.iter().map(|output| output.readiness()).collect()
    }

    /// Runs until it is stopped and everything that can be settled is. Fails if a sender died: then nothing more can be
    /// delivered, and only another process helps.
    pub async fn run(self) -> Result<(), CollectorError> {
        let Collector { supervisor, units, organizations, senders, beside } = self;
        let Beside { messages, tag, pools, lookups } = beside;
        let stop = supervisor.stop.clone();
        let clock = supervisor.world.clock.clone();
        let mut sending = JoinSet::new();
        for (sender, inlet) in senders {
            sending.spawn(sender.run(inlet, stop.clone()));
        }
        info!(units = units.len(), "collector started");
        let found_later = join_all(organizations.into_iter().map(|one| one.run(supervisor.clone())));
        let units_done = async move {
            tokio::join!(supervisor.run(units), found_later);
        };
        tokio::pin!(units_done);
        let mut died = None;
        tokio::select! {
            () = &mut units_done => {}
            () = internal::send(messages, tag, pools.into()) => {}
            Some(Err(panic)) = sending.join_next() => {
                error!(%panic, "a sender died: stopping");
                died = Some(CollectorError::SenderDied);
                stop.cancel();
                units_done.await;
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
        tokio::select! {
            () = settled => info!("collector stopped"),
            () = clock.sleep(SETTLE) => error!("senders did not settle in time; what they held comes again"),
        }
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
    let find = |what, file: &str| {
        files.find(file).map_err(|looked| CollectorError::MissingFile {
            output: output(),
            what,
            name: file.to_owned(),
            looked,
        })
    };
    let (chain, cert, key) =
        (find("chain", &settings.chain)?, find("certificate", &settings.cert)?, find("key", &settings.key)?);
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
            wire: Wire { newline: settings.newline, compression: settings.compression },
        },
        tls,
        confirm: settings.confirm.clone(),
        dial,
        handshakes: parts.handshakes.clone(),
        store: parts.store.clone(),
        world: parts.world.clone(),
    })
}

fn outlet_bytes(globals: &Globals) -> usize {
    let devo = globals.queue_max_size_in_mb.map_or(usize::MAX, |mib| mib.saturating_mul(1 << 20));
    globals.outlet_max_bytes.unwrap_or(OUTLET_BYTES.min(devo))
}
