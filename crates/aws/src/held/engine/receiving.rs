//! Receiving: how many messages may be held, and how many receives the backlog deserves.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use quittance_core::{Backoff, Class, Failure, Random};
use tokio::{task::AbortHandle, time::Instant};
use tracing::warn;

use crate::{
    AwsError, Message,
    held::{
        Limits, Work,
        engine::{Called, Engine, MOST_CALLS},
    },
    sqs::BATCH,
};

/// The largest body of a message: a receive may bring ten.
const LARGEST_BODY: usize = 1 << 20;

/// After a receive was aborted, until its connection is surely closed at SQS: before, it could take what goes back.
const AFTER_ABORT: Duration = Duration::from_millis(500);

/// Failures within so long after `OverLimit` are of the same shortage.
const ONE_SHORTAGE: Duration = Duration::from_secs(5);

/// Waits after a receive that failed: it is one cheap call, and all that stands between a queue that works again and its events.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// The least wait where only a person can help.
const HELPLESS_PAUSE: Duration = Duration::from_secs(30);

/// After `OverLimit`, until more messages are held again.
const GROW_EVERY: Duration = Duration::from_secs(60);

/// The receives of a run, and the bounds that they keep to.
pub(super) struct Receives {
    handles: Vec<AbortHandle>,
    /// Receives whose messages are not taken in yet.
    under_way: usize,
    /// Receives that the backlog deserves.
    deserved: usize,
    from: Instant,
    backoff: Backoff,
    /// Why nothing can be received until a person acts.
    refusal: Option<AwsError>,
    /// Until when an aborted receive may still take something.
    quiet_from: Instant,
    /// Messages that may be held; less than the setting after SQS said that too many are in flight.
    held_limit: usize,
    grow_at: Instant,
}

impl Receives {
    pub(super) fn new(held_limit: usize, random: Random, now: Instant) -> Self {
        Receives {
            handles: Vec::new(),
            under_way: 0,
            deserved: 1,
            from: now,
            backoff: Backoff::new(PAUSE.0, PAUSE.1, random),
            refusal: None,
            quiet_from: now,
            held_limit,
            grow_at: now,
        }
    }

    /// When the next may begin.
    pub(super) fn next(&self) -> Option<Instant> {
        Some(self.from)
    }

    /// Whether there is none left to [abort](Self::abort).
    pub(super) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Whether none can take anything from the queue any more.
    pub(super) fn are_finished(&self, now: Instant) -> bool {
        now >= self.quiet_from && self.handles.iter().all(AbortHandle::is_finished)
    }

    /// Until when one that was aborted may still take something.
    pub(super) fn quiet_from(&self) -> Instant {
        self.quiet_from
    }

    /// Ends them all.
    pub(super) fn abort(&mut self, now: Instant) {
        if self.handles.iter().any(|receive| !receive.is_finished()) {
            self.quiet_from = now + AFTER_ABORT;
        }
        self.handles.drain(..).for_each(|receive| receive.abort());
    }

    /// Whether another receive's messages may be held, beside so many of so many bytes, of which some are `parked`.
    fn has_room(&self, held: usize, parked: usize, bytes: usize, limits: &Limits) -> bool {
        let coming = (self.under_way + 1) * BATCH;
        // Items of buckets that refuse us keep others from nothing, up to as many again.
        let active = held.saturating_sub(parked);
        let alone = held == 0 && self.under_way == 0;
        active + coming <= self.held_limit
            && held + coming <= 2 * self.held_limit
            && (bytes + coming * LARGEST_BODY <= limits.held_bytes || alone)
    }

    /// A receive brought so many messages.
    fn brought(&mut self, messages: usize, limits: &Limits, now: Instant) {
        self.under_way -= 1;
        self.backoff.reset();
        self.refusal = None;
        self.deserved = match messages {
            BATCH => (self.deserved + 1).min(limits.receivers),
            0 => 1,
            _ => self.deserved,
        };
        let most = limits.held_messages;
        if self.held_limit < most && now >= self.grow_at {
            self.held_limit = (self.held_limit + most.div_ceil(20)).min(most);
            self.grow_at = now + GROW_EVERY;
        }
    }

    /// A receive failed while so many messages were held. Whether that was since too many are in flight.
    fn failed(&mut self, error: AwsError, held: usize, now: Instant) -> bool {
        self.under_way -= 1;
        let over = error.aws_code().is_some_and(|code| code.ends_with("OverLimit"));
        // Several receives may meet the same shortage: it counts once.
        if over && self.grow_at <= now + GROW_EVERY - ONE_SHORTAGE {
            // Whoever holds the rest: less of ours in flight is what we can do.
            self.held_limit = (held.min(self.held_limit) / 2).max(BATCH);
            self.grow_at = now + GROW_EVERY;
        }
        // So do they any other trouble.
        if self.from <= now {
            self.from = now + self.backoff.wait();
        }
        if error.class() == Class::NeedsPerson {
            self.from = self.from.max(now + HELPLESS_PAUSE);
        }
        warn!(code = %error.code(), error = error.chain(), retry_in = ?self.from - now, "cannot receive");
        self.deserved = 1;
        self.refusal = matches!(error.class(), Class::NeedsPerson | Class::SignIn).then_some(error);
        over
    }
}

impl<W: Work> Engine<W> {
    pub(super) fn start_receives(&mut self, now: Instant) {
        let limits = &self.hold.limits;
        let most = self.hiding.keep_to(self.hold.queue.extends_every());
        self.receives.handles.retain(|receive| !receive.is_finished());
        while self.receives.under_way < self.receives.deserved
            && now >= self.receives.from
            && self.hold.outlet.is_ready()
            // Bodies on their way into the quarantine are held by nothing else.
            && self.set_asides < MOST_CALLS
            && self.holdings.len() + (self.receives.under_way + 1) * BATCH <= most
            && self.receives.has_room(self.holdings.len(), self.lanes.parked(), self.holdings.bytes(), limits)
            // No more is taken than can be begun soon: what waits its turn ages at SQS instead.
            && self.holdings.readable(now, 4 * limits.readers) < 4 * limits.readers
        {
            let (hold, visibility) = (self.hold.clone(), self.hiding.visibility());
            let receive = async move { Called::Received(hold.queue.receive(visibility).await) };
            self.receives.handles.push(self.calls.spawn(receive));
            self.receives.under_way += 1;
        }
    }

    pub(super) fn received(&mut self, messages: Vec<Message>, now: Instant) {
        let hold = self.hold.clone();
        self.receives.brought(messages.len(), &hold.limits, now);
        hold.outlet.vitals().answered();
        let wall = hold.world.clock.wall();
        hold.outlet.vitals().behind("", oldest(&messages, wall));
        hold.tally.received.add(messages.len() as u64);
        let mut broken_off = HashSet::new();
        for message in messages {
            self.take_in(message, &mut broken_off, now);
        }
        let (held, bytes) = (self.holdings.len(), self.holdings.bytes());
        if held >= self.receives.held_limit / 2 || bytes >= hold.limits.held_bytes / 2 {
            self.hurry(now);
        }
    }

    pub(super) fn not_received(&mut self, error: AwsError, now: Instant) {
        if self.receives.failed(error, self.holdings.len(), now) {
            self.hurry(now);
        }
    }

    /// Nothing can be received until a person acts, and nothing is held: the supervisor shall begin with the setup again.
    pub(super) fn hopeless(&mut self) -> Option<Failure> {
        let idle = self.holdings.len() == 0 && self.is_settled();
        self.receives.refusal.take_if(|_| idle).map(Failure::from)
    }
}

/// How old the oldest of these messages is.
fn oldest(messages: &[Message], now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let sent = messages.iter().filter_map(|message| u128::try_from(message.sent?).ok()).min();
    Duration::from_millis(sent.map_or(0, |sent| u64::try_from(now.saturating_sub(sent)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> AwsError {
        AwsError::Api {
            operation: "ReceiveMessage",
            target: "queue".to_owned(),
            code: Some(code.to_owned()),
            status: Some(400),
            class: Class::Retry,
            source: code.into(),
        }
    }

    #[test]
    fn fewer_are_held_after_over_limit_and_more_again_step_by_step() {
        let limits = Limits { held_messages: 1000, ..Limits::of_objects() };
        #[allow(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let mut receives = Receives::new(limits.held_messages, Random::seeded(1), start);
        receives.under_way = 100;
        assert!(receives.failed(refused("OverLimit"), 120, start));
        assert_eq!(receives.held_limit, 60, "half of what is held, not of what may be");
        assert!(receives.failed(refused("OverLimit"), 12, start));
        assert_eq!(receives.held_limit, 60, "the same shortage, met by another receive");
        let mut now = start + ONE_SHORTAGE;
        assert!(receives.failed(refused("OverLimit"), 12, now));
        assert_eq!(receives.held_limit, BATCH, "one receive can always be made");
        receives.brought(1, &limits, now);
        assert_eq!(receives.held_limit, BATCH, "not at once");
        for step in 1..=20 {
            now += GROW_EVERY;
            receives.brought(1, &limits, now);
            receives.brought(1, &limits, now);
            assert_eq!(receives.held_limit, (BATCH + step * 50).min(1000));
        }
        assert!(!receives.failed(refused("InternalError"), 500, now), "another error says nothing of it");
        assert_eq!(receives.held_limit, 1000);
    }

    #[test]
    fn several_receives_that_meet_one_trouble_wait_for_it_once_and_never_long() {
        #[allow(clippy::disallowed_methods, reason = "any moment will do")]
        let mut now = Instant::now();
        let mut receives = Receives::new(1000, Random::seeded(1), now);
        for trouble in 0..20 {
            receives.under_way = 16;
            for _ in 0..16 {
                receives.failed(refused("RequestThrottled"), 500, now);
            }
            let wait = receives.from - now;
            assert!(wait <= PAUSE.0 * 2_u32.pow(trouble), "{wait:?} after trouble {trouble}");
            assert!(wait <= PAUSE.1, "{wait:?}");
            now = receives.from;
        }
    }
}
