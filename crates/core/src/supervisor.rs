//! Keeps every unit running: setup, run, back off, again.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    Backoff, Budget, Class, Ended, Failed, Failure, Finding, Health, Ledger, Outlet, Output, PullerContext, Severity,
    Store, Unit, UnitId, Vitals, World, chain, codes, vitals::Phase,
};

/// Bytes that one unit may have on their way, within the collector's budget.
const UNIT_SHARE: usize = 16 << 20;

/// Runs units until it is stopped. A unit's failure or panic touches no other.
#[derive(Clone)]
pub struct Supervisor {
    /// Where events go.
    pub outputs: Arc<[Output]>,
    /// Room for all units together.
    pub budget: Arc<Budget>,
    /// Where every unit has its account.
    pub ledger: Arc<Ledger>,
    /// Where every unit shows its signs of life.
    pub health: Arc<Health>,
    /// What outlives a run.
    pub store: Arc<dyn Store>,
    /// Clock and randomness.
    pub world: World,
    /// How often a unit that pulls is checked again.
    pub watch: Duration,
    /// Stops all units.
    pub stop: CancellationToken,
}

impl Supervisor {
    /// Runs all units; ends when each has ended after the stop.
    pub async fn run(self, units: Vec<Unit>) {
        let this = Arc::new(self);
        let mut running = JoinSet::new();
        for unit in units {
            let this = this.clone();
            running.spawn(async move {
                let vitals = this.health.unit(&unit.id);
                this.keep_running(&unit, &vitals).await;
                this.health.gone(&unit.id);
            });
        }
        while running.join_next().await.is_some() {}
    }

    async fn keep_running(&self, unit: &Unit, vitals: &Arc<Vitals>) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300), self.world.random.fork());
        let mut told = Told::default();
        while !self.stop.is_cancelled() {
            let started = self.world.clock.now();
            let ended = AssertUnwindSafe(self.run_once(unit, vitals, &mut told)).catch_unwind().await;
            vitals.enter(Phase::Rests);
            // A run that lasted was a success, whatever ended it.
            if self.world.clock.now() - started > Duration::from_secs(600) {
                backoff.reset();
            }
            let class = match ended {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Failed(Failure { code, class, error })) => {
                    let (error, at) = (chain(&*error), self.world.clock.now());
                    warn!(unit = %unit.id, %code, ?class, error, "unit failed");
                    vitals.failed(Some(Failed { code, error, at }));
                    class
                }
                Err(panic) => {
                    let (code, error) = (&codes::PANICKED, panic_text(&*panic).to_owned());
                    error!(unit = %unit.id, %code, panic = error, "unit panicked");
                    vitals.failed(Some(Failed { code, error, at: self.world.clock.now() }));
                    Class::Retry
                }
            };
            let wait = match class {
                Class::Retry | Class::SignIn => backoff.wait(),
                Class::Throttled => backoff.wait() * 2,
                Class::NeedsPerson => backoff.wait().max(Duration::from_secs(60)),
            };
            tokio::select! {
                biased;
                () = self.world.clock.sleep(wait) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    async fn run_once(&self, unit: &Unit, vitals: &Arc<Vitals>, told: &mut Told) -> Ended {
        vitals.enter(Phase::AwaitsDestination);
        let outlet = Outlet::new(self.outputs.clone(), self.budget.nested(UNIT_SHARE), self.ledger.unit(&unit.id))
            .with_vitals(vitals.clone())
            .watched(unit.id.clone(), self.world.clock.clone(), self.health.tap().clone());
        // Nothing is asked of a source, not even by a check, while its events could not be delivered.
        tokio::select! {
            biased;
            () = outlet.ready() => {}
            () = self.stop.cancelled() => return Ended::Stopped,
        }
        vitals.enter(Phase::Setup);
        let findings = tokio::select! {
            biased;
            findings = unit.setup.check() => findings,
            () = self.stop.cancelled() => return Ended::Stopped,
        };
        let findings = match findings {
            Ok(findings) => findings,
            Err(failure) => return Ended::Failed(failure),
        };
        told.tell(&unit.id, &findings);
        vitals.found(&findings, self.world.clock.wall());
        if let Some(finding) = findings.iter().find(|finding| finding.severity == Severity::Error) {
            let error = format!("setup failed: {}: {}", finding.code, finding.problem).into();
            return Ended::Failed(Failure { code: &codes::SETUP_FAILED, class: Class::NeedsPerson, error });
        }
        info!(unit = %unit.id, "puller started");
        vitals.enter(Phase::Pulls);
        vitals.failed(None);
        let context = PullerContext {
            unit: unit.id.clone(),
            store: self.store.clone(),
            outlet,
            world: self.world.clone(),
            stop: self.stop.clone(),
        };
        let ended = tokio::select! {
            biased;
            ended = unit.puller.run(context) => ended,
            never = self.watch(unit, vitals, told) => match never {},
        };
        // What a puller was refused by, its setup can name.
        if matches!(ended, Ended::Failed(Failure { class: Class::NeedsPerson, .. })) {
            tokio::select! {
                biased;
                () = self.look(unit, vitals, told) => {}
                () = self.stop.cancelled() => {}
            }
        }
        ended
    }

    /// Says what changes while the unit pulls: a permission may be lost that the next pull, or the next event, would need only
    /// much later. The puller goes on; what it can do without is not for its setup to decide.
    async fn watch(&self, unit: &Unit, vitals: &Vitals, told: &mut Told) -> Infallible {
        loop {
            self.world.clock.sleep(self.watch).await;
            self.look(unit, vitals, told).await;
        }
    }

    async fn look(&self, unit: &Unit, vitals: &Vitals, told: &mut Told) {
        // What keeps it from being found out is met, and told, by the puller too.
        if let Ok(findings) = unit.setup.check().await {
            told.tell(&unit.id, &findings);
            vitals.found(&findings, self.world.clock.wall());
        }
    }
}

/// What was found last, so that each thing is said once: when it comes, and when it goes.
#[derive(Default)]
struct Told(Vec<Finding>);

impl Told {
    fn tell(&mut self, unit: &UnitId, findings: &[Finding]) {
        for finding in findings.iter().filter(|finding| !self.0.contains(finding)) {
            let Finding { code, severity, problem, fix } = finding;
            match severity {
                Severity::Warning => warn!(%unit, %code, %fix, "{problem}"),
                Severity::Partial | Severity::Error => error!(%unit, %code, %fix, "{problem}"),
            }
        }
        for gone in self.0.iter().filter(|old| !findings.iter().any(|finding| finding.code == old.code)) {
            info!(%unit, code = %gone.code, "no longer found: {}", gone.problem);
        }
        self.0 = findings.to_vec();
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
