//! Policy documents, as IAM reads them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What IAM takes as a managed policy, in characters that are no white space.
pub const LARGEST_MANAGED: usize = 6_144;

/// A policy document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    /// The statements.
    pub statement: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name within the document: letters and digits.
    pub sid: String,
    /// `Allow` or `Deny`.
    pub effect: Effect,
    /// Whom it is about, in a policy of a resource: `{"AWS": ...}`, `{"Service": ...}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub principal: BTreeMap<&'static str, String>,
    /// The actions.
    pub action: Vec<String>,
    /// The ARNs that they are done to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    /// What must hold: by operator, keys and their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: Condition,
}

/// By operator, keys and their values.
pub type Condition = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

/// Whether a statement allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub enum Effect {
    /// It does.
    #[default]
    Allow,
    /// It forbids.
    Deny,
}

impl Document {
    /// A document of these statements.
    pub fn new(statement: Vec<Statement>) -> Document {
        Document { version: "2012-10-17", statement }
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// How long IAM takes it for, in characters.
    pub fn length(&self) -> usize {
        self.to_json().to_string().chars().filter(|c| !c.is_whitespace()).count()
    }

    /// Allows `actions` on `resource`, in the statement of this name that already does if there is one.
    pub(crate) fn allow(&mut self, sid: &str, actions: &[&str], resource: String, condition: Condition) {
        let same = |one: &&mut Statement| one.action == actions && one.condition == condition;
        if let Some(statement) = self.statement.iter_mut().find(same) {
            if !statement.resource.contains(&resource) {
                statement.resource.push(resource);
            }
            return;
        }
        let taken = self.statement.iter().filter(|one| one.sid.trim_end_matches(|c: char| c.is_ascii_digit()) == sid);
        let sid = match taken.count() {
            0 => sid.to_owned(),
            others => format!("{sid}{}", others + 1),
        };
        let action = actions.iter().map(|action| (*action).to_owned()).collect();
        self.statement.push(Statement { sid, action, resource: vec![resource], condition, ..Statement::default() });
    }
}

/// A condition with one key.
pub(crate) fn when(operator: &'static str, key: &'static str, values: impl IntoIterator<Item = String>) -> Condition {
    BTreeMap::from([(operator, BTreeMap::from([(key, values.into_iter().collect())]))])
}
