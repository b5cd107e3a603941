//! Units: the smallest things that start, fail, back off and report on their own.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{Code, Judged, Outlet, Quarantined, Sample, Store, StoreError, World, codes};

/// The address of a unit in state, statistics and logs, as in `aws/12351/audit-events-all/audits_s3/eu-west-1/queue`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct UnitId(Arc<str>);

impl UnitId {
    /// Joins the parts of an address.
    pub fn new(parts: &[&str]) -> Self {
        UnitId(parts.join("/").into())
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service in one account, region and queue.
#[derive(Clone)]
pub struct Unit {
    /// Its address.
    pub id: UnitId,
    /// What it reads, as in `eu-west-1/queue`: two units of one input must not read the same, unless they share a puller.
    pub source: String,
    /// The tag of its events, with `{...}` where an event says a part of it: what a person is told.
    pub tag: String,
    /// Proves that it can work.
    pub setup: Arc<dyn Setup>,
    /// Does the work.
    pub puller: Arc<dyn Puller>,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The unit works; something will hurt later.
    Warning,
    /// The unit works, but for a part of what it reads.
    Partial,
    /// The unit cannot work.
    Error,
}

/// Something that setup found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of problem it is.
    pub code: &'static Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, with the names of the things concerned.
    pub problem: String,
    /// What to do.
    pub fix: Cow<'static, str>,
}

impl Finding {
    /// Something that keeps a unit from working; what to do is what the code says.
    pub fn error(code: &'static Code, problem: impl Into<String>) -> Self {
        Finding { code, severity: Severity::Error, problem: problem.into(), fix: code.solution.into() }
    }

    /// Something that will hurt later.
    pub fn warning(code: &'static Code, problem: impl Into<String>) -> Self {
        Finding { severity: Severity::Warning, ..Finding::error(code, problem) }
    }

    /// The same with something else to do about it.
    pub fn with_fix(self, fix: impl Into<Cow<'static, str>>) -> Self {
        Finding { fix: fix.into(), ..self }
    }
}

/// Proves, before anything is pulled, that credentials, names and permissions are right.
#[async_trait]
pub trait Setup: Send + Sync {
    /// Everything that is wrong; empty when all is well. Fails when that could not be found out.
    async fn check(&self) -> Result<Vec<Finding>, Failure>;

    /// What the unit's calls come to, if it is checked every `watch` while it pulls. Fails when that could not be found out.
    async fn estimate(&self, watch: Duration) -> Result<Estimate, Failure> {
        _ = watch;
        Ok(Estimate::default())
    }

    /// Why no event comes since then, as far as that can be told: asked when there was none for longer than the user expects, of a unit
    /// that could work. Empty if all that can be looked at is as it should be; what cannot be looked at is a finding too.
    async fn why_silent(&self, since: SystemTime) -> Vec<Finding> {
        _ = since;
        Vec::new()
    }
}

/// What a unit's calls come to in a month of 30 days, while its source has nothing new.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Estimate {
    /// How many.
    pub calls: f64,
    /// What they cost, in US dollars.
    pub dollars: f64,
    /// What comes on top of it with what there is to read; may be empty.
    pub beyond: &'static str,
}

/// What a puller is given for one run.
pub struct PullerContext {
    /// Whose run it is.
    pub unit: UnitId,
    /// What outlives the run.
    pub store: Arc<dyn Store>,
    /// Where events go.
    pub outlet: Outlet,
    /// Clock and randomness.
    pub world: World,
    /// Cancelled when the unit shall pull no more, settle what it holds, and end.
    pub stop: CancellationToken,
}

/// Takes events from a source and gives them to the outlet, until it is stopped or fails.
///
/// Everything that it holds lives inside `run`: the supervisor calls it again after a failure.
#[async_trait]
pub trait Puller: Send + Sync {
    /// One run.
    async fn run(&self, context: PullerContext) -> Ended;

    /// Gives once more what was set aside. When this has ended well, every output has confirmed all of it, and it may be
    /// discarded. Nothing is pulled.
    async fn replay(&self, item: Quarantined, context: PullerContext) -> Result<(), Failure> {
        _ = (item, context);
        Err(Failure {
            code: &codes::NOT_REPLAYED,
            class: Class::NeedsPerson,
            error: "its unit cannot give it again".into(),
        })
    }

    /// How surely a sample is of what this unit reads; `None` if it cannot be.
    fn takes(&self, sample: &Sample) -> Option<u8> {
        _ = sample;
        None
    }

    /// What would become of the events of a sample, by the same ways as in a run. Nothing is pulled and nothing given, and no
    /// source is asked.
    async fn judge(&self, sample: &Sample) -> Result<Vec<Judged>, Failure> {
        _ = sample;
        Err(Failure {
            code: &codes::NOT_JUDGED,
            class: Class::NeedsPerson,
            error: "this unit has no way to read samples".into(),
        })
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// As asked.
    Stopped,
    /// By itself; the class says what to do.
    Failed(Failure),
}

/// What kind of answer a failure needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Try again, with growing waits.
    Retry,
    /// The same, and slower.
    Throttled,
    /// Resolve the credentials again, then try.
    SignIn,
    /// Nothing helps but a change by a person; try slowly and say so.
    NeedsPerson,
}

/// A failure and its class.
#[derive(Debug)]
pub struct Failure {
    /// What kind of problem it is.
    pub code: &'static Code,
    /// What to do about it.
    pub class: Class,
    /// What happened, with its causes.
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure that may pass by itself.
    pub fn passing(code: &'static Code, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure { code, class: Class::Retry, error: error.into() }
    }

    /// The failure and its causes on one line.
    pub fn chain(&self) -> String {
        crate::chain(&*self.error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let class = if matches!(error, StoreError::Fenced { .. }) { Class::NeedsPerson } else { Class::Retry };
        Failure { code: error.code(), class, error: error.into() }
    }
}
