//! Who watches, and what was seen so far.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use quittance_core::{Clock, SetAside};
use tokio::time::Instant;
use tracing::debug;

use crate::{
    Problems, Subject,
    history::{EVERY, History},
};

/// Between two looks at the quarantine, which is on the disk.
const QUARANTINE_EVERY: Duration = Duration::from_secs(5);

/// What both listeners look at.
pub struct Monitor {
    subject: RwLock<Arc<Subject>>,
    problems: Problems,
    clock: Arc<dyn Clock>,
    started: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    history: History,
    set_aside: SetAside,
    reload: Reload,
    series: BTreeSet<(String, String)>,
}

/// What became of the last reload of the configuration.
#[derive(Clone, Default, Debug)]
pub struct Reload {
    /// When the configuration that is used was read.
    pub succeeded_at: Option<SystemTime>,
    /// Why the last one was refused, and when; nothing if it was not.
    pub refused: Option<(String, SystemTime)>,
    /// How many reloads there were.
    pub times: u64,
}

impl Monitor {
    /// Watches `subject`, whose configuration has just been read. `problems` are those of its log.
    pub fn new(subject: Subject, problems: Problems, clock: Arc<dyn Clock>) -> Arc<Monitor> {
        let reload = Reload { succeeded_at: Some(clock.wall()), ..Reload::default() };
        let seen = Mutex::new(Seen { reload, ..Seen::default() });
        Arc::new(Monitor { subject: RwLock::new(Arc::new(subject)), problems, started: clock.now(), clock, seen })
    }

    /// Watches another one from now on, as after a reload.
    pub fn watch(&self, subject: Subject) {
        *self.subject.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(subject);
    }

    /// The configuration was reloaded, or refused for a reason.
    pub fn reloaded(&self, outcome: Result<(), String>) {
        let now = self.clock.wall();
        let reload = &mut self.seen().reload;
        reload.times += 1;
        match outcome {
            Ok(()) => (reload.succeeded_at, reload.refused) = (Some(now), None),
            Err(reason) => reload.refused = Some((reason, now)),
        }
    }

    /// What became of the last reload.
    pub fn reload(&self) -> Reload {
        self.seen().reload.clone()
    }

    /// Looks again and again, until it is dropped. Rates and plots are made of it, and what is in the quarantine.
    pub async fn run(&self) -> Infallible {
        let mut quarantine_at = self.clock.now();
        loop {
            let (subject, now) = (self.subject(), self.clock.now());
            if now >= quarantine_at {
                quarantine_at = now + QUARANTINE_EVERY;
                match subject.store.set_aside().await {
                    Ok(set_aside) => self.seen().set_aside = set_aside,
                    Err(error) => debug!(%error, "what is in the quarantine is not known"),
                }
            }
            self.seen().history.look(&subject, self.clock.now());
            self.clock.sleep(EVERY).await;
        }
    }

    pub(crate) fn subject(&self) -> Arc<Subject> {
        self.subject.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn problems(&self) -> &Problems {
        &self.problems
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.clock.now() - self.started
    }

    pub(crate) fn set_aside(&self) -> SetAside {
        self.seen().set_aside
    }

    /// Looks into the history.
    pub(crate) fn history<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.seen().history)
    }

    /// Whether that unit and table have series of their own, of which there are `most`. Who came first keeps them, so that
    /// no series goes back.
    pub(crate) fn has_series(&self, unit: &str, table: &str, most: usize) -> bool {
        let series = &mut self.seen().series;
        let key = (unit.to_owned(), table.to_owned());
        series.contains(&key) || (series.len() < most && series.insert(key))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
