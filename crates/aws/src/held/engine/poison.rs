//! Poison: messages that can never be processed.

use std::time::Duration;

use quittance_core::planted;
use tracing::warn;

use crate::{
    codes,
    held::{
        Again, Work,
        engine::{Called, Engine},
    },
};

/// A message that can never be processed.
pub(super) struct Poison {
    pub(super) id: String,
    pub(super) handle: String,
    pub(super) receives: u32,
    /// What in it is broken, if that is known.
    pub(super) address: Option<String>,
    pub(super) reason: String,
    /// The body, if it says more than the address.
    pub(super) body: Vec<u8>,
    /// How it is given again.
    pub(super) again: Again,
}

impl<W: Work> Engine<W> {
    /// A message that can never be processed. A queue with a redrive policy takes it, after it went back a few times,
    /// hidden for longer each time so that it costs little; without one it is set aside here, and deleted.
    pub(super) fn poison(&mut self, poison: Poison) {
        self.hold.tally.poison.add(1);
        let Poison { id, handle, receives, address, reason, body, again } = poison;
        let most = self.hold.facts.max_receive_count;
        let hidden = hidden_poison(receives, most);
        if most.is_some() && !planted("poison-deleted") {
            warn!(code = %codes::LEFT_TO_REDRIVE, message = id, reason, receives, of = most, hidden_for = ?hidden, "message left to the queue's redrive policy");
            self.hiding.give_back(handle, hidden);
            if most.is_some_and(|most| receives >= most) {
                // It goes to the dead-letter queue now, and would come from there under another id.
                self.forget_progress(&id);
            }
            return;
        }
        self.set_asides += 1;
        let hold = self.hold.clone();
        self.calls.spawn(async move {
            let address = address.unwrap_or_else(|| format!("message {id}"));
            if !hold.quarantine.put(&address, &reason, body, &again).await && !planted("quarantine-believed-unwritten") {
                return Called::SetAside(id, Some((handle, hidden)));
            }
            warn!(code = %codes::SET_ASIDE, message = id, address, reason, "message set aside: there is no redrive policy to leave it to");
            hold.tally.quarantined.add(1);
            match hold.queue.delete(std::slice::from_ref(&handle)).await {
                Ok(rejected) if rejected.is_empty() => hold.tally.deleted.add(1),
                // It comes again, and is then kept once.
                _ => return Called::SetAside(id, Some((handle, hidden))),
            }
            Called::SetAside(id, None)
        });
    }

    /// Whether a message that cannot be processed may come again after its `receives`th receive: its redrive policy does not
    /// take it yet, or it cannot be set aside now. The later ones of its group must not pass it then.
    pub(super) fn may_come_again(&self, receives: u32) -> bool {
        let most = self.hold.facts.max_receive_count;
        most.is_none_or(|most| receives < most) && (most.is_some() || !planted("group-passes-what-stays"))
    }

    pub(super) fn was_set_aside(&mut self, id: &str, back: Option<(String, Duration)>) {
        self.set_asides -= 1;
        match back {
            Some((handle, hidden)) => self.hiding.give_back(handle, hidden),
            // It is deleted like any other: how far it came is of no use any more.
            None => self.forget_progress(id),
        }
    }
}

/// How long a message that cannot be processed stays hidden after its `receives`th receive.
fn hidden_poison(receives: u32, most: Option<u32>) -> Duration {
    let growing = Duration::from_secs(30) * 2_u32.pow(receives.min(10));
    match most {
        // The next receive moves it to the dead-letter queue.
        Some(most) if receives >= most => Duration::ZERO,
        Some(_) => growing.min(Duration::from_secs(15 * 60)),
        None => growing.min(Duration::from_secs(6 * 3600)),
    }
}
