//! Hiding: what is held is hidden from others anew before its time runs out, and what goes back is shown to them.

use std::{collections::VecDeque, time::Duration};

use quittance_core::planted;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::{
    AwsError, Rejected, codes,
    held::{
        Work,
        engine::{Called, Engine, MOST_CALLS, Stage},
        holdings::MessageKey,
        schedule::Schedule,
    },
    sqs::BATCH,
};

/// How long SQS lets a message be hidden in all since its receive, less what clocks and calls may take.
const LONGEST_HOLD: Duration = Duration::from_secs(12 * 3600 - 120);

/// What is hidden until when, and what goes back.
pub(super) struct Hiding {
    /// When each message must be hidden anew.
    leases: Schedule<MessageKey>,
    /// How long a message is hidden at a time.
    visibility: Duration,
    /// Messages that go back: handle, and how long they stay hidden.
    returns: VecDeque<(String, Duration)>,
    /// Changes of visibility under way.
    under_way: usize,
}

impl Hiding {
    pub(super) fn new(visibility: Duration) -> Self {
        Hiding { leases: Schedule::default(), visibility, returns: VecDeque::new(), under_way: 0 }
    }

    pub(super) fn visibility(&self) -> Duration {
        self.visibility
    }

    /// Adjusts to calls that can be made only so often: messages are hidden for at least four times as long. How many may be
    /// held, so that a quarter of that time is enough to hide them all anew; another is left to what else changes visibility.
    pub(super) fn keep_to(&mut self, every: Duration) -> usize {
        if every.is_zero() {
            return usize::MAX;
        }
        self.visibility = self.visibility.max(4 * every).min(LONGEST_HOLD);
        let calls = self.visibility.as_secs_f64() / 4.0 / every.as_secs_f64();
        BATCH.saturating_mul((calls as usize).max(1))
    }

    /// When the next message must be hidden anew.
    pub(super) fn next(&self) -> Option<Instant> {
        self.leases.next().filter(|_| self.under_way < MOST_CALLS && !planted("heartbeat-forgotten"))
    }

    /// The message was received just now.
    pub(super) fn hold(&mut self, key: MessageKey, now: Instant) {
        self.leases.set(key, now + self.visibility / 2);
    }

    /// The message is held no more.
    pub(super) fn forget(&mut self, key: MessageKey) {
        self.leases.remove(key);
    }

    /// A message goes back to the queue, which hides it for so long.
    pub(super) fn give_back(&mut self, handle: String, hidden: Duration) {
        self.returns.push_back((handle, hidden));
    }

    /// Whether something is still to go back.
    pub(super) fn has_returns(&self) -> bool {
        !self.returns.is_empty()
    }
}

impl<W: Work> Engine<W> {
    pub(super) fn start_extensions(&mut self, now: Instant) {
        while self.hiding.under_way < MOST_CALLS
            && self.hiding.leases.due(now).is_some()
            && !planted("heartbeat-forgotten")
        {
            let visibility = self.hiding.visibility;
            let mut batch = Vec::with_capacity(BATCH);
            let mut entries = Vec::with_capacity(BATCH);
            // Those that are due soon go along.
            while entries.len() < BATCH
                && let Some(key) = self.hiding.leases.pop(now + visibility / 10)
            {
                let Some(held) = self.holdings.message(key) else { continue };
                let left = LONGEST_HOLD.saturating_sub(now - held.received);
                if left < Duration::from_secs(60) {
                    info!(message = held.id, "held for almost 12 hours, which is as long as SQS allows");
                    self.lapse(key);
                    continue;
                }
                entries.push((held.handle.clone(), visibility.min(left)));
                batch.push((key, held.handle.clone()));
            }
            if entries.is_empty() {
                continue;
            }
            let hold = self.hold.clone();
            self.hiding.under_way += 1;
            self.calls.spawn(async move {
                let result = hold.queue.extend(&entries).await;
                Called::Extended(batch, result)
            });
        }
    }

    pub(super) fn extended(
        &mut self,
        batch: Vec<(MessageKey, String)>,
        result: Result<Vec<Rejected>, AwsError>,
        now: Instant,
    ) {
        self.hiding.under_way -= 1;
        let (half, soon) = (now + self.hiding.visibility / 2, now + self.hiding.visibility / 20);
        let rejected = match result {
            Ok(rejected) => rejected,
            Err(error) => {
                warn!(code = %error.code(), error = error.chain(), messages = batch.len(), "cannot extend visibility");
                batch.into_iter().for_each(|(key, _)| self.lease(key, soon));
                return;
            }
        };
        for (index, (key, handle)) in batch.into_iter().enumerate() {
            // It came again meanwhile: its newest handle has a lease of its own, of which the old one says nothing.
            if self.holdings.message(key).is_none_or(|held| held.handle != handle) {
                continue;
            }
            match rejected.iter().find(|r| r.index == index) {
                None => self.lease(key, half),
                Some(r) if r.retry => self.lease(key, soon),
                Some(r) => {
                    // Its time ran out, or somebody else has it.
                    warn!(code = %codes::NOT_OURS, aws_code = r.code, "message cannot be held longer");
                    self.lapse(key);
                }
            }
        }
    }

    fn lease(&mut self, key: MessageKey, at: Instant) {
        let last = self.holdings.message(key).map(|held| held.received + LONGEST_HOLD - Duration::from_secs(30));
        if let Some(last) = last {
            self.hiding.leases.set(key, at.min(last));
        }
    }

    /// The message shows itself to others. Work on it goes on if some is under way: most likely it comes to us again.
    fn lapse(&mut self, key: MessageKey) {
        self.hold.tally.lapsed.add(1);
        // What is closed waits for its delete, which may be under way.
        if (self.holdings.is_busy(key) || self.holdings.is_closed(key)) && !planted("lapsed-while-read-is-dropped") {
            self.holdings.lapse(key);
        } else {
            self.holdings.take_along(key);
            self.give_up(key);
        }
    }

    pub(super) fn start_returns(&mut self, now: Instant) {
        // At a stop, our own receives would take at once what goes back, and each round would cost a receive.
        if self.stage != Stage::Running && !self.receives.are_finished(now) {
            return;
        }
        while self.hiding.under_way < MOST_CALLS && self.hiding.has_returns() {
            let most = self.hiding.returns.len().min(BATCH);
            let entries: Vec<_> = self.hiding.returns.drain(..most).collect();
            let hold = self.hold.clone();
            self.hiding.under_way += 1;
            self.calls.spawn(async move { Called::Returned(hold.queue.extend(&entries).await) });
        }
    }

    pub(super) fn returned(&mut self, result: Result<Vec<Rejected>, AwsError>) {
        self.hiding.under_way -= 1;
        if let Err(error) = result {
            debug!(error = error.chain(), "messages not given back: they come back by themselves");
        }
    }
}
