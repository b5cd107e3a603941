//! A service's part of a configuration.

use quittance_aws::PlanError;
use serde::de::DeserializeOwned;

use super::{
    KeyPath, Position, Problem, deserialize,
    sections::CREDENTIALS,
    tree::{Entry, Node, Places, Value},
};
use crate::fingerprint::Fingerprint;

/// The section of a service, which only the service itself can read.
#[derive(Clone, Debug)]
pub struct Section {
    pub(crate) path: KeyPath,
    pub(crate) key_at: Position,
    pub(crate) node: Node,
    /// Its own `credentials`, taken out.
    pub(crate) credentials: Option<Box<Section>>,
}

impl Section {
    /// The section of a service, whose own credentials it does not see. Credentials of nothing are none.
    pub(crate) fn of_service(path: KeyPath, key_at: Position, mut node: Node) -> Section {
        let mut credentials = None;
        if let Value::Map(entries) = &mut node.value
            && let Some(index) = entries.iter().position(|entry| entry.key == CREDENTIALS)
        {
            let Entry { key, key_at, value } = entries.remove(index);
            if !value.entries().is_empty() {
                let own = Section { path: path.key(&key), key_at, node: value, credentials: None };
                credentials = Some(Box::new(own));
            }
        }
        Section { path, key_at, node, credentials }
    }

    /// Of everything that it says.
    pub(crate) fn print(&self) -> Fingerprint {
        Fingerprint::of((&self.node, self.credentials.as_ref().map(|own| own.print())))
    }

    /// The text under one of its keys.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.node.child(key).and_then(Node::scalar).map(|scalar| scalar.text.as_str())
    }

    /// Its keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.node.entries().iter().map(|entry| entry.key.as_str())
    }

    /// The texts of one of its lists.
    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        let Some(Value::List(items)) = self.node.child(key).map(|node| &node.value) else { return Vec::new() };
        items.iter().filter_map(Node::scalar).map(|scalar| scalar.text.trim()).collect()
    }

    /// Reads it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        deserialize::from_node(&self.node).map_err(|misfit| {
            let at = misfit.at.unwrap_or(self.key_at);
            Problem::error(at, &self.path.join(&misfit.path), misfit.message)
        })
    }

    /// The place of a service's complaint.
    pub(crate) fn locate(&self, error: PlanError) -> Problem {
        let below = KeyPath::relative(&error.key);
        let at = Places::of(&self.node).get(&below).unwrap_or(self.key_at);
        Problem::error(at, &self.path.join(&below), self.node.redact(error.problem))
    }
}
