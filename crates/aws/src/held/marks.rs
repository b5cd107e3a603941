//! Progress marks: how far a message was dealt with, kept where a restart finds it.
//!
//! Marks are written one after the other, so that a later one of a message is never overtaken by an earlier one.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::held::{Owed, memory::Progress};

/// Between two marks of one message, and before its first: what takes no longer than a confirmation needs none.
pub(crate) const MARK_EVERY: Duration = Duration::from_secs(10);

/// SQS keeps a message for no longer than this, in seconds; a mark that is older is of no use.
const LONGEST_RETENTION: u64 = 14 * 24 * 3600;

/// A mark as it is stored.
#[derive(Serialize, Deserialize)]
struct Mark {
    /// When it was written, in seconds since 1970.
    at: u64,
    /// What the bits below stand for.
    outputs: Vec<String>,
    items: Vec<ItemMark>,
}

#[derive(Serialize, Deserialize)]
struct ItemMark {
    version: Option<String>,
    seen: u64,
    fault: Option<u64>,
    /// First ordinal, one past the last, and the outputs that lack them as bits.
    owed: Vec<(u64, u64, u64)>,
}

/// Something to be done to the stored marks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MarkWrite {
    Save { id: String, text: String },
    Remove { id: String },
}

/// The marks of a unit.
pub(crate) struct Marks {
    outputs: Vec<String>,
    /// What is stored, or about to be, by message id.
    stored: HashMap<String, Vec<Progress>>,
    writes: VecDeque<MarkWrite>,
}

impl Marks {
    pub(crate) fn new(outputs: Vec<String>) -> Self {
        Marks { outputs, stored: HashMap::new(), writes: VecDeque::new() }
    }

    /// Reads a stored mark. `None` if it is of no use any more; it is then removed.
    pub(crate) fn recall(&mut self, id: String, text: String, now: u64) -> Option<Vec<Progress>> {
        let mark = serde_json::from_str::<Mark>(&text).ok();
        // With other outputs the bits say something else: everything is given again, to all.
        let mark = mark.filter(|mark| mark.outputs == self.outputs && now.saturating_sub(mark.at) < LONGEST_RETENTION);
        let progress = mark.and_then(|mark| {
            let items = mark.items.into_iter().map(|item| {
                let owed = Owed::stored(&item.owed, self.outputs.len())?;
                Some(Progress { owed, version: item.version, seen: item.seen, fault: item.fault })
            });
            items.collect::<Option<Vec<_>>>()
        });
        let Some(progress) = progress else {
            self.writes.push_back(MarkWrite::Remove { id });
            return None;
        };
        self.stored.insert(id, progress.clone());
        Some(progress)
    }

    /// Keeps how far a message is, if that is news.
    pub(crate) fn keep(&mut self, id: &str, progress: &[Progress], now: u64) {
        if self.stored.get(id).is_some_and(|stored| stored == progress) {
            return;
        }
        let items = progress.iter().map(|progress| ItemMark {
            version: progress.version.clone(),
            seen: progress.seen,
            fault: progress.fault,
            owed: progress.owed.iter().map(|(range, to)| (range.start, range.end, to.bits())).collect(),
        });
        let mark = Mark { at: now, outputs: self.outputs.clone(), items: items.collect() };
        let text = serde_json::to_string(&mark).expect("numbers and strings can be written");
        self.stored.insert(id.to_owned(), progress.to_vec());
        self.writes.push_back(MarkWrite::Save { id: id.to_owned(), text });
    }

    /// The message is gone.
    pub(crate) fn forget(&mut self, id: &str) {
        if self.stored.remove(id).is_some() {
            self.writes.push_back(MarkWrite::Remove { id: id.to_owned() });
        }
    }

    /// The next write, in their order.
    pub(crate) fn next(&mut self) -> Option<MarkWrite> {
        self.writes.pop_front()
    }

    /// Whether something is still to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use quittance_core::OutputSet;

    use super::*;

    fn progress(from: u64) -> Vec<Progress> {
        let owed = Owed::all(OutputSet::first(1)).from(from);
        vec![Progress { owed, version: Some("etag".to_owned()), seen: from, fault: None }]
    }

    fn saved(marks: &mut Marks) -> String {
        match marks.next() {
            Some(MarkWrite::Save { text, .. }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mark_comes_back_as_it_was() {
        let mut marks = Marks::new(vec!["devo_1".to_owned()]);
        marks.keep("id", &progress(7), 100);
        let text = saved(&mut marks);
        let mut later = Marks::new(vec!["devo_1".to_owned()]);
        assert_eq!(later.recall("id".to_owned(), text.clone(), 200), Some(progress(7)));
        // Known already: nothing to write until it changes, or goes.
        later.keep("id", &progress(7), 300);
        assert!(later.is_empty());
        later.forget("id");
        assert_eq!(later.next(), Some(MarkWrite::Remove { id: "id".to_owned() }));
        later.forget("id");
        assert!(later.is_empty());
    }

    #[test]
    fn a_mark_for_other_outputs_too_old_or_damaged_is_removed() {
        let mut marks = Marks::new(vec!["devo_1".to_owned()]);
        marks.keep("id", &progress(7), 100);
        let text = saved(&mut marks);
        let removed = |outputs: &str, text: &str, now| {
            let mut marks = Marks::new(vec![outputs.to_owned()]);
            marks.recall("id".to_owned(), text.to_owned(), now).is_none()
                && marks.next() == Some(MarkWrite::Remove { id: "id".to_owned() })
        };
        assert!(removed("devo_2", &text, 200));
        assert!(removed("devo_1", &text, 100 + LONGEST_RETENTION));
        assert!(removed("devo_1", &text[..10], 200));
        // Of an output that there is not, of nothing, and of the same events twice.
        for odd in ["[[7,9,2]]", "[[7,9,0]]", "[[9,7,1]]", "[[7,9,1],[8,10,1]]", "[[7,9,1],[1,2,1]]"] {
            let whole = "[[7,18446744073709551615,1]]";
            assert!(text.contains(whole), "{text}");
            assert!(removed("devo_1", &text.replace(whole, odd), 200), "{odd}");
        }
    }
}
