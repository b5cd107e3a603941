//! Addresses inside a configuration.

use std::fmt;

/// One step down.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

/// The keys that lead to a value, as in `inputs.aws.services.audit-events-all.regions[0]`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The path of these keys.
    pub fn of(keys: &[&str]) -> Self {
        KeyPath(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    /// The path that a service writes with dots, and items of lists as in `filters[0].mask[1]`.
    pub(crate) fn relative(written: &str) -> Self {
        let mut path = KeyPath::default();
        for key in written.split('.').filter(|key| !key.is_empty()) {
            let mut parts = key.split('[');
            let name = parts.next().unwrap_or_default();
            let items = parts.map(|item| item.strip_suffix(']')?.parse().ok());
            match items.collect::<Option<Vec<usize>>>() {
                Some(items) => path = items.into_iter().fold(path.key(name), |path, item| path.item(item)),
                None => path = path.key(key),
            }
        }
        path
    }

    /// One key further.
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// One item of a list further.
    pub fn item(&self, index: usize) -> Self {
        self.with(Step::Item(index))
    }

    /// The path of `below`, which is relative to this one.
    pub(crate) fn join(&self, below: &KeyPath) -> Self {
        KeyPath(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// The path without its last step; the whole configuration has no parent.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(KeyPath(above.to_vec()))
    }

    /// The last key, whatever items of lists come after it.
    pub(crate) fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item(_) => None,
        })
    }

    /// The keys before the first item of a list.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let keys = self.0.iter().map_while(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item(_) => None,
        });
        keys.collect()
    }

    /// Whether `above` is this path or leads to it.
    pub(crate) fn is_within(&self, above: &KeyPath) -> bool {
        self.0.starts_with(&above.0)
    }

    fn with(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.0.push(step);
        path
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => write!(f, "{}", key.escape_debug())?,
                Step::Key(key) => write!(f, ".{}", key.escape_debug())?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}
