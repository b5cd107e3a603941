//! What the author of a service writes.

use std::sync::Arc;

use quittance_core::{Code, Finding, Unit};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Account, Source};

/// A kind of service: its configuration as a type, and how that becomes units.
pub trait ServiceKind: Send + Sync + 'static {
    /// The section under `services:`. Its schema is what users' configurations are checked against: the doc comment of a
    /// field explains its key, `examples` make good messages, and `x-aliases` names what serde's `alias` accepts too.
    type Config: DeserializeOwned + JsonSchema;

    /// The service's name in a configuration.
    const NAME: &'static str;

    /// The type that a section of any other name has in `types` to be of this kind, if one may.
    const FREE_TYPE: Option<&'static str> = None;

    /// What it reads and where that goes, for people.
    fn describe(&self) -> ServiceDescription;

    /// The units that a configuration asks for, at least one for each region.
    fn plan(&self, config: Self::Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError>;

    /// The same for a section of that name: where names are free, units are told apart by it.
    fn plan_as(&self, name: &str, config: Self::Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        _ = name;
        self.plan(config, account)
    }

    /// What will hurt later, each with the key that it stands at; nothing is asked of AWS.
    fn advice(&self, config: &Self::Config) -> Vec<(&'static str, Finding)> {
        _ = config;
        Vec::new()
    }

    /// What a configuration reads at AWS: `quittance iam` makes permissions and templates of it. It must name every call that
    /// the units make.
    fn sources(&self, config: &Self::Config) -> Result<Vec<Source>, PlanError>;
}

/// A service as people are told of it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceDescription {
    /// What it reads, in a few words.
    pub summary: &'static str,
    /// The codes of what only it can find.
    pub codes: &'static [&'static Code],
    /// Its types; one whose name is empty stands for a service without any.
    pub types: &'static [TypeDescription],
}

/// A type of a service.
#[derive(Clone, Copy, Debug)]
pub struct TypeDescription {
    /// Its name under `types`, or what else its source calls it: a folder, a type of events.
    pub name: &'static str,
    /// How it is read: `queue`, `objects` or `windows`.
    pub engine: &'static str,
    /// The Devo table that its events go to, if nothing else is set.
    pub table: &'static str,
}

/// Why a service's configuration cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`: {problem}")]
pub struct PlanError {
    /// The key concerned, relative to the service.
    pub key: String,
    /// What is wrong, and what is expected.
    pub problem: String,
}

impl PlanError {
    /// A problem with one key.
    pub fn new(key: &str, problem: impl Into<String>) -> Self {
        PlanError { key: key.to_owned(), problem: problem.into() }
    }
}
