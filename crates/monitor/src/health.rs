//! What the probes say, as it is read and written.

use std::time::{SystemTime, UNIX_EPOCH};

use quittance_core::{Counts, Finding, Reloaded, UnitHealth};
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
    /// What became of the last reload; nothing if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<LastReload>,
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
    /// When it saw its last event, in seconds since the epoch, if that is longer ago than its user expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<u64>,
    /// Why it sees none, as far as that can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// Why a unit sees no event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// Its code, as in `PullError345`.
    pub code: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

impl From<Finding> for Cause {
    fn from(Finding { code, problem, fix, .. }: Finding) -> Self {
        Cause { code: code.to_string(), problem, fix: fix.into_owned() }
    }
}

/// What became of the last reload of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastReload {
    /// When, in seconds since the epoch.
    pub at: u64,
    /// Whether it was taken.
    pub ok: bool,
    /// Why not: the configuration before goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl From<Reloaded> for LastReload {
    fn from(Reloaded { at, refused, .. }: Reloaded) -> Self {
        LastReload { at: seconds(at), ok: refused.is_none(), refused }
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl From<UnitHealth> for Unit {
    fn from(UnitHealth { unit, stalled, held, in_flight, quiet }: UnitHealth) -> Self {
        Unit {
            unit: unit.to_string(),
            healthy: stalled.is_none(),
            stage: stalled.map(|(stage, _)| stage.name().to_owned()),
            seconds: stalled.map(|(_, stands)| stands.as_secs()),
            held,
            in_flight,
            quiet_since: quiet.as_ref().map(|quiet| seconds(quiet.since)),
            causes: quiet.map(|quiet| quiet.causes.into_iter().map(Cause::from).collect()).unwrap_or_default(),
        }
    }
}
