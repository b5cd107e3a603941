//! Optional outputs: they get events by best effort, within a buffer of their own, and have an account of their own.

use std::sync::Arc;

use crate::{Batch, Budget, Counts, Debt, Debts, Events, OutputSet, UnitLedger, debts, receipt};

/// What an optional output gets, and what it lacks.
///
/// No debt waits for it: what has no room in its buffer, or is not confirmed, is lost to it, and counted.
pub struct BestEffort {
    buffer: Arc<Budget>,
    ledger: Arc<UnitLedger>,
    /// Nobody listens at the other end: what does not arrive is not given again.
    debts: Debts,
}

impl BestEffort {
    pub(crate) fn new(buffer: usize) -> Self {
        BestEffort { buffer: Budget::new(buffer), ledger: Arc::default(), debts: debts().0 }
    }

    /// Its account: every event that was offered is `pulled`; what it lacks is `returned`, since it had no room or was sent and
    /// never confirmed.
    pub fn counts(&self) -> Counts {
        self.ledger.total()
    }

    /// Enters `events`; a batch of them if there is room.
    pub(crate) fn batch(&self, events: &Arc<Events>) -> Option<Batch> {
        let debt = Debt { item: 0, events: 0..events.len() as u64 };
        let (_, receipt) =
            receipt::receipts(events, debt, OutputSet::first(1), &self.debts, &self.ledger, None).pop()?;
        let room = self.buffer.try_take(self.buffer.weight(events.footprint(), events.len()))?;
        Some(Batch { events: events.clone(), receipt, room: Arc::new(room) })
    }
}
