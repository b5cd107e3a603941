//! The units that run, each with a stop of its own.

use std::{collections::BTreeMap, time::Duration};

use quittance_core::{Backoff, Supervisor, Unit, UnitId, World, chain, codes::STATE_UNREADABLE};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{fingerprint::Fingerprint, outputs::names, planning::PlannedUnit, resets};

/// Units by their addresses. Of two with the same address, the one before has ended when the other begins.
#[derive(Default)]
pub(crate) struct Fleet {
    members: BTreeMap<UnitId, Member>,
    tasks: JoinSet<()>,
}

struct Member {
    fingerprint: Fingerprint,
    /// The input whose organization it was found in, if it was.
    found_by: Option<String>,
    stop: CancellationToken,
    ended: CancellationToken,
}

/// What a plan changed.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) started: usize,
    pub(crate) restarted: usize,
    pub(crate) stopped: usize,
    pub(crate) unchanged: usize,
}

impl Fleet {
    /// Makes the units of `planned` out of those that run. Those that are as before go on untouched; those that changed end in
    /// order and begin again; those that are not planned any more end in order, if `concerns` says of who found them that the
    /// plan speaks of them.
    pub(crate) fn reconcile(
        &mut self,
        supervisor: &Supervisor,
        planned: Vec<PlannedUnit>,
        found_by: Option<&str>,
        concerns: impl Fn(Option<&str>) -> bool,
    ) -> Changes {
        self.members.retain(|_, member| !member.ended.is_cancelled());
        let all = Fingerprint::of((supervisor.watch, names(&supervisor.outputs)));
        let mut changes = Changes::default();
        for (id, member) in &self.members {
            let is_planned = planned.iter().any(|planned| planned.unit.id == *id);
            if !is_planned && !member.stop.is_cancelled() && concerns(member.found_by.as_deref()) {
                member.stop.cancel();
                changes.stopped += 1;
            }
        }
        for planned in planned {
            let fingerprint = planned.fingerprint.and(all);
            let before = self.members.get(&planned.unit.id);
            match before {
                Some(member) if member.fingerprint == fingerprint && !member.stop.is_cancelled() => {
                    changes.unchanged += 1;
                    continue;
                }
                Some(member) if !member.stop.is_cancelled() => changes.restarted += 1,
                _ => changes.started += 1,
            }
            let before = before.map(|member| {
                member.stop.cancel();
                member.ended.clone()
            });
            let (stop, ended) = (supervisor.stop.child_token(), CancellationToken::new());
            let member =
                Member { fingerprint, found_by: found_by.map(str::to_owned), stop: stop.clone(), ended: ended.clone() };
            self.members.insert(planned.unit.id.clone(), member);
            let supervisor = Supervisor { stop, ..supervisor.clone() };
            self.tasks.spawn(async move {
                let _ended = ended.drop_guard();
                if let Some(before) = before {
                    before.cancelled().await;
                }
                keep(supervisor, planned).await;
            });
        }
        changes
    }

    /// Clears away what has ended; waits while nothing does.
    pub(crate) async fn tidy(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends when all units have.
    pub(crate) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Runs a unit until it is stopped, and watches for its silence.
async fn keep(supervisor: Supervisor, planned: PlannedUnit) {
    if !reset(&supervisor, &planned).await {
        return;
    }
    let PlannedUnit { unit, expect_every, .. } = planned;
    let run = |unit: Unit| supervisor.clone().run(vec![unit]);
    match expect_every {
        None => run(unit).await,
        Some(every) => tokio::select! {
            biased;
            () = run(unit.clone()) => {}
            never = supervisor.expect(&unit, every) => match never {},
        },
    }
}

/// Makes a unit forget how far it came, if its user says so. Whether it may begin.
async fn reset(supervisor: &Supervisor, planned: &PlannedUnit) -> bool {
    if planned.reset.is_none() {
        return true;
    }
    let World { clock, random } = &supervisor.world;
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300), random.fork());
    while let Err(error) = resets::apply([planned], &*supervisor.store).await {
        let code = error.code().unwrap_or(&STATE_UNREADABLE);
        warn!(unit = %planned.unit.id, %code, error = chain(&error), "the unit cannot be reset yet");
        tokio::select! {
            biased;
            () = clock.sleep(backoff.wait()) => {}
            () = supervisor.stop.cancelled() => return false,
        }
    }
    !supervisor.stop.is_cancelled()
}
