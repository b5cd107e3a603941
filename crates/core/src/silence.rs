//! Silence is a signal: a unit that sees no event for longer than its user expects is asked why.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tracing::{info, warn};

use crate::{
    Code, Failed, Finding, Quiet, Severity, Supervisor, Unit, Vitals, codes,
    vitals::{Phase, Reading},
};

/// Looks within the time in which an event is expected.
const LOOKS: u32 = 20;

/// The shortest and the longest time between two looks at a unit that is quiet: each may cost some calls.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(900));

/// How long the cause may be looked for.
const PATIENCE: Duration = Duration::from_secs(60);

impl Supervisor {
    /// Watches that `unit`, which runs, sees an event `every` so often. If it does not, the cause is looked for, said, and shown in
    /// its health; and again when it is another one. Ends with whoever waits for it.
    pub async fn expect(&self, unit: &Unit, every: Duration) -> Infallible {
        let (clock, vitals, ledger) = (&self.world.clock, self.health.unit(&unit.id), self.ledger.unit(&unit.id));
        let look = every / LOOKS;
        let (mut pulled, mut since, mut since_wall) = (ledger.total().pulled, clock.now(), clock.wall());
        let mut said: Option<Vec<&'static Code>> = None;
        loop {
            // So it is said within that time, though an event is noticed a look late.
            let due = since + (every - look);
            let next = match said {
                None => (clock.now() + look).min(due),
                Some(_) => clock.now() + look,
            };
            clock.sleep_until(next).await;
            let now = ledger.total().pulled;
            if now != pulled {
                (pulled, since, since_wall) = (now, clock.now(), clock.wall());
                if said.take().is_some() {
                    info!(unit = %unit.id, code = %codes::QUIET, "events come again");
                    vitals.quiet(None);
                }
                continue;
            }
            if clock.now() < due {
                continue;
            }
            let causes = self.causes(unit, &vitals, since_wall).await;
            let kinds: Vec<_> = causes.iter().map(|cause| cause.code).collect();
            if said.as_ref() != Some(&kinds) {
                let seconds = (clock.now() - since).as_secs();
                for Finding { code, problem, fix, .. } in &causes {
                    warn!(unit = %unit.id, code = %codes::QUIET, seconds, cause = %code, %fix, "no event for longer than expected: {problem}");
                }
                said = Some(kinds);
            }
            vitals.quiet(Some(Quiet { since: since_wall, causes }));
            clock.sleep(look.clamp(LOOK_AGAIN.0, LOOK_AGAIN.1).saturating_sub(look)).await;
        }
    }

    /// Why nothing comes: from what is nearest to us to what is nearest to the source.
    async fn causes(&self, unit: &Unit, vitals: &Vitals, since: SystemTime) -> Vec<Finding> {
        let refusing: Vec<_> =
            self.outputs.iter().map(crate::Output::readiness).filter(|one| !one.is_ready()).collect();
        if !refusing.is_empty() {
            let names: Vec<_> = refusing.iter().map(|one| format!("`{}`", one.name())).collect();
            let problem =
                format!("{} is not known to confirm, so that nothing is asked of the source", names.join(", "));
            return vec![Finding::error(&codes::QUIET_DESTINATION, problem)];
        }
        let lost = |(found, since): (Finding, SystemTime)| {
            let problem = format!("since {}: {}", time_of_day(since), found.problem);
            (found.severity != Severity::Warning).then_some(Finding { problem, ..found })
        };
        let mut causes: Vec<_> = vitals.findings().into_iter().filter_map(lost).collect();
        if causes.iter().any(|cause| cause.severity == Severity::Error) {
            return causes;
        }
        let Reading { phase, state_refuses, .. } = vitals.read();
        if state_refuses {
            causes.push(Finding::error(&codes::NOT_WRITTEN, "what must be written down first is refused by the state"));
        }
        if phase != Phase::Pulls && causes.is_empty() {
            let (code, problem) = match vitals.last_failure() {
                Some(Failed { code, error, .. }) => (code, format!("the unit fails: {error}")),
                None => (&codes::FAILED, "the unit does not pull yet".to_owned()),
            };
            return vec![Finding::error(code, problem)];
        }
        let asked = tokio::select! {
            biased;
            asked = unit.setup.why_silent(since) => asked,
            () = self.world.clock.sleep(PATIENCE) => {
                let problem = format!("cannot be told: the source did not answer in {} seconds", PATIENCE.as_secs());
                vec![Finding::warning(&codes::CANNOT_TELL, problem)]
            }
        };
        causes.extend(asked);
        if causes.is_empty() {
            let problem = "all that is looked at is as it should be: the source has written nothing";
            causes.push(Finding::warning(&codes::NOTHING_WRITTEN, problem));
        }
        causes
    }
}

/// As a person reads it in a log.
fn time_of_day(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02} UTC", seconds % 60)
}
