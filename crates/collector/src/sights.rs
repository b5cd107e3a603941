//! What of a collector is seen by who watches it, beside its ledger and health.

use std::{path::PathBuf, sync::Arc};

use quittance_core::{CallCounts, Readiness};

/// As of one moment: a reload makes others.
#[derive(Clone)]
pub struct Sights {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What came of its calls.
    pub calls: Arc<CallCounts>,
    /// Its senders.
    pub senders: Vec<SenderView>,
    /// The file of our certificate at each output.
    pub certificates: Vec<(String, PathBuf)>,
    /// Its configuration as people may see it, without secrets.
    pub configuration: String,
    /// Whether debug lines are wanted.
    pub debug: bool,
}

/// A sender, as it is seen.
#[derive(Clone)]
pub struct SenderView {
    /// What it carries: `standard`, `lookup` or `internal`.
    pub kind: &'static str,
    /// Its output's name, whether it confirms, and its counts.
    pub sender: Readiness,
}
