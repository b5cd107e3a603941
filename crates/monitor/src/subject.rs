//! What is watched.

use std::{sync::Arc, time::SystemTime};

use quittance_core::{CallCounts, Health, Ledger, Readiness, Store};

/// A collector, as it is seen from outside: ends of what it does anyway.
pub struct Subject {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its accounts.
    pub ledger: Arc<Ledger>,
    /// How its units get on, and where their batches pass.
    pub health: Arc<Health>,
    /// The required outputs.
    pub outputs: Vec<Readiness>,
    /// All senders, those of the outputs among them.
    pub senders: Vec<SenderView>,
    /// What came of its calls.
    pub calls: Arc<CallCounts>,
    /// Where its quarantine is.
    pub store: Arc<dyn Store>,
    /// Our certificates at the outputs.
    pub certificates: Vec<Certificate>,
    /// Its configuration, for people: without a secret.
    pub configuration: String,
}

/// A sender of an output.
#[derive(Clone)]
pub struct SenderView {
    /// What it carries: `standard`, `lookup` or `internal`.
    pub pool: &'static str,
    /// Its output's name, whether it confirms, and its counts.
    pub sender: Readiness,
}

/// A certificate of ours.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The output that it is shown to.
    pub output: String,
    /// When it ends.
    pub not_after: SystemTime,
}
