//! Marking: how far the messages are that take longer than a confirmation, kept where a restart finds it.

use std::time::UNIX_EPOCH;

use quittance_core::{Record, StoreError, codes::STATE_UNREADABLE};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::held::{
    Work,
    engine::{Called, Engine},
    holdings::MessageKey,
    marks::{MARK_EVERY, MarkWrite, Marks},
    memory::Progress,
    schedule::Schedule,
};

/// The marks, and when they are made.
pub(super) struct Marking {
    marks: Marks,
    /// When each message's progress is looked at.
    due: Schedule<MessageKey>,
    /// Whether a mark is being written.
    writing: bool,
}

impl Marking {
    /// Marks about what is owed to these outputs.
    pub(super) fn new(outputs: Vec<String>) -> Self {
        Marking { marks: Marks::new(outputs), due: Schedule::default(), writing: false }
    }

    /// When the next message is looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.next()
    }

    /// Looks at the message from time to time.
    pub(super) fn watch(&mut self, key: MessageKey, now: Instant) {
        self.due.set(key, now + MARK_EVERY);
    }

    /// The message is held no more.
    pub(super) fn forget(&mut self, key: MessageKey) {
        self.due.remove(key);
    }

    /// Whether something is still to be written.
    pub(super) fn has_writes(&self) -> bool {
        !self.marks.is_empty()
    }
}

impl<W: Work> Engine<W> {
    /// Remembers what an earlier process marked.
    pub(super) async fn recall_marks(&mut self) {
        let (unit, store) = (self.hold.quarantine.unit(), self.hold.quarantine.store());
        let marks = match store.list(unit.as_str(), Record::Progress).await {
            Ok(marks) => marks,
            Err(error) => {
                warn!(
                    code = %STATE_UNREADABLE,
                    error = quittance_core::chain(&error),
                    "progress marks cannot be read: what was delivered in part is given again whole"
                );
                return;
            }
        };
        if !marks.is_empty() {
            debug!(marks = marks.len(), "progress marks read");
        }
        let now = self.seconds();
        for (id, text) in marks {
            if let Some(progress) = self.marking.marks.recall(id.clone(), text, now) {
                self.memory().keep(id, progress);
            }
        }
    }

    /// Marks messages that take longer than a confirmation, one write at a time.
    pub(super) fn start_marks(&mut self, now: Instant) {
        while let Some(key) = self.marking.due.pop(now) {
            self.mark(key);
            if self.holdings.message(key).is_some() {
                self.marking.watch(key, now);
            }
        }
        if self.marking.writing {
            return;
        }
        let Some(write) = self.marking.marks.next() else { return };
        self.marking.writing = true;
        let hold = self.hold.clone();
        self.calls.spawn(async move {
            let (unit, store) = (hold.quarantine.unit(), hold.quarantine.store());
            let (fence, unit) = (store.fence(), unit.as_str());
            Called::Marked(match write {
                MarkWrite::Save { id, text } => store.save(fence, unit, Record::Progress, &id, &text).await,
                MarkWrite::Remove { id } => store.remove(fence, unit, Record::Progress, &id).await,
            })
        });
    }

    pub(super) fn marked(&mut self, result: Result<(), StoreError>) {
        self.marking.writing = false;
        if let Err(error) = result {
            warn!(
                code = %error.code(),
                error = quittance_core::chain(&error),
                "progress mark not written: after a crash some events would be sent twice"
            );
        }
    }

    /// Keeps how far a message is, if something of it was delivered.
    pub(super) fn mark(&mut self, key: MessageKey) {
        if let Some(progress) = self.holdings.mark(key)
            && let Some(held) = self.holdings.message(key)
        {
            let now = self.seconds();
            self.marking.marks.keep(&held.id, &progress, now);
        }
    }

    /// Remembers how far a message came that is held no more, should it come again; on the disk too if it `moved`.
    pub(super) fn keep_progress(&mut self, id: String, progress: Vec<Progress>, moved: bool) {
        if moved {
            let now = self.seconds();
            self.marking.marks.keep(&id, &progress, now);
        }
        self.memory().keep(id, progress);
    }

    /// The message is deleted.
    pub(super) fn forget_progress(&mut self, id: &str) {
        self.memory().forget(id);
        self.marking.marks.forget(id);
    }

    /// Seconds since 1970.
    fn seconds(&self) -> u64 {
        self.hold.world.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
