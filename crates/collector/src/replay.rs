//! Gives once more what was set aside: each item by its own unit, over the configured outputs, and against receipts.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use quittance_core::{
    Class, Code, Failure, Outlet, PullerContext, Supervisor, Unit,
    codes::{FAILED, NOT_REPLAYED},
};
use quittance_state::{Aside, Sqlite};
use tracing::warn;

use crate::{
    Collector, CollectorError, codes,
    planning::{Organization, Plan},
    running::Running,
};

/// Items that are given at a time: of objects, each takes half a MiB.
const AT_A_TIME: usize = 8;

/// How long it is waited until the outputs are known to confirm.
const READY: Duration = Duration::from_secs(60);

/// Bytes on their way.
const ROOM: usize = 16 << 20;

/// What became of an item.
pub struct Replayed {
    /// Which.
    pub aside: Aside,
    /// Every output has confirmed it, and it is discarded; or why it stays, with the code.
    pub result: Result<(), (&'static Code, String)>,
}

/// Gives `asides` of `store` once more, by a collector that was built for it. `tell` hears of each when it is decided; what is
/// not told when this ends stays. Fails as a collector does that runs.
pub async fn replay(
    collector: Collector,
    store: Arc<Sqlite>,
    asides: Vec<Aside>,
    tell: impl Fn(Replayed) + Send + Sync,
) -> Result<(), CollectorError> {
    let Collector { running: Running { supervisor, outputs, .. }, plan: Plan { units, organizations }, sending } =
        collector;
    let units = units.into_iter().map(|planned| planned.unit).collect();
    let stop = supervisor.stop.clone();
    let work = async {
        // The senders end when nothing leads to them any more.
        let _outputs = outputs;
        let all = Box::pin(give_all(supervisor, units, organizations, store, asides, &tell));
        tokio::select! {
            () = all => {}
            () = stop.cancelled() => {}
        }
    };
    Box::pin(sending.around(work)).await
}

async fn give_all(
    supervisor: Supervisor,
    units: Vec<Unit>,
    organizations: Vec<Organization>,
    store: Arc<Sqlite>,
    asides: Vec<Aside>,
    tell: &(impl Fn(Replayed) + Send + Sync),
) {
    let mut units: HashMap<String, Unit> = units.into_iter().map(|unit| (unit.id.to_string(), unit)).collect();
    if asides.iter().any(|aside| !units.contains_key(&aside.unit)) {
        Box::pin(find_more(&organizations, &mut units)).await;
    }
    let is_ready = is_ready(&supervisor).await;
    let (supervisor, units, store) = (&supervisor, &units, &store);
    let given = stream::iter(asides).map(|aside| async move {
        let unit = units.get(&aside.unit);
        let result = match unit {
            None => Err(failure("its unit is not in the configuration")),
            Some(_) if !is_ready => Err(Failure {
                code: &FAILED,
                class: Class::Retry,
                error: format!("an output is not known to confirm after {} seconds", READY.as_secs()).into(),
            }),
            Some(unit) => Box::pin(give(supervisor, unit, store, &aside)).await,
        };
        Replayed { aside, result: result.map_err(|failure| (failure.code, failure.chain())) }
    });
    given.buffer_unordered(AT_A_TIME).for_each(async |replayed| tell(replayed)).await;
}

/// Gives an item, and discards it when that is confirmed.
async fn give(supervisor: &Supervisor, unit: &Unit, store: &Arc<Sqlite>, aside: &Aside) -> Result<(), Failure> {
    let Some(item) = store.quarantined_item(aside.id).await? else {
        return Err(failure("it is not in the quarantine"));
    };
    let Supervisor { outputs, budget, ledger, world, stop, .. } = supervisor;
    let context = PullerContext {
        unit: unit.id.clone(),
        store: store.clone(),
        outlet: Outlet::new(outputs.clone(), budget.nested(ROOM), ledger.unit(&unit.id)),
        world: world.clone(),
        stop: stop.clone(),
    };
    unit.puller.replay(item, context).await?;
    store.discard(vec![aside.id]).await?;
    Ok(())
}

/// The units of accounts that AWS must be asked for.
async fn find_more(organizations: &[Organization], units: &mut HashMap<String, Unit>) {
    for organization in organizations {
        match Box::pin(organization.find()).await {
            Ok(found) => units.extend(found.into_iter().map(|planned| (planned.unit.id.to_string(), planned.unit))),
            Err(error) => {
                warn!(input = organization.input, code = %codes::ORGANIZATION, error = error.chain(), "the accounts of the organization cannot be listed");
            }
        }
    }
}

async fn is_ready(supervisor: &Supervisor) -> bool {
    let Supervisor { outputs, budget, ledger, world, .. } = supervisor;
    let outlet =
        Outlet::new(outputs.clone(), budget.nested(ROOM), ledger.unit(&quittance_core::UnitId::new(&["replay"])));
    tokio::select! {
        () = outlet.ready() => true,
        () = world.clock.sleep(READY) => false,
    }
}

fn failure(problem: &'static str) -> Failure {
    Failure { code: &NOT_REPLAYED, class: Class::NeedsPerson, error: problem.into() }
}
