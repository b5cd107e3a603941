//! Keeps every unit running: setup, run, back off, again.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    Backoff, Budget, Class, Ended, Failure, Ledger, Outlet, Output, PullerContext, Severity, Store, Unit, World,
};

/// Bytes that one unit may have on their way, within the collector's budget.
const UNIT_SHARE: usize = 16 << 20;

/// Runs units until it is stopped. A unit's failure or panic touches no other.
#[derive(Clone)]
pub struct Supervisor {
    /// The required outputs.
    pub outputs: Arc<[Output]>,
    /// Room for all units together.
    pub budget: Arc<Budget>,
    /// Where every unit has its account.
    pub ledger: Arc<Ledger>,
    /// What outlives a run.
    pub store: Arc<dyn Store>,
    /// Clock and randomness.
    pub world: World,
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
            running.spawn(async move { this.keep_running(unit).await });
        }
        while running.join_next().await.is_some() {}
    }

    async fn keep_running(&self, unit: Unit) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300), self.world.random.fork());
        while !self.stop.is_cancelled() {
            let started = self.world.clock.now();
            let ended = AssertUnwindSafe(self.run_once(&unit)).catch_unwind().await;
            // A run that lasted was a success, whatever ended it.
            if self.world.clock.now() - started > Duration::from_secs(600) {
                backoff.reset();
            }
            let class = match ended {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Failed(failure)) => {
                    warn!(unit = %unit.id, class = ?failure.class, error = failure.chain(), "unit failed");
                    failure.class
                }
                Err(panic) => {
                    error!(unit = %unit.id, panic = panic_text(&*panic), "unit panicked");
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

    async fn run_once(&self, unit: &Unit) -> Ended {
        let outlet = Outlet::new(self.outputs.clone(), self.budget.nested(UNIT_SHARE), self.ledger.unit(&unit.id));
        // Nothing is asked of a source, not even by a check, while its events could not be delivered.
        tokio::select! {
            biased;
            () = outlet.ready() => {}
            () = self.stop.cancelled() => return Ended::Stopped,
        }
        let findings = tokio::select! {
            biased;
            findings = unit.setup.check() => findings,
            () = self.stop.cancelled() => return Ended::Stopped,
        };
        let findings = match findings {
            Ok(findings) => findings,
            Err(failure) => return Ended::Failed(failure),
        };
        for finding in &findings {
            match finding.severity {
                Severity::Warning => warn!(unit = %unit.id, fix = finding.fix, "{}", finding.problem),
                Severity::Error => error!(unit = %unit.id, fix = finding.fix, "{}", finding.problem),
            }
        }
        if let Some(finding) = findings.iter().find(|finding| finding.severity == Severity::Error) {
            let error = format!("setup failed: {}", finding.problem).into();
            return Ended::Failed(Failure { class: Class::NeedsPerson, error });
        }
        info!(unit = %unit.id, "puller started");
        let context = PullerContext {
            unit: unit.id.clone(),
            store: self.store.clone(),
            outlet,
            world: self.world.clone(),
            stop: self.stop.clone(),
        };
        unit.puller.run(context).await
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
