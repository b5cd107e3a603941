//! Who may ask a running collector to read its configuration again: a signal, or a file that has changed.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quittance_core::Clock;
use tokio::sync::{Notify, watch};
use tracing::info;

use crate::{Config, Sights, fingerprint::Fingerprint, outputs::named_files, planning::bundle};

/// How often it is looked whether files are to be looked at again.
const WHILE_OFF: Duration = Duration::from_secs(5);

/// Asks a running collector to read its configuration again. It stays valid for as long as the collector runs.
#[derive(Clone)]
pub struct Reloader(Arc<Shared>);

struct Shared {
    asked: Notify,
    watched: Mutex<Watched>,
    sights: watch::Sender<Option<Sights>>,
    clock: Arc<dyn Clock>,
}

/// What is looked at for changes.
#[derive(Clone)]
struct Watched {
    files: Vec<PathBuf>,
    every: Option<Duration>,
    /// Of what was in the files when they were read.
    read: Fingerprint,
}

impl Reloader {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let files = files_of(config);
        let read = Fingerprint::of_files(&files);
        let watched = Mutex::new(Watched { files, every: config.globals.reload_interval(), read });
        let (asked, sights) = (Notify::new(), watch::Sender::new(None));
        Reloader(Arc::new(Shared { asked, watched, sights, clock }))
    }

    /// Asks for it, as SIGHUP does. What becomes of it is logged, and shown by [`Health::reloaded`](quittance_core::Health::reloaded).
    pub fn ask(&self) {
        self.0.asked.notify_one();
    }

    /// Asks for it whenever the configuration, or a file that it names, is another than the one that was read. Contents are
    /// compared, as often as the configuration says: folders that are mounted may be replaced as a whole. One that differs is
    /// looked at twice, since it may be written just now.
    pub async fn watch(&self) -> Infallible {
        let mut differed = None;
        loop {
            let Watched { files, every, read } = self.watched().clone();
            self.0.clock.sleep(every.unwrap_or(WHILE_OFF)).await;
            if every.is_none() {
                continue;
            }
            let look = tokio::task::spawn_blocking(move || Fingerprint::of_files(&files));
            let Ok(now) = look.await else { continue };
            if now == read || self.watched().read != read {
                differed = None;
            } else if differed == Some(now) {
                info!("a file of the configuration has changed");
                differed = None;
                self.watched().read = now;
                self.ask();
            } else {
                differed = Some(now);
            }
        }
    }

    /// What is seen of the collector; new after each reload, taken or refused.
    pub fn sights(&self) -> watch::Receiver<Option<Sights>> {
        self.0.sights.subscribe()
    }

    /// Shows another.
    pub(crate) fn show(&self, sights: Sights) {
        self.0.sights.send_replace(Some(sights));
    }

    /// Ends when it is asked for.
    pub(crate) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// To be called before the configuration is read.
    pub(crate) fn reading(&self) {
        let files = self.watched().files.clone();
        let read = Fingerprint::of_files(&files);
        self.watched().read = read;
    }

    /// It was read, and is `config` if it was taken.
    pub(crate) fn was_read(&self, config: Option<&Config>, refused: Option<&Config>) {
        let Watched { files, read, .. } = self.watched().clone();
        // Written while it was read: what was read is of neither time.
        if Fingerprint::of_files(&files) != read {
            self.ask();
        }
        let mut watched = self.watched();
        if let Some(config) = config {
            watched.every = config.globals.reload_interval();
            watched.files = files_of(config);
        } else if let Some(config) = refused {
            // What it lacks may come.
            let more: Vec<_> = files_of(config).into_iter().filter(|file| !files.contains(file)).collect();
            watched.files.extend(more);
        }
        watched.read = Fingerprint::of_files(&watched.files);
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configuration's own files, and those that it names.
fn files_of(config: &Config) -> Vec<PathBuf> {
    let files = config.files();
    let own = [Some(&config.documents.config), config.documents.server.as_ref()].into_iter().flatten().cloned();
    let of_outputs = config.outputs.values().flat_map(|output| named_files(output, &files));
    let of_inputs = config.inputs.values().filter_map(|input| bundle(input, &files));
    own.chain(config.secret_files.iter().cloned()).chain(of_outputs).chain(of_inputs).collect()
}
