//! What outlives a run: records and quarantine.

use std::{error::Error, time::SystemTime};

use async_trait::async_trait;

use crate::{Code, UnitId, codes};

/// The right to write, given by the store when it is opened or a lease is taken. A write with an older one is refused,
/// so that whoever lost its place cannot overwrite what its successor wrote.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fence(pub u64);

/// Kinds of records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record {
    /// What is still owed of a message that was dealt with in part; the key is the message's id.
    Progress,
    /// Whether an output confirms by ending its half; the key is the output's name.
    Verdict,
    /// How far a source that is asked by time has been confirmed; the key is the cursor.
    Checkpoint,
    /// The user's word by which the unit was last reset; the key is empty.
    Reset,
}

impl Record {
    /// Its name in a store.
    pub fn name(self) -> &'static str {
        match self {
            Record::Progress => "progress",
            Record::Verdict => "verdict",
            Record::Checkpoint => "checkpoint",
            Record::Reset => "reset",
        }
    }
}

/// The identity of an event that was delivered: a hash of what makes it one, wide enough never to meet another's.
pub type EventId = u128;

/// A change of what is remembered for one cursor of a unit. Those given together are written together, or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Writes the cursor's checkpoint over what was there.
    Checkpoint {
        /// The cursor.
        cursor: String,
        /// The checkpoint, in its engine's own words.
        value: String,
    },
    /// Remembers events that were delivered.
    Remember {
        /// The cursor.
        cursor: String,
        /// The hour they happened in, counted from the epoch.
        hour: i64,
        /// Their ids, which were not remembered before.
        ids: Vec<EventId>,
    },
    /// Forgets the events of all earlier hours.
    Forget {
        /// The cursor.
        cursor: String,
        /// The first hour that is kept.
        before: i64,
    },
    /// Forgets checkpoints and all events, so that the source is asked as if for the first time.
    Reset {
        /// The cursor; without one, every cursor of the unit.
        cursor: Option<String>,
    },
}

/// Something that cannot be delivered and must not be lost.
#[derive(Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Whose it is.
    pub unit: UnitId,
    /// Where it came from: bucket, key and place, or a message's id.
    pub address: String,
    /// Why it is here.
    pub reason: String,
    /// The bytes, if they are at hand; otherwise the address alone leads to them.
    pub bytes: Vec<u8>,
    /// When it was set aside.
    pub at: SystemTime,
    /// How it is given again, in its engine's own words; empty if it cannot be.
    pub again: String,
}

/// What was taken out of the quarantine for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Discarded {
    /// How many.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is in the quarantine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetAside {
    /// How many.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A store's failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be read or written.
    #[error("{operation} failed in the state")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Another process has taken over.
    #[error("{operation} refused: another process has taken over this state")]
    Fenced {
        /// What was tried.
        operation: &'static str,
    },
    /// The quarantine is full: what should go there stays where it is.
    #[error("the quarantine is full: it may hold {bytes} bytes (`quarantine_max_bytes`)")]
    Full {
        /// Its bound.
        bytes: u64,
    },
}

impl StoreError {
    /// What kind of problem it is.
    pub fn code(&self) -> &'static Code {
        match self {
            StoreError::Failed { .. } => &codes::NOT_WRITTEN,
            StoreError::Fenced { .. } => &codes::TAKEN_OVER,
            StoreError::Full { .. } => &codes::QUARANTINE_FULL,
        }
    }
}

/// Checkpoints of a collector. Every write is durable when its future ends.
#[async_trait]
pub trait Store: Send + Sync {
    /// A record, if there is one.
    async fn load(&self, scope: &str, record: Record, key: &str) -> Result<Option<String>, StoreError>;

    /// Every record of one kind: key and value.
    async fn list(&self, scope: &str, record: Record) -> Result<Vec<(String, String)>, StoreError>;

    /// Writes a record over what was there.
    async fn save(&self, fence: Fence, scope: &str, record: Record, key: &str, value: &str) -> Result<(), StoreError>;

    /// Removes a record, if it is there.
    async fn remove(&self, fence: Fence, scope: &str, record: Record, key: &str) -> Result<(), StoreError>;

    /// Writes all changes in one transaction.
    async fn commit(&self, fence: Fence, scope: &str, changes: Vec<Change>) -> Result<(), StoreError>;

    /// The events of one hour that are remembered, in no order.
    async fn remembered(&self, scope: &str, cursor: &str, hour: i64) -> Result<Vec<EventId>, StoreError>;

    /// How many events each hour has that is remembered, oldest first.
    async fn remembered_hours(&self, scope: &str, cursor: &str) -> Result<Vec<(i64, u64)>, StoreError>;

    /// Sets something aside; when this has ended well, its source may forget it. The same address of the same unit is
    /// kept once.
    async fn quarantine(&self, fence: Fence, item: &Quarantined) -> Result<(), StoreError>;

    /// Discards what was set aside before then.
    async fn discard_before(&self, fence: Fence, then: SystemTime) -> Result<Discarded, StoreError>;

    /// What is in the quarantine now.
    async fn set_aside(&self) -> Result<SetAside, StoreError>;

    /// The right to write.
    fn fence(&self) -> Fence;
}

/// A store that keeps nothing, for whoever only looks: the state may be in use by the collector that runs.
pub struct NoStore;

#[async_trait]
impl Store for NoStore {
    async fn load(&self, _: &str, _: Record, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn list(&self, _: &str, _: Record) -> Result<Vec<(String, String)>, StoreError> {
        Ok(Vec::new())
    }

    async fn save(&self, _: Fence, _: &str, _: Record, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, _: Fence, _: &str, _: Record, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, _: Fence, _: &str, _: Vec<Change>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remembered(&self, _: &str, _: &str, _: i64) -> Result<Vec<EventId>, StoreError> {
        Ok(Vec::new())
    }

    async fn remembered_hours(&self, _: &str, _: &str) -> Result<Vec<(i64, u64)>, StoreError> {
        Ok(Vec::new())
    }

    async fn quarantine(&self, _: Fence, _: &Quarantined) -> Result<(), StoreError> {
        Ok(())
    }

    async fn discard_before(&self, _: Fence, _: SystemTime) -> Result<Discarded, StoreError> {
        Ok(Discarded::default())
    }

    async fn set_aside(&self) -> Result<SetAside, StoreError> {
        Ok(SetAside::default())
    }

    fn fence(&self) -> Fence {
        Fence(0)
    }
}
