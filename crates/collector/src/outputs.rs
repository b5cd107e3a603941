//! The outputs of a collector: the ends of the channels that lead there, and the senders at the other ends.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quittance_core::{Dial, Inlet, Interval, Output as End, Sender, optional_output, output};
use quittance_devo::{Confirm, Destination, Identity, Pool, PoolKind, PoolName, ProxyDial, Wire, client_config};
use secrecy::ExposeSecret;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    CollectorError, Config, Files, Parts,
    config::{DevoPlatform, Globals, Output, Syslog},
    console::Console,
    destinations,
    fingerprint::Fingerprint,
    sights::SenderView,
};

/// Connections are not ended more often than this for `queue_max_elapsed_time_in_sec`.
const LEAST_INTERVAL: Interval = Interval(Duration::from_secs(1));

/// Bytes of events that may wait for an optional output.
const OPTIONAL_BYTES: usize = 16 << 20;

/// An output that is put together, and not at work yet.
pub(crate) struct Prepared {
    name: String,
    is_required: bool,
    fingerprint: Fingerprint,
    standard: Box<dyn Sender>,
    /// Lookups have no producer, only statistics.
    beside: Option<Beside<Pool>>,
}

/// The pools beside the standard one, or the ends that lead there.
struct Beside<T> {
    lookup: T,
    internal: T,
}

/// Puts together all outputs of `config`. Files are read; no connection is made.
pub(crate) fn prepare(config: &Config, parts: &Parts) -> Result<Vec<Prepared>, CollectorError> {
    let files = config.files();
    let prepare = |(name, settings): (&String, &Output)| {
        let (standard, beside): (Box<dyn Sender>, _) = match settings {
            Output::DevoPlatform(settings) => {
                let standard = pool(name, settings, &config.globals, &files, parts)?;
                let sibling = |kind| standard.sibling(kind);
                let beside = Beside { lookup: sibling(PoolKind::Lookup), internal: sibling(PoolKind::Internal) };
                (Box::new(standard), Some(beside))
            }
            Output::Relay(settings) => (Box::new(destinations::relay(name, settings, &config.globals, parts)), None),
            Output::Syslog(settings) => {
                (Box::new(destinations::syslog(name, settings, &config.globals, &files, parts)?), None)
            }
            Output::Console(_) => (Box::new(Console), None),
        };
        let fingerprint = Fingerprint::of((
            config.prints.outputs.get(name),
            Fingerprint::of_files(&named_files(settings, &files)),
            &config.globals.name,
            config.globals.queue_max_elapsed_time_in_sec.map(|longest| longest.0),
        ));
        Ok(Prepared { name: name.clone(), is_required: !settings.is_optional(), fingerprint, standard, beside })
    };
    config.outputs.iter().map(prepare).collect()
}

/// The files that an output names, where they are, or where they would be looked for first.
pub(crate) fn named_files(output: &Output, files: &Files) -> Vec<PathBuf> {
    let names = match output {
        Output::DevoPlatform(DevoPlatform { chain, cert, key, .. }) => vec![chain, cert, key],
        Output::Syslog(Syslog { chain, cert, key, .. }) => {
            [Some(chain), cert.as_ref(), key.as_ref()].into_iter().flatten().collect()
        }
        Output::Relay(_) | Output::Console(_) => Vec::new(),
    };
    names.into_iter().map(|name| files.find(name).unwrap_or_else(|_| files.first(name))).collect()
}

/// What units know outputs by: their names, and which of them are required.
pub(crate) fn names(ends: &[End]) -> Vec<(String, bool)> {
    ends.iter().map(|end| (end.readiness().name().to_owned(), end.is_required())).collect()
}

/// A sender that is to run.
pub(crate) struct Start {
    pub(crate) sender: Box<dyn Sender>,
    pub(crate) inlet: Inlet,
    pub(crate) stop: CancellationToken,
}

/// The ends that lead to the internal pools, as they are now.
#[derive(Clone, Default)]
pub(crate) struct InternalEnds {
    ends: Arc<Mutex<Vec<End>>>,
    changed: Arc<Notify>,
}

impl InternalEnds {
    pub(crate) fn now(&self) -> Vec<End> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends when they are others.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn set(&self, ends: Vec<End>) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
        self.changed.notify_waiters();
    }
}

/// The outputs at work. When the last end of one is dropped, its senders settle what they have, and end.
pub(crate) struct Outputs {
    running: BTreeMap<String, Running>,
    internal: InternalEnds,
    starts: mpsc::UnboundedSender<Start>,
    stop: CancellationToken,
}

struct Running {
    fingerprint: Fingerprint,
    standard: End,
    beside: Option<Beside<End>>,
    /// Of its senders: what they cannot deliver now they give back.
    stop: CancellationToken,
}

impl Outputs {
    /// None at first. Senders are run by whoever hears of their `starts`, and stop by `stop`.
    pub(crate) fn new(stop: CancellationToken) -> (Outputs, mpsc::UnboundedReceiver<Start>) {
        let (starts, heard) = mpsc::unbounded_channel();
        (Outputs { running: BTreeMap::new(), internal: InternalEnds::default(), starts, stop }, heard)
    }

    /// All outputs; the required ones in the order of their indices.
    pub(crate) fn ends(&self) -> Arc<[End]> {
        self.running.values().map(|output| output.standard.clone()).collect()
    }

    /// All senders, as they are seen.
    pub(crate) fn views(&self) -> Vec<SenderView> {
        let view = |kind: PoolKind, end: &End| SenderView { kind: kind.name(), sender: end.readiness() };
        let views = self.running.values().flat_map(|output| {
            let beside = output.beside.iter().flat_map(move |Beside { lookup, internal }| {
                [view(PoolKind::Lookup, lookup), view(PoolKind::Internal, internal)]
            });
            std::iter::once(view(PoolKind::Standard, &output.standard)).chain(beside)
        });
        views.collect()
    }

    /// The ends that lead to the internal pools.
    pub(crate) fn internal(&self) -> InternalEnds {
        self.internal.clone()
    }

    /// Makes those that are wanted out of those that run. One that is as before goes on with its connections. The successor of
    /// one that changed takes the traffic; the one before ends its connections in order, and settles what they carry. Says
    /// how many began anew or are gone.
    pub(crate) fn apply(&mut self, wanted: Vec<Prepared>) -> usize {
        let before = self.running.len();
        self.running.retain(|name, output| {
            let stays = wanted.iter().any(|wanted| wanted.name == *name);
            if !stays {
                output.stop.cancel();
            }
            stays
        });
        let mut changed = before - self.running.len();
        for Prepared { name, is_required, fingerprint, standard, beside } in wanted {
            let replaced = match self.running.remove(&name) {
                Some(same) if same.fingerprint == fingerprint => {
                    self.running.insert(name, same);
                    continue;
                }
                replaced => replaced,
            };
            changed += 1;
            let stop = self.stop.child_token();
            let start = |sender: Box<dyn Sender>, before: Option<&End>| {
                // Where it becomes optional, or required, units begin again, with another end.
                let (end, inlet) = match before.filter(|end| end.is_required() == is_required) {
                    Some(end) => (end.clone(), end.replace()),
                    None if is_required => output(&name),
                    None => optional_output(&name, OPTIONAL_BYTES),
                };
                // Whoever should hear of it is gone only when all ends.
                _ = self.starts.send(Start { sender, inlet, stop: stop.clone() });
                end
            };
            let before = replaced.as_ref().and_then(|replaced| replaced.beside.as_ref());
            let beside = beside.map(|Beside { lookup, internal }| Beside {
                lookup: start(Box::new(lookup), before.map(|before| &before.lookup)),
                internal: start(Box::new(internal), before.map(|before| &before.internal)),
            });
            let standard = start(standard, replaced.as_ref().map(|replaced| &replaced.standard));
            if let Some(replaced) = replaced {
                replaced.stop.cancel();
                info!(output = name, "another sender takes the output's place");
            }
            self.running.insert(name, Running { fingerprint, standard, beside, stop });
        }
        let internal = self.running.values().filter_map(|output| Some(output.beside.as_ref()?.internal.clone()));
        self.internal.set(internal.collect());
        changed
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
