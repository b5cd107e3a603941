//! The watchdog: a unit that has work and does not get on is said to be unhealthy, with the stage where it stands.
//!
//! It touches nothing. What it says is for people, and for whoever asks for the health of a collector; that its units do not
//! get on is no reason to end a process, since no other would do better at a destination's outage.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{info, warn};

use crate::{
    Clock, Counts, Health, Ledger, Output, Stage, UnitHealth, UnitId, codes,
    vitals::{Phase, Reading},
};

/// Looks within the time after which a unit is unhealthy.
const LOOKS: u32 = 20;

/// Between two words about the same stall.
const SAY_AGAIN: Duration = Duration::from_secs(900);

/// Looks at the units of a collector.
pub struct Watchdog {
    /// What the units show, and where the judgement goes.
    pub health: Arc<Health>,
    /// What they have on their way, and what was delivered.
    pub ledger: Arc<Ledger>,
    /// The outputs; only those that are required count.
    pub outputs: Arc<[Output]>,
    /// When to look.
    pub clock: Arc<dyn Clock>,
    /// How long a unit may stand still.
    pub unhealthy_after: Duration,
}

impl Watchdog {
    /// Looks until it is dropped.
    pub async fn run(self) -> Infallible {
        let mut known = BTreeMap::new();
        let mut said = Said::default();
        loop {
            let now = self.clock.now();
            let units = self.look(&mut known, now);
            said.say(&units, now);
            self.health.judge(units);
            self.clock.sleep(self.unhealthy_after / LOOKS).await;
        }
    }

    fn look(&self, known: &mut BTreeMap<UnitId, Known>, now: Instant) -> Vec<UnitHealth> {
        let readings = self.health.readings();
        known.retain(|unit, _| readings.iter().any(|(one, _)| one == unit));
        let mut required = self.outputs.iter().filter(|output| output.is_required());
        let is_ready = required.all(|output| output.readiness().is_ready());
        let judge = |(unit, reading): (UnitId, Reading)| {
            let sight = Sight { counts: self.ledger.unit(&unit).total(), is_ready, reading };
            let known = known.entry(unit.clone()).or_insert_with(|| Known::new(&sight, now));
            let stalled = known.judge(&sight, self.unhealthy_after, now);
            UnitHealth { unit, stalled, held: sight.reading.held, in_flight: sight.counts.in_flight, quiet: None }
        };
        readings.into_iter().map(judge).collect()
    }
}

/// What is seen of a unit at one moment.
struct Sight {
    reading: Reading,
    counts: Counts,
    is_ready: bool,
}

impl Sight {
    /// What only grows while debts end: events that need no sending any more, and messages that are held no more.
    fn ended(&self) -> u64 {
        let Counts { filtered, quarantined, .. } = self.counts;
        self.counts.delivered() + filtered + quarantined + self.reading.concluded
    }

    /// Where the unit stands, if some of its events came back since the last look.
    fn stage(&self, came_back: bool) -> Stage {
        let Reading { phase, state_refuses, crowded, .. } = self.reading;
        match phase {
            Phase::AwaitsDestination => Stage::Destination,
            _ if !self.is_ready => Stage::Destination,
            Phase::Setup => Stage::Setup,
            Phase::Rests => Stage::Retry,
            Phase::Pulls if state_refuses => Stage::State,
            Phase::Pulls if self.counts.in_flight > 0 || came_back => Stage::Delivery,
            Phase::Pulls if crowded > 0 => Stage::Room,
            Phase::Pulls => Stage::Source,
        }
    }
}

/// What is known of a unit from earlier looks.
struct Known {
    ended: u64,
    returned: u64,
    answers: u64,
    answered_at: Instant,
    /// When it was last seen to get on.
    well_at: Instant,
}

impl Known {
    fn new(sight: &Sight, now: Instant) -> Self {
        let (ended, returned, answers) = (sight.ended(), sight.counts.returned, sight.reading.answers);
        Known { ended, returned, answers, answered_at: now, well_at: now }
    }

    /// Where the unit stands still, if that lasts.
    fn judge(&mut self, sight: &Sight, unhealthy_after: Duration, now: Instant) -> Option<(Stage, Duration)> {
        let Sight { reading: Reading { phase, answers, held, crowded, period, .. }, counts, is_ready } = sight;
        let ended = std::mem::replace(&mut self.ended, sight.ended()) != sight.ended();
        // What comes back is given again: between two tries it looks idle, and is not.
        let came_back = std::mem::replace(&mut self.returned, counts.returned) != counts.returned;
        let answered = std::mem::replace(&mut self.answers, *answers) != *answers;
        let pulls = *phase == Phase::Pulls && *is_ready;
        if answered || !pulls {
            self.answered_at = now;
        }
        let has_work = counts.in_flight > 0 || *held > 0 || *crowded > 0 || came_back;
        if pulls && ended {
            self.well_at = now;
        } else if pulls && !has_work {
            let answers_in_time = now - self.answered_at < unhealthy_after.max(*period * 2);
            self.well_at = if answers_in_time { now } else { self.answered_at };
        }
        let stands = now - self.well_at;
        (stands >= unhealthy_after).then(|| (sight.stage(came_back), stands))
    }
}

/// What was said, so that a stall is heard when it begins, from time to time while it lasts, and when it ends.
#[derive(Default)]
struct Said {
    units: BTreeMap<UnitId, Instant>,
    /// Of all units together: a destination's outage is one thing, however many wait for it.
    destination: Option<Instant>,
}

impl Said {
    fn say(&mut self, units: &[UnitHealth], now: Instant) {
        let is_due = |said: Option<&Instant>| said.is_none_or(|at| now >= *at + SAY_AGAIN);
        let code = &codes::STALLED;
        let mut waiting = Vec::new();
        for UnitHealth { unit, stalled, held, in_flight, .. } in units {
            match stalled {
                Some((Stage::Destination, stands)) => waiting.push(*stands),
                Some((stage, stands)) if is_due(self.units.get(unit)) => {
                    self.units.insert(unit.clone(), now);
                    let seconds = stands.as_secs();
                    warn!(%unit, %code, %stage, seconds, held, in_flight, "unit does not get on");
                }
                Some(_) => {}
                None => {
                    if self.units.remove(unit).is_some() {
                        info!(%unit, %code, "unit gets on again");
                    }
                }
            }
        }
        match waiting.iter().max() {
            Some(stands) if is_due(self.destination.as_ref()) => {
                self.destination = Some(now);
                let (stage, seconds, units) = (Stage::Destination, stands.as_secs(), waiting.len());
                warn!(%code, %stage, seconds, units, "units wait for a destination to confirm");
            }
            Some(_) => {}
            None => self.destination = None,
        }
    }
}
