//! What may be asked for, and what is answered.

use quittance_core::{Events, UnitId};
use serde::{Deserialize, Serialize};

/// Which events somebody wants to see; every condition that is given must hold.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// A table, or the first levels of one.
    pub table: Option<String>,
    /// A part of a unit's address.
    pub unit: Option<String>,
    /// A text that the event holds.
    pub text: Option<String>,
}

/// A line of the answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tapped {
    /// An event on its way. One that is given again is seen again.
    Event {
        /// Whose.
        unit: String,
        /// Its whole tag.
        tag: String,
        /// Its text, the beginning of it if it is long.
        event: String,
        /// How many bytes it has.
        bytes: u64,
    },
    /// Events that may have been wanted, and were not shown.
    Dropped {
        /// How many since this was told last.
        dropped: u64,
    },
    /// Nothing new.
    Quiet {},
}

impl Wish {
    /// The same without what is empty, as forms send it.
    pub(crate) fn tidy(self) -> Wish {
        let some = |field: Option<String>| field.filter(|text| !text.is_empty());
        Wish { table: some(self.table), unit: some(self.unit), text: some(self.text) }
    }

    /// Whether a batch may hold what is wanted.
    pub(crate) fn wants(&self, unit: &UnitId, events: &Events) -> bool {
        self.unit.as_deref().is_none_or(|part| unit.as_str().contains(part))
            && events.tags().iter().any(|tag| self.wants_tag(tag.as_str()))
    }

    pub(crate) fn wants_tag(&self, tag: &str) -> bool {
        let Some(table) = &self.table else { return true };
        tag.strip_prefix(&**table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || table.ends_with('.'))
    }

    pub(crate) fn wants_text(&self, event: &str) -> bool {
        self.text.as_deref().is_none_or(|text| event.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_wanted_by_its_levels() {
        let wish = Wish { table: Some("cloud.aws".to_owned()), ..Wish::default() };
        let wanted =
            ["cloud.aws", "cloud.aws.cloudtrail.s3", "cloud.awsome.x", "my.cloud.aws"].map(|tag| wish.wants_tag(tag));
        assert_eq!(wanted, [true, true, false, false]);
    }
}
