//! One seed: what happens, what goes wrong, and when.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use fastrand::Rng;
use quittance_testbed::aws::Loss;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    oracle::{Rule, Verdict},
    place::{Place, Running},
    shape::Shape,
    sources::{Source, Sources},
    states::States,
    troubles::{self, Kind, Lasting},
};
use crate::simulate::Outcome;

/// How long, in virtual time, everything may take once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// Until then after the start nothing happens: what is older than a collector is not asked of an API.
const WARM_UP: Duration = Duration::from_secs(40);

/// When credentials of an hour are renewed, in seconds after that.
const HALF_LIFE: u64 = 1800 - WARM_UP.as_secs();

/// APIs with a quota, and their quotas: of each, half is left to others.
const QUOTAS: [(&str, usize); 4] =
    [("LookupEvents", 2), ("FilterLogEvents", 25), ("ListFindings", 5), ("ListMetrics", 25)];

/// What came of a seed.
pub(super) struct Report {
    pub(super) outcome: Outcome,
    /// What was said of each rule that was broken.
    pub(super) broken: BTreeMap<Rule, Vec<String>>,
    /// The same for the same seed, in every process.
    pub(super) digest: u64,
    /// Things that the collector did.
    pub(super) points: u64,
}

/// Something that is to be done at its time.
enum Action {
    Happen(Source),
    Begin(Kind),
    End(Lasting),
    /// The collector is killed, and started again after so many seconds.
    Down(u64),
    /// The collector is started again.
    Start,
}

/// What a seed is about.
struct Course {
    span: u64,
    /// How late an API may show its events, in seconds.
    latest: i64,
    actions: BTreeMap<(u64, u64), Action>,
}

impl Course {
    fn new(rng: &mut Rng, place: &Place) -> Course {
        let span = rng.u64(120..900);
        let latest = if rng.u8(0..6) == 0 { 3600 } else { 120 };
        let mut course = Course { span, latest, actions: BTreeMap::new() };
        for source in Source::ALL {
            for _ in 0..rng.u64(0..8) {
                let at = rng.u64(0..span);
                course.add(at, Action::Happen(source));
            }
        }
        // Some seeds are about little, so that what they show is not explained by something else.
        let kinds = [0, 1, 1, 2, 2, 3, 4, 6][rng.usize(..8)];
        for _ in 0..kinds {
            let kind = Kind::ALL[rng.usize(..Kind::ALL.len())];
            if !kind.fits(place) {
                continue;
            }
            let times = if kind.is_of_process() { rng.u64(1..5) } else { rng.u64(1..4) };
            for _ in 0..times {
                let at = match kind {
                    // When credentials are to be renewed: at half of their hour.
                    Kind::NoSts if rng.bool() => HALF_LIFE - rng.u64(1..20),
                    _ => rng.u64(3..span),
                };
                course.trouble(rng, kind, at);
            }
        }
        course
    }

    /// Something goes wrong, and it goes wrong where something happens.
    fn trouble(&mut self, rng: &mut Rng, kind: Kind, at: u64) {
        self.add(at, Action::Begin(kind));
        let concerned = kind.concerns();
        let many = match kind {
            _ if concerned.is_empty() => 0,
            Kind::TooLong | Kind::FullQuarantine => rng.usize(4..9),
            _ => rng.usize(1..5),
        };
        for _ in 0..many {
            let source = concerned[rng.usize(..concerned.len())];
            // Before a restart, so that it was just asked for or given, and after whatever else begins.
            let before = if rng.bool() { rng.u64(0..4) } else { rng.u64(0..40) };
            let when = if kind.is_of_process() { at.saturating_sub(before) } else { at + rng.u64(0..4) };
            self.add(when, Action::Happen(source));
        }
        if kind == Kind::EmptyPages {
            let pause = rng.u64(150..400);
            self.add(at, Action::Down(pause));
            for _ in 0..rng.usize(6..12) {
                let source = [Source::Logs, Source::Logs, Source::Audits][rng.usize(..3)];
                self.add(at + rng.u64(1..pause), Action::Happen(source));
            }
        }
        // What a restart finds in the midst of it is worth more than what it finds elsewhere.
        let coupled = match kind {
            Kind::BrokenStore | Kind::SlowBody | Kind::FullQuarantine => 2,
            _ if kind.is_of_process() => 0,
            _ if kind.is_of_receiver() => 3,
            _ => 5,
        };
        if coupled > 0 && rng.u8(0..coupled) == 0 {
            let restarts =
                [Kind::Kill, Kind::Kill, Kind::KillAtPoint, Kind::Stop, Kind::StopAtPoint, Kind::KillDuringStop];
            let restart = restarts[rng.usize(..restarts.len())];
            // After a progress mark, or before.
            let is_late = kind == Kind::SlowBody || rng.bool();
            let after = if is_late { rng.u64(12..50) } else { rng.u64(1..20) };
            self.add(at + after, Action::Begin(restart));
        }
    }

    fn add(&mut self, at: u64, action: Action) {
        let number = self.actions.len() as u64;
        let mut key = (at * 1000, number);
        while self.actions.contains_key(&key) {
            key.1 += 1;
        }
        self.actions.insert(key, action);
    }
}

/// Runs one seed to its end.
pub(super) async fn run(seed: u64, states: &States) -> Result<Report> {
    let mut rng = Rng::with_seed(seed);
    let shape = Shape::new(&mut rng);
    let mut place = Place::new(seed, shape)?;
    for (api, per_second) in QUOTAS {
        place.aws.set_quota(api, per_second);
        place.aws.short_pages(api, 0.3);
    }
    let mut sources = Sources::default();
    let mut course = Course::new(&mut rng, &place);
    let mut running = Some(place.start().await?);
    sleep(WARM_UP).await;
    let began = Instant::now();
    while let Some(((at, _), action)) = course.actions.pop_first() {
        sleep_until(began + Duration::from_millis(at)).await;
        if let Some(running) = &running {
            place.check_ledger(&running.ledger);
        }
        match action {
            Action::Happen(source) => sources.happen(&place, &mut rng, source, course.latest),
            Action::Begin(kind) if kind.is_of_process() => {
                // One that is down cannot end.
                let Some(ending) = running.take() else { continue };
                states.add(kind.name(), 1);
                place.oracle.receives_spent(2);
                end_process(kind, &mut place, ending, &mut rng).await;
                let pause = if rng.u8(0..4) == 0 { rng.u64(60..400) } else { rng.u64(0..10) };
                // What happens meanwhile is found when it is back.
                course.add(began.elapsed().as_secs() + pause, Action::Start);
            }
            Action::Down(pause) => {
                let Some(ending) = running.take() else { continue };
                place.oracle.receives_spent(2);
                place.kill(ending).await;
                course.add(began.elapsed().as_secs() + pause, Action::Start);
            }
            Action::Start => running = Some(place.start().await?),
            Action::Begin(kind) => {
                states.add(kind.name(), 1);
                if let Some((lasts, lasting)) = troubles::begin(kind, &place, &mut sources, &mut rng) {
                    let end = began.elapsed() + lasts;
                    course.add(end.as_secs(), Action::End(lasting));
                }
            }
            Action::End(lasting) => troubles::end(&lasting, &place),
        }
    }
    sleep_until(began + Duration::from_secs(course.span)).await;
    let running = match running {
        Some(running) => running,
        None => place.start().await?,
    };
    finish(place, running, states, sources.late).await
}

/// Kills or stops the collector.
async fn end_process(kind: Kind, place: &mut Place, running: Running, rng: &mut Rng) {
    match kind {
        Kind::Stop => {
            if rng.u8(0..3) == 0 {
                let last = ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"][rng.usize(..2)];
                place.aws.lose_next(last, 2, Loss::Hang);
            }
            place.stop(running).await;
        }
        Kind::StopAtPoint => {
            Place::begin_stop_within(&running, rng.u64(1..80), Duration::from_secs(20)).await;
            place.stop(running).await;
        }
        Kind::KillDuringStop => {
            // Whatever a stop gives back or writes down may be the last thing.
            let point = running.process.points() + rng.u64(1..40);
            running.process.die_at(point);
            Place::begin_stop(&running);
            running.until_dead(Duration::from_secs(5)).await;
            place.kill(running).await;
        }
        Kind::KillAtPoint => {
            running.process.die_at(running.process.points() + rng.u64(1..60));
            running.until_dead(Duration::from_secs(20)).await;
            place.kill(running).await;
        }
        _ => place.kill(running).await,
    }
}

/// Waits until everything is where it belongs, stops the collector and judges.
pub(super) async fn finish(mut place: Place, running: Running, states: &States, late: u64) -> Result<Report> {
    let ended = Instant::now();
    let mut pause = Duration::from_secs(2);
    while !place.is_satisfied() && ended.elapsed() < PATIENCE && !running.has_ended() {
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
    // What comes twice comes by now.
    sleep(Duration::from_secs(30)).await;
    if running.has_ended() {
        place.oracle.break_rule(Rule::Process, "the collector ended by itself".to_owned());
    }
    place.stop(running).await;
    for (api, per_second) in QUOTAS {
        // A restart begins its own count.
        let share = (per_second / 2).max(1) * if place.runs() > 1 { 2 } else { 1 };
        let peak = place.aws.calls_peak(api);
        if peak > share + 1 {
            place.oracle.break_rule(Rule::Pace, format!("{api} was called {peak} times in a second"));
        }
    }
    let (points, returned) = place.done();
    states.add("returned events", returned);
    states.add("events shown late", late);
    let Verdict { events, missing, duplicates, duplicates_without_fault, broken, digest } =
        place.oracle.judge(&place.dead());
    let outcome = Outcome { seeds: 1, events, missing, duplicates, duplicates_without_fault, states: states.all() };
    Ok(Report { outcome, broken, digest, points })
}
