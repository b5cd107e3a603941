//! Deleting: messages that have all their receipts, in batches.

use std::{collections::VecDeque, time::Duration};

use quittance_core::{Backoff, Random, planted};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    AwsError, Rejected, codes,
    held::{
        Work,
        engine::{Called, Engine, MOST_CALLS, Stage},
        holdings::MessageKey,
    },
    sqs::BATCH,
};

/// How long a delete waits for others to fill its batch.
const DELETE_LINGER: Duration = Duration::from_millis(200);

/// Messages to be deleted, and the calls that do it.
pub(super) struct Deletes {
    finished: VecDeque<MessageKey>,
    /// Until when the first of them waits for others.
    linger: Instant,
    from: Instant,
    backoff: Backoff,
    under_way: usize,
}

impl Deletes {
    pub(super) fn new(random: Random, now: Instant) -> Self {
        Deletes {
            finished: VecDeque::new(),
            linger: now,
            from: now,
            backoff: Backoff::new(Duration::from_millis(250), Duration::from_secs(5), random),
            under_way: 0,
        }
    }

    /// When the next batch is due.
    pub(super) fn next(&self) -> Option<Instant> {
        (!self.finished.is_empty() && self.under_way < MOST_CALLS).then(|| self.from.max(self.linger))
    }

    fn add(&mut self, key: MessageKey, linger: Duration, now: Instant) {
        if self.finished.is_empty() {
            self.linger = now + linger;
        }
        self.finished.push_back(key);
    }

    /// The next batch, if one may go; with `all` even if it is small.
    fn batch(&mut self, all: bool, now: Instant) -> Option<Vec<MessageKey>> {
        let many = self.finished.len().min(BATCH);
        let ripe = all || many == BATCH || now >= self.linger;
        let may = many > 0 && self.under_way < MOST_CALLS && now >= self.from && ripe;
        may.then(|| self.finished.drain(..many).collect())
    }

    /// These are tried again, after a while.
    fn again(&mut self, keys: impl IntoIterator<Item = MessageKey>, now: Instant) -> Duration {
        self.finished.extend(keys);
        // Several calls may meet the same trouble: it counts once.
        if self.from <= now {
            self.from = now + self.backoff.wait();
        }
        self.from - now
    }
}

impl<W: Work> Engine<W> {
    /// Everything of the message has its receipts.
    pub(super) fn finish(&mut self, key: MessageKey, now: Instant) {
        // In a FIFO queue the next one of its group waits for this one.
        let grouped = self.holdings.message(key).is_some_and(|held| held.turn.is_some());
        self.deletes.add(key, if grouped { DELETE_LINGER / 20 } else { DELETE_LINGER }, now);
    }

    pub(super) fn start_deletes(&mut self, now: Instant) {
        while let Some(keys) = self.deletes.batch(self.stage != Stage::Running, now) {
            let handle = |key| Some((key, self.holdings.message(key)?.handle.clone()));
            let batch: Vec<_> = keys.into_iter().filter_map(handle).collect();
            if batch.is_empty() {
                continue;
            }
            let hold = self.hold.clone();
            self.deletes.under_way += 1;
            self.calls.spawn(async move {
                let handles: Vec<_> = batch.iter().map(|(_, handle)| handle.clone()).collect();
                let result = hold.queue.delete(&handles).await;
                Called::Deleted(batch, result)
            });
        }
    }

    pub(super) fn deleted(
        &mut self,
        batch: Vec<(MessageKey, String)>,
        result: Result<Vec<Rejected>, AwsError>,
        now: Instant,
    ) {
        self.deletes.under_way -= 1;
        let rejected = match result {
            Ok(rejected) => {
                self.deletes.backoff.reset();
                rejected
            }
            Err(error) if is_gone(&error) => {
                warn!(code = %codes::QUEUE_GONE, error = error.chain(), "the queue is gone, and its messages with it; or it may not be seen now");
                // SQS says the same to whoever may not see the queue: what comes again then is only deleted.
                batch.iter().for_each(|(key, _)| _ = self.give_up(*key));
                return;
            }
            Err(error) => {
                let wait = self.deletes.again(batch.into_iter().map(|(key, _)| key), now);
                warn!(code = %error.code(), error = error.chain(), retry_in = ?wait, "cannot delete");
                return;
            }
        };
        let mut again = Vec::new();
        for (index, (key, handle)) in batch.into_iter().enumerate() {
            let Some(held) = self.holdings.message(key) else { continue };
            match rejected.iter().find(|r| r.index == index) {
                Some(r) if r.retry && !planted("failed-delete-forgotten") => again.push(key),
                // It came again meanwhile: only its newest handle is sure to delete it.
                _ if held.handle != handle => self.finish(key, now),
                Some(_) if planted("failed-delete-forgotten") => self.forget_deleted(key),
                Some(r) => {
                    warn!(code = %codes::NOT_OURS, message = held.id, aws_code = r.code, "delete refused: the message may come again");
                    self.give_up(key);
                }
                // Others may have seen it, and an outdated handle deletes nothing.
                None if held.lapsed => _ = self.give_up(key),
                None => {
                    self.hold.tally.deleted.add(1);
                    self.forget_deleted(key);
                }
            }
        }
        if !again.is_empty() {
            self.deletes.again(again, now);
        }
    }

    fn forget_deleted(&mut self, key: MessageKey) {
        if let Some(held) = self.forget(key) {
            self.hold.outlet.vitals().concluded();
            self.forget_progress(&held.id);
        }
    }
}

fn is_gone(error: &AwsError) -> bool {
    error.aws_code().is_some_and(|code| code.ends_with("NonExistentQueue") || code == "QueueDoesNotExist")
}
