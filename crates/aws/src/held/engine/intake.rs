//! Taking in: what a message that was received asks for.

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::{
    Message,
    held::{
        Intake, Work,
        engine::{Engine, Stage, poison::Poison},
    },
};

impl<W: Work> Engine<W> {
    pub(super) fn take_in(&mut self, message: Message, now: Instant) {
        let Message { id, handle, body, receives } = message;
        let tally = self.hold.tally.clone();
        if let Some(key) = self.holdings.came_again(&id, &handle, receives, now) {
            tally.duplicates.add(1);
            self.hiding.hold(key, now);
            return;
        }
        if self.stage != Stage::Running {
            self.hiding.give_back(handle, Duration::ZERO);
            return;
        }
        let items = match self.hold.work.intake(body) {
            Intake::Items { items, others, skipped } => {
                tally.others.add(others as u64);
                tally.skipped.add(skipped as u64);
                items
            }
            Intake::Control(what) => {
                tally.control.add(1);
                info!(message = id, what, "message of the service itself, deleted");
                Vec::new()
            }
            Intake::Unknown { why, body } => {
                self.poison(Poison { id, handle, receives, address: None, reason: why.to_owned(), body });
                return;
            }
        };
        let progress = self.memory().recall(&id, items.len());
        if progress.is_some() {
            tally.resumed.add(1);
        }
        let weigh = |item| (self.hold.work.weight(&item), item);
        let items = items.into_iter().map(weigh).collect();
        let (key, outcome) = self.holdings.hold((id, handle, receives), items, progress, now);
        self.hiding.hold(key, now);
        self.marking.watch(key, now);
        self.conclude(outcome, now);
    }
}
