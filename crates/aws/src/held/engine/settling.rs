//! Settling: what a receipt, or the lack of one, means for its message.

use std::time::Duration;

use quittance_core::Settlement;
use tokio::time::Instant;
use tracing::warn;

use crate::{
    codes,
    held::{
        Again, OwedObject, Source, Work,
        engine::{Engine, poison::Poison},
        holdings::{Held, MessageKey, Outcome},
    },
};

impl<W: Work> Engine<W> {
    pub(super) fn settled(&mut self, settlement: Settlement, now: Instant) {
        let (outcome, overwritten) = self.holdings.settled(settlement, now);
        if overwritten > 0 {
            self.hold.tally.overwritten.add(overwritten);
            warn!(code = %codes::OVERWRITTEN, events = overwritten, "events were not delivered before their object was overwritten");
        }
        self.conclude(outcome, now);
    }

    pub(super) fn conclude(&mut self, outcome: Option<Outcome>, now: Instant) {
        match outcome {
            Some(Outcome::Done(key)) => self.finish(key, now),
            Some(Outcome::Stuck(key)) => {
                let reason = self.holdings.reason(key).unwrap_or("it cannot be delivered").to_owned();
                if self.holdings.message(key).is_some_and(|held| self.may_come_again(held.receives)) {
                    self.holdings.take_along(key);
                }
                let (address, body, again) = self.to_set_aside(key);
                if let Some(Held { id, handle, receives, .. }) = self.give_up(key) {
                    self.poison(Poison { id, handle, receives, address, reason, body, again });
                }
            }
            Some(Outcome::Idle(key)) => {
                self.holdings.take_along(key);
                if let Some(held) = self.give_up(key) {
                    self.hiding.give_back(held.handle, Duration::ZERO);
                }
            }
            None => {}
        }
    }

    /// What is kept of a message that is out of reach: where its objects are, or its body, and how they are given again.
    fn to_set_aside(&self, key: MessageKey) -> (Option<String>, Vec<u8>, Again) {
        let (mut addresses, mut objects) = (Vec::new(), Vec::new());
        for (item, version, owed) in self.holdings.dead(key) {
            match self.hold.work.source(item) {
                Source::Object(object) => {
                    addresses.push(object.to_string());
                    objects.push(OwedObject::new(object, version.map(str::to_owned), owed));
                }
                // A message has one body, and its address is the message.
                Source::Bytes(body) => return (None, body.to_vec(), Again::Message),
            }
        }
        let outputs = self.hold.outlet.names().into_iter().map(str::to_owned).collect();
        let address = Some(addresses.join(", ")).filter(|address| !address.is_empty());
        (address, Vec::new(), Again::Objects { outputs, objects })
    }

    /// Holds a message no longer. How far it came is remembered, should it come again.
    pub(super) fn give_up(&mut self, key: MessageKey) -> Option<Held> {
        let progress = self.holdings.progress(key);
        let moved = self.holdings.mark(key).is_some();
        let held = self.forget(key)?;
        self.keep_progress(held.id.clone(), progress, moved);
        Some(held)
    }

    /// Holds a message no longer.
    pub(super) fn forget(&mut self, key: MessageKey) -> Option<Held> {
        let was_first = self.holdings.is_first(key);
        let held = self.holdings.forget(key)?;
        self.hiding.forget(key);
        self.marking.forget(key);
        held.items.iter().for_each(|item| self.lanes.gone(*item));
        if let Some(turn) = held.turn.as_ref().filter(|_| was_first) {
            let outcome = self.holdings.outcome_of_first(&turn.group);
            self.conclude(outcome, self.hold.world.clock.now());
        }
        Some(held)
    }
}
