//! What is remembered of messages that went back to their queue unfinished.

use std::collections::{HashMap, VecDeque};

use crate::held::Owed;

/// Messages remembered. A queue that gives back more than these at a time sends some of their events twice.
const MOST: usize = 10_000;

/// How far one item of a message was dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// What has no receipt yet.
    pub(crate) owed: Owed,
    /// The version that it counts in.
    pub(crate) version: Option<String>,
    /// Events before this ordinal were looked at: what the user's filter dropped of them is counted already.
    pub(crate) seen: u64,
    /// If the last pass met damage: the events before it.
    pub(crate) fault: Option<u64>,
}

/// Progress by message, the items of each in the order of its body, which never changes.
///
/// Kept within the process, so that a message which comes again is not sent again for the sake of its one broken object.
#[derive(Default)]
pub(crate) struct Memory {
    messages: HashMap<String, Vec<Progress>>,
    order: VecDeque<String>,
}

impl Memory {
    /// Remembers how far a message was dealt with.
    pub(crate) fn keep(&mut self, id: String, progress: Vec<Progress>) {
        if self.messages.insert(id.clone(), progress).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
    }

    /// What is known of a message that asks for `items` items.
    pub(crate) fn recall(&self, id: &str, items: usize) -> Option<Vec<Progress>> {
        self.messages.get(id).filter(|progress| progress.len() == items).cloned()
    }

    /// The message is gone.
    pub(crate) fn forget(&mut self, id: &str) {
        if self.messages.remove(id).is_some() {
            // Rare: only messages that came back stand here.
            self.order.retain(|other| other != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::default();
        for n in 0..MOST + 10 {
            memory.keep(n.to_string(), vec![Progress::default()]);
        }
        assert_eq!(memory.recall("9", 1), None);
        assert!(memory.recall("10", 1).is_some());
        memory.forget("10");
        assert_eq!(memory.recall("10", 1), None);
        assert_eq!((memory.messages.len(), memory.order.len()), (MOST - 1, MOST - 1));
    }

    #[test]
    fn progress_is_for_the_same_items_only() {
        let mut memory = Memory::default();
        memory.keep("a".to_owned(), vec![Progress::default(), Progress::default()]);
        assert_eq!(memory.recall("a", 1), None);
        assert!(memory.recall("a", 2).is_some());
    }
}
