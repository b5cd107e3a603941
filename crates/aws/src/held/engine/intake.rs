//! Taking in: what a message that was received asks for.

use std::{collections::HashSet, time::Duration};

use quittance_core::planted;
use tokio::time::Instant;
use tracing::info;

use crate::{
    Message,
    held::{
        Again, Intake, Work,
        engine::{Engine, Stage, poison::Poison},
        holdings::Arrival,
    },
};

impl<W: Work> Engine<W> {
    /// Groups of a FIFO queue in `broken_off` go back from here on, since an earlier message of them does.
    pub(super) fn take_in(&mut self, message: Message, broken_off: &mut HashSet<String>, now: Instant) {
        let Message { id, handle, body, receives, turn, .. } = message;
        let tally = self.hold.tally.clone();
        if let Some(key) = self.holdings.came_again(&id, &handle, receives, now) {
            tally.duplicates.add(1);
            self.hiding.hold(key, now);
            return;
        }
        let is_broken_off = turn.as_ref().is_some_and(|turn| broken_off.contains(&turn.group));
        if self.stage != Stage::Running || is_broken_off {
            self.hiding.give_back(handle, Duration::ZERO);
            return;
        }
        let items = match self.hold.work.intake(body) {
            Intake::Items { items, others, skipped } => {
                tally.others.add(others as u64);
                tally.skipped.add(skipped as u64);
                if planted("first-record-alone") { items.into_iter().take(1).collect() } else { items }
            }
            Intake::Control(what) => {
                tally.control.add(1);
                info!(message = id, what, "message of the service itself, deleted");
                Vec::new()
            }
            Intake::Unknown { why, body } => {
                if let Some(turn) = turn.filter(|_| self.may_come_again(receives)) {
                    broken_off.insert(turn.group);
                }
                let (again, body) = (Again::Message, body.into_bytes());
                self.poison(Poison { id, handle, receives, address: None, reason: why.to_owned(), body, again });
                return;
            }
        };
        let progress = self.memory().recall(&id, items.len());
        if progress.is_some() {
            tally.resumed.add(1);
        }
        let weigh = |item| (self.hold.work.weight(&item), item);
        let items = items.into_iter().map(weigh).collect();
        let (key, outcome) = self.holdings.hold(Arrival { id, handle, receives, turn }, items, progress, now);
        self.hiding.hold(key, now);
        self.marking.watch(key, now);
        self.conclude(outcome, now);
    }
}
