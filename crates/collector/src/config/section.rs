//! A service's part of a configuration.

use quittance_aws::PlanError;
use serde::de::DeserializeOwned;

use super::{
    KeyPath, Position, Problem, deserialize,
    tree::{Node, Places},
};

/// The section of a service, which only the service itself can read.
#[derive(Clone, Debug)]
pub struct Section {
    pub(crate) path: KeyPath,
    pub(crate) key_at: Position,
    pub(crate) node: Node,
}

impl Section {
    /// Reads it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        deserialize::from_node(&self.node).map_err(|misfit| {
            let at = misfit.at.unwrap_or(self.key_at);
            Problem::error(at, &self.path.join(&misfit.path), misfit.message)
        })
    }

    /// The place of a service's complaint.
    pub(crate) fn locate(&self, error: PlanError) -> Problem {
        let keys: Vec<&str> = error.key.split('.').filter(|key| !key.is_empty()).collect();
        let below = KeyPath::of(&keys);
        let at = Places::of(&self.node).get(&below).unwrap_or(self.key_at);
        Problem::error(at, &self.path.join(&below), self.node.redact(error.problem))
    }
}
