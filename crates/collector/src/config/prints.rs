//! Fingerprints of a configuration's parts, which say what another one changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

use super::tree::{Node, Value};
use crate::fingerprint::Fingerprint;

/// Settings of the collector itself that may change while it runs.
const CHANGEABLE: [&str; 7] = [
    "debug",
    "name",
    "permission_check_interval",
    "queue_max_elapsed_time_in_sec",
    "queue_wrap_max_size_in_messages",
    "reload_interval",
    "unhealthy_after",
];

/// Of a configuration as it was read, with what came from the environment and from files of secrets.
#[derive(Debug, Default)]
pub(crate) struct Prints {
    globals: BTreeMap<String, Fingerprint>,
    pub(crate) outputs: BTreeMap<String, Fingerprint>,
    pub(crate) inputs: BTreeMap<String, InputPrints>,
}

/// Of what an input says besides its services.
#[derive(Debug)]
pub(crate) struct InputPrints {
    /// Who it signs in as.
    pub(crate) credentials: Fingerprint,
    /// Everything that counts for all of its services.
    pub(crate) way: Fingerprint,
}

impl Prints {
    pub(crate) fn of(tree: &Node) -> Self {
        let mut globals: BTreeMap<String, Fingerprint> = BTreeMap::new();
        for section in ["globals", "global_overrides"] {
            for entry in tree.child(section).map(Node::entries).unwrap_or_default() {
                let before = globals.get(&entry.key).copied();
                globals.insert(entry.key.clone(), Fingerprint::of((before, &entry.value)));
            }
        }
        let outputs = tree.child("outputs").map(Node::entries).unwrap_or_default().iter();
        let outputs = outputs.map(|entry| (entry.key.clone(), Fingerprint::of(&entry.value))).collect();
        let inputs = tree.child("inputs").map(Node::entries).unwrap_or_default().iter();
        let inputs = inputs.map(|entry| (entry.key.clone(), InputPrints::of(&entry.value))).collect();
        Prints { globals, outputs, inputs }
    }

    /// The settings of the collector itself that differ from those of `other`, and cannot while it runs.
    pub(crate) fn need_restart(&self, other: &Prints) -> Vec<String> {
        let keys: BTreeSet<_> = self.globals.keys().chain(other.globals.keys()).collect();
        let differs = |key: &String| self.globals.get(key) != other.globals.get(key);
        let keys = keys.into_iter().filter(|key| !CHANGEABLE.contains(&key.as_str()) && differs(key));
        keys.map(|key| format!("globals.{key}")).collect()
    }
}

impl InputPrints {
    fn of(input: &Node) -> Self {
        // The accounts are told apart where their units are planned.
        let apart = ["services", "credentials", "accounts", "enabled", "autoconfig"];
        let way: Vec<_> = input.entries().iter().filter(|entry| !apart.contains(&entry.key.as_str())).collect();
        let mut way: Vec<_> = way.into_iter().map(|entry| (&entry.key, &entry.value)).collect();
        way.sort_by_key(|(key, _)| *key);
        InputPrints { credentials: Fingerprint::of(input.child("credentials")), way: Fingerprint::of(way) }
    }
}

/// By what it says, wherever that stands.
impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.value {
            Value::Scalar(scalar) => (0, &scalar.text).hash(state),
            Value::List(items) => (1, items).hash(state),
            Value::Map(entries) => {
                let mut sorted: Vec<_> = entries.iter().map(|entry| (&entry.key, &entry.value)).collect();
                sorted.sort_by_key(|(key, _)| *key);
                (2, sorted).hash(state);
            }
        }
    }
}
