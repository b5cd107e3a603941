//! What the probes say, as it is read and written.

use quittance_core::{Counts, UnitHealth};
use serde::{Deserialize, Serialize};

/// The answer of `/healthz`; of `/readyz` without the units.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Health {
    /// Whether all is well.
    pub healthy: bool,
    /// The outputs. Only those that are required count.
    pub outputs: Vec<Output>,
    /// The units that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<Unit>>,
}

/// An output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it is known to confirm.
    pub confirms: bool,
    /// The account of an optional one: the others do not wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<Optional>,
}

/// What became of the events that an optional output was offered; the rest is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Optional {
    /// All of them.
    pub offered: u64,
    /// Those that it has confirmed.
    pub confirmed: u64,
    /// Those that it had no room for, or never confirmed.
    pub lost: u64,
}

impl From<Counts> for Optional {
    fn from(counts: Counts) -> Self {
        Optional { offered: counts.pulled, confirmed: counts.delivered(), lost: counts.returned }
    }
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
