//! What a unit shows of itself while it works, for the watchdog.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::{Code, Finding, Readiness, Tap, UnitId};

/// Where a unit stands when it does not get on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// An output is not known to confirm; nothing is asked of the source until it is.
    Destination,
    /// Its setup is being proved.
    Setup,
    /// It has failed, and waits for its next try.
    Retry,
    /// What must be written down cannot be: the disk, or the quarantine, takes nothing more.
    State,
    /// Events wait for room in memory, which those of other units take.
    Room,
    /// Events are on their way, and no receipt comes back.
    Delivery,
    /// The source does not answer, refuses, or does not give what it announced.
    Source,
}

impl Stage {
    /// Its name, as it stands in logs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Destination => "destination",
            Stage::Setup => "setup",
            Stage::Retry => "retry",
            Stage::State => "state",
            Stage::Room => "room",
            Stage::Delivery => "delivery",
            Stage::Source => "source",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What its supervisor does with a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    AwaitsDestination,
    Setup,
    Pulls,
    Rests,
}

impl Phase {
    const ALL: [Phase; 4] = [Phase::AwaitsDestination, Phase::Setup, Phase::Pulls, Phase::Rests];

    fn name(self) -> &'static str {
        match self {
            Phase::AwaitsDestination => "waits for its destination",
            Phase::Setup => "is checked",
            Phase::Pulls => "pulls",
            Phase::Rests => "waits for its next try",
        }
    }
}

/// Signs of life of one unit. Written once a call or batch, never once an event.
#[derive(Default)]
pub struct Vitals {
    phase: AtomicU8,
    /// Answers of the source, whatever they held.
    answers: AtomicU64,
    /// Messages that it holds no more.
    concluded: AtomicU64,
    /// Messages that it holds.
    held: AtomicUsize,
    /// Batches that wait for room.
    crowded: AtomicUsize,
    state_refuses: AtomicBool,
    period_ms: AtomicU64,
    /// What its setup found last, and when it was first found.
    findings: Mutex<Vec<(Finding, SystemTime)>>,
    quiet: Mutex<Option<Quiet>>,
    /// How far what was read last is behind the present, by what is read of the source.
    behind: Mutex<BTreeMap<String, Duration>>,
    failed: Mutex<Option<Failed>>,
}

/// A unit that saw no event for longer than its user expects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quiet {
    /// When it saw the last one, or began to look.
    pub since: SystemTime,
    /// Why, as far as that can be told.
    pub causes: Vec<Finding>,
}

/// How a run of a unit failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What kind of problem it is.
    pub code: &'static Code,
    /// What happened, with its causes.
    pub error: String,
    /// When.
    pub at: Instant,
}

impl Vitals {
    /// The source has answered, if only that there is nothing.
    pub fn answered(&self) {
        self.answers.fetch_add(1, Relaxed);
    }

    /// The source is asked this often at least.
    pub fn asks_every(&self, period: Duration) {
        self.period_ms.store(u64::try_from(period.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// So many messages are held; one that was held and is no more is progress, whatever became of it.
    pub fn holds(&self, messages: usize) {
        self.held.store(messages, Relaxed);
    }

    /// A message is held no more.
    pub fn concluded(&self) {
        self.concluded.fetch_add(1, Relaxed);
    }

    /// Whether what must be written down is refused.
    pub fn state_refuses(&self, refuses: bool) {
        self.state_refuses.store(refuses, Relaxed);
    }

    /// What its setup finds at `now`.
    pub(crate) fn found(&self, findings: &[Finding], now: SystemTime) {
        let mut known = lock(&self.findings);
        let since = |new: &Finding| known.iter().find(|(old, _)| old.code == new.code).map_or(now, |(_, since)| *since);
        let found = findings.iter().map(|new| (new.clone(), since(new))).collect();
        *known = found;
    }

    /// What its setup found last, and when it was first found.
    pub(crate) fn findings(&self) -> Vec<(Finding, SystemTime)> {
        lock(&self.findings).clone()
    }

    pub(crate) fn quiet(&self, quiet: Option<Quiet>) {
        *lock(&self.quiet) = quiet;
    }

    /// What was read last of that part of the source is so much older than the present.
    pub fn behind(&self, part: &str, by: Duration) {
        let mut parts = lock(&self.behind);
        match parts.get_mut(part) {
            Some(behind) => *behind = by,
            None => _ = parts.insert(part.to_owned(), by),
        }
    }

    /// That part of the source is read no more.
    pub fn left(&self, part: &str) {
        lock(&self.behind).remove(part);
    }

    /// A run has failed, or none has any more.
    pub(crate) fn failed(&self, failed: Option<Failed>) {
        *lock(&self.failed) = failed;
    }

    pub(crate) fn last_failure(&self) -> Option<Failed> {
        lock(&self.failed).clone()
    }

    /// A batch waits for room, as long as the guard lives.
    pub(crate) fn crowded(&self) -> Crowded<'_> {
        self.crowded.fetch_add(1, Relaxed);
        Crowded(self)
    }

    /// The supervisor begins something else.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.holds(0);
        lock(&self.behind).clear();
    }

    pub(crate) fn read(&self) -> Reading {
        let phase = Phase::ALL.into_iter().find(|phase| *phase as u8 == self.phase.load(Relaxed));
        Reading {
            phase: phase.unwrap_or(Phase::Rests),
            answers: self.answers.load(Relaxed),
            concluded: self.concluded.load(Relaxed),
            held: self.held.load(Relaxed),
            crowded: self.crowded.load(Relaxed),
            state_refuses: self.state_refuses.load(Relaxed),
            period: Duration::from_millis(self.period_ms.load(Relaxed)),
        }
    }
}

/// Of one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) phase: Phase,
    pub(crate) answers: u64,
    pub(crate) concluded: u64,
    pub(crate) held: usize,
    pub(crate) crowded: usize,
    pub(crate) state_refuses: bool,
    pub(crate) period: Duration,
}

/// A batch that waits for room; also one whose wait is broken off does so no longer.
pub(crate) struct Crowded<'a>(&'a Vitals);

impl Drop for Crowded<'_> {
    fn drop(&mut self) {
        self.0.crowded.fetch_sub(1, Relaxed);
    }
}

/// The units of a collector that run, and how each is; its outputs, and what became of its last reload.
#[derive(Default)]
pub struct Health {
    units: Mutex<BTreeMap<UnitId, Arc<Vitals>>>,
    judged: Mutex<Vec<UnitHealth>>,
    tap: Arc<Tap>,
    outputs: Mutex<Vec<Readiness>>,
    reloaded: Mutex<Option<Reloaded>>,
}

/// What became of the last reload of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reloaded {
    /// When.
    pub at: SystemTime,
    /// Why it was refused, if it was: the configuration before goes on.
    pub refused: Option<String>,
    /// How many were taken since the start.
    pub taken: u64,
    /// How many were refused.
    pub refusals: u64,
}

/// How a unit is, as the watchdog saw it last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitHealth {
    /// The unit.
    pub unit: UnitId,
    /// Where it stands still, and for how long; nothing if it gets on.
    pub stalled: Option<(Stage, Duration)>,
    /// Messages that it holds.
    pub held: usize,
    /// Events that it has on their way.
    pub in_flight: u64,
    /// That it saw no event for longer than its user expects, and why.
    pub quiet: Option<Quiet>,
}

/// What a unit shows of itself.
#[derive(Clone, Debug)]
pub struct UnitView {
    /// How it is.
    pub health: UnitHealth,
    /// What it does, for people.
    pub phase: &'static str,
    /// Whether it takes events from its source.
    pub pulls: bool,
    /// How much older than the present what it read last was, at the worst part of its source; unknown before its first read.
    pub behind: Option<Duration>,
    /// What its setup found last.
    pub findings: Vec<Finding>,
    /// How its last run failed, until the next one pulls.
    pub failed: Option<Failed>,
}

impl Health {
    /// Where the batches of all units pass.
    pub fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// Everything that the units that run show of themselves.
    pub fn views(&self) -> Vec<UnitView> {
        let units = lock(&self.units).clone();
        let view = |health: UnitHealth| {
            let vitals = units.get(&health.unit)?;
            let phase = vitals.read().phase;
            Some(UnitView {
                phase: phase.name(),
                pulls: phase == Phase::Pulls,
                behind: lock(&vitals.behind).values().max().copied(),
                findings: vitals.findings().into_iter().map(|(finding, _)| finding).collect(),
                failed: lock(&vitals.failed).clone(),
                health,
            })
        };
        self.units().into_iter().filter_map(view).collect()
    }

    /// How every unit that runs is, as of the watchdog's last look. One that it has not seen yet gets on.
    pub fn units(&self) -> Vec<UnitHealth> {
        let judged = lock(&self.judged).clone();
        let of = |(unit, vitals): (UnitId, Arc<Vitals>)| {
            let seen = judged.iter().find(|seen| seen.unit == unit).cloned();
            let (held, quiet) = (vitals.read().held, lock(&vitals.quiet).clone());
            let seen = seen.unwrap_or(UnitHealth { unit, stalled: None, held, in_flight: 0, quiet: None });
            UnitHealth { quiet, ..seen }
        };
        self.vitals().into_iter().map(of).collect()
    }

    /// The outputs, as they are now.
    pub fn outputs(&self) -> Vec<Readiness> {
        lock(&self.outputs).clone()
    }

    /// There are others from now on.
    pub fn set_outputs(&self, outputs: Vec<Readiness>) {
        *lock(&self.outputs) = outputs;
    }

    /// What became of the last reload; nothing if there was none.
    pub fn reloaded(&self) -> Option<Reloaded> {
        lock(&self.reloaded).clone()
    }

    /// The configuration was read again, at that time, and taken or refused.
    pub fn reload(&self, at: SystemTime, result: Result<(), String>) {
        let mut last = lock(&self.reloaded);
        let (mut taken, mut refusals) = last.as_ref().map_or((0, 0), |last| (last.taken, last.refusals));
        match result {
            Ok(()) => taken += 1,
            Err(_) => refusals += 1,
        }
        *last = Some(Reloaded { at, refused: result.err(), taken, refusals });
    }

    /// What `unit` shows, from its first mention to [`gone`](Self::gone).
    pub(crate) fn unit(&self, unit: &UnitId) -> Arc<Vitals> {
        lock(&self.units).entry(unit.clone()).or_default().clone()
    }

    pub(crate) fn gone(&self, unit: &UnitId) {
        lock(&self.units).remove(unit);
    }

    pub(crate) fn readings(&self) -> Vec<(UnitId, Reading)> {
        self.vitals().into_iter().map(|(unit, vitals)| (unit, vitals.read())).collect()
    }

    fn vitals(&self) -> Vec<(UnitId, Arc<Vitals>)> {
        lock(&self.units).iter().map(|(unit, vitals)| (unit.clone(), vitals.clone())).collect()
    }

    pub(crate) fn judge(&self, units: Vec<UnitHealth>) {
        *lock(&self.judged) = units;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
