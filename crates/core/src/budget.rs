//! Room in memory, counted in bytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit stands for: a semaphore counts to 2^29 at least on every target, so in KiB it reaches far.
const GRAIN: usize = 1024;

/// A limit on bytes; budgets nest, and room is taken from a budget and all those around it.
pub struct Budget {
    permits: Arc<Semaphore>,
    capacity: u32,
    /// What an event counts at least.
    least: usize,
    around: Option<Arc<Budget>>,
}

/// Room that was taken; dropping it gives it back.
pub struct Room(#[allow(dead_code, reason = "held for its drop")] Vec<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of `bytes`, rounded up to KiB.
    pub fn new(bytes: usize) -> Arc<Self> {
        Self::make(bytes, 0, None)
    }

    /// The same, in which no more than `events` have room at a time: each counts as its share at least.
    pub fn of_events(bytes: usize, events: usize) -> Arc<Self> {
        Self::make(bytes, bytes / events.max(1), None)
    }

    /// A budget of `bytes` within this one.
    pub fn nested(self: &Arc<Self>, bytes: usize) -> Arc<Self> {
        Self::make(bytes, self.least, Some(self.clone()))
    }

    fn make(bytes: usize, least: usize, around: Option<Arc<Budget>>) -> Arc<Self> {
        let capacity = u32::try_from(bytes.div_ceil(GRAIN).max(1)).unwrap_or(u32::MAX);
        Arc::new(Budget { permits: Arc::new(Semaphore::new(capacity as usize)), capacity, least, around })
    }

    /// What so many events of so many bytes count.
    pub fn weight(&self, bytes: usize, events: usize) -> usize {
        bytes.max(events.saturating_mul(self.least))
    }

    /// Waits until there is room for `bytes`, in the inner budget first.
    ///
    /// More than the whole budget is let through alone, when all of it is free.
    pub async fn take(&self, bytes: usize) -> Room {
        let mut permits = Vec::with_capacity(2);
        let mut budget = Some(self);
        while let Some(b) = budget {
            let wanted = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX).clamp(1, b.capacity);
            let permit =
                b.permits.clone().acquire_many_owned(wanted).await.expect("a budget's semaphore is never closed");
            permits.push(permit);
            budget = b.around.as_deref();
        }
        Room(permits)
    }

    /// The same without waiting; `None` if there is no room now.
    pub fn try_take(&self, bytes: usize) -> Option<Room> {
        let mut permits = Vec::with_capacity(2);
        let mut budget = Some(self);
        while let Some(b) = budget {
            let wanted = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX).clamp(1, b.capacity);
            permits.push(b.permits.clone().try_acquire_many_owned(wanted).ok()?);
            budget = b.around.as_deref();
        }
        Some(Room(permits))
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        (self.capacity as usize).saturating_sub(self.permits.available_permits()) * GRAIN
    }
}
