//! Gives what a bucket holds of a range of time, once: by the unit of a service, over the configured outputs and against
//! receipts, as if its objects had just been announced.

use std::{sync::Arc, time::SystemTime};

use quittance_aws::windows::event_id;
use quittance_core::{Backfill, Ledger, Past, Progress, Supervisor, Survey, Unit, UnitId};
use quittance_state::Sqlite;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Collector, CollectorError, Config, Parts, Replayed, codes,
    outputs::Outputs,
    planning::{Organization, Plan},
    replay::give_again,
    running::Running,
    sending::Sending,
};

/// What is to be given, and by whom.
#[derive(Clone, Debug)]
pub struct WantedPast {
    /// The input.
    pub input: String,
    /// The service.
    pub service: String,
    /// Its type, where several read objects.
    pub of_type: Option<String>,
    /// How the address of the unit begins, where that is not enough.
    pub unit: Option<String>,
    /// What it is to give.
    pub past: Past,
}

impl WantedPast {
    /// What tells this range from others of the same state: the same words mean the same range again. The pace is none of it.
    pub fn id(&self) -> String {
        let WantedPast { input, service, of_type, unit, past } = self;
        let Past { place, prefix, from, to, by_name, region: _, rate: _ } = past;
        let time = |time: &Option<SystemTime>| match time.and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok()) {
            Some(since) => since.as_nanos().to_string(),
            None => String::new(),
        };
        let (from, to, by_name) = (time(from), time(to), by_name.to_string());
        let [of_type, unit] = [of_type, unit].map(|text| text.as_deref().unwrap_or_default());
        let parts = [input, service, of_type, unit, place, prefix, &from, &to, &by_name];
        format!("{:016x}", event_id(&parts.map(str::as_bytes)) >> 64)
    }
}

/// `config` with a state of its own for the backfill `id`: a collector that runs holds the other one.
pub fn with_state_of_backfill(mut config: Config, id: &str) -> Config {
    let name = &mut config.globals.persistence.config.directory_name;
    *name = format!("{}/backfill-{id}", name.trim_end_matches('/'));
    config
}

/// A backfill, ready to run.
pub struct Backfilling {
    supervisor: Supervisor,
    outputs: Outputs,
    sending: Sending,
    unit: Unit,
    backfill: Backfill,
}

impl Backfilling {
    /// Puts together what `wanted` asks for. Fails if no unit of `config` can give it, or several can.
    pub async fn build(
        mut config: Config,
        wanted: &WantedPast,
        parts: Parts,
        stop: CancellationToken,
    ) -> Result<Backfilling, CollectorError> {
        let WantedPast { input, service, of_type, unit, past } = wanted;
        let names: Vec<_> = config.inputs.keys().cloned().collect();
        config.inputs.retain(|name, _| name == input);
        let Some(one) = config.inputs.get_mut(input) else {
            return Err(CollectorError::Input { problem: format!("there is no input `{input}`"), names });
        };
        let names = one.services.keys().cloned().collect();
        one.services.retain(|name, _| name == service);
        if one.services.is_empty() {
            return Err(CollectorError::NoService { service: service.clone(), names });
        }
        let Collector { running: Running { supervisor, outputs, .. }, plan, sending } =
            Collector::build_to_replay(config, parts, stop).await?;
        let Plan { units, organizations } = plan;
        let mut units: Vec<Unit> = units.into_iter().map(|planned| planned.unit).collect();
        Box::pin(find(&organizations, &mut units)).await;
        let all: Vec<String> = units.iter().map(|unit| unit.id.to_string()).collect();
        units.retain(|one| {
            let id = one.id.as_str();
            of_type.as_deref().is_none_or(|of_type| id.split('/').nth(TYPE) == Some(of_type))
                && unit.as_deref().is_none_or(|prefix| id.starts_with(prefix))
        });
        let mut able: Vec<(Unit, Backfill)> = Vec::new();
        for unit in units {
            let Some(backfill) = unit.puller.backfill(past) else { continue };
            // Of a type that is read in several regions, each unit gives the same.
            if !able.iter().any(|(other, _)| kind_of(other) == kind_of(&unit)) {
                able.push((unit, backfill));
            }
        }
        let (unit, backfill) = match able.len() {
            1 => able.remove(0),
            0 => {
                let problem = format!("no such unit of `{service}` reads objects in S3");
                return Err(CollectorError::Unit { problem, names: all });
            }
            _ => {
                let problem = format!("several units of `{service}` could give it");
                let names = able.iter().map(|(unit, _)| unit.id.to_string()).collect();
                return Err(CollectorError::Unit { problem, names });
            }
        };
        let id = UnitId::new(&[unit.id.as_str(), "backfill", &wanted.id()]);
        let source = format!("s3://{}/{}", past.place, past.prefix);
        let (setup, puller) = (backfill.setup.clone(), backfill.puller.clone());
        let unit = Unit { id, source, tag: unit.tag, setup, puller };
        Ok(Backfilling { supervisor, outputs, sending, unit, backfill })
    }

    /// The unit that gives it.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Its account.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.supervisor.ledger.clone()
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        self.backfill.progress.clone()
    }

    /// Counts what the range holds; nothing is read.
    pub fn survey(&self) -> Arc<dyn Survey> {
        self.backfill.survey.clone()
    }

    /// Runs until everything of the range is dealt with, or until it is stopped: then another run goes on.
    pub async fn run(self) -> Result<(), CollectorError> {
        let Backfilling { supervisor, outputs, sending, unit, .. } = self;
        let work = async {
            // The senders end when nothing leads to them any more.
            let _outputs = outputs;
            supervisor.run(vec![unit]).await;
        };
        Box::pin(sending.around(work)).await
    }

    /// Gives what this backfill has set aside into `store` once more, and nothing else.
    pub async fn replay(self, store: Arc<Sqlite>, tell: impl Fn(Replayed) + Send + Sync) -> Result<(), CollectorError> {
        let asides = store.quarantined().await.map_err(|source| CollectorError::Backfill { source })?;
        let Backfilling { supervisor, outputs, sending, unit, .. } = self;
        let running = give_again(supervisor, outputs, sending, (vec![unit], Vec::new()), store, asides, tell);
        Box::pin(running).await
    }
}

/// Which level of a unit's address is its type.
const TYPE: usize = 3;

/// What units of several regions have in common.
fn kind_of(unit: &Unit) -> Vec<String> {
    unit.id.as_str().split('/').take(TYPE + 1).map(str::to_owned).collect()
}

/// The units of accounts that AWS must be asked for.
async fn find(organizations: &[Organization], units: &mut Vec<Unit>) {
    for organization in organizations {
        match Box::pin(organization.find()).await {
            Ok(found) => units.extend(found.into_iter().map(|planned| planned.unit)),
            Err(error) => {
                warn!(input = organization.input, code = %codes::ORGANIZATION, error = error.chain(), "the accounts of the organization cannot be listed");
            }
        }
    }
}
