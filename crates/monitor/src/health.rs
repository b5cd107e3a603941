//! What the probes say, as it is read and written.

use quittance_core::UnitHealth;
use serde::{Deserialize, Serialize};

/// The answer of `/healthz`; of `/readyz` without the units.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Health {
    /// Whether all is well.
    pub healthy: bool,
    /// The required outputs.
    pub outputs: Vec<Output>,
    /// The units that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<Unit>>,
}

/// A required output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it is known to confirm.
    pub confirms: bool,
}

/// A unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Its address, as in `aws/12351/audit-events-all/audits_s3/eu-west-1/queue`.
    pub unit: String,
    /// Whether it gets on.
    pub healthy: bool,
    /// Where it stands still, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Messages that it holds.
    pub held: usize,
    /// Events that it has on their way.
    pub in_flight: u64,
}

impl From<UnitHealth> for Unit {
    fn from(UnitHealth { unit, stalled, held, in_flight }: UnitHealth) -> Self {
        Unit {
            unit: unit.to_string(),
            healthy: stalled.is_none(),
            stage: stalled.map(|(stage, _)| stage.name().to_owned()),
            seconds: stalled.map(|(_, stands)| stands.as_secs()),
            held,
            in_flight,
        }
    }
}
