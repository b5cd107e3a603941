//! What outlives a run: records and quarantine.

use std::{error::Error, time::SystemTime};

use async_trait::async_trait;

use crate::UnitId;

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
}

impl Record {
    /// Its name in a store.
    pub fn name(self) -> &'static str {
        match self {
            Record::Progress => "progress",
            Record::Verdict => "verdict",
        }
    }
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

    /// Sets something aside; when this has ended well, its source may forget it. The same address of the same unit is
    /// kept once.
    async fn quarantine(&self, fence: Fence, item: &Quarantined) -> Result<(), StoreError>;

    /// The right to write.
    fn fence(&self) -> Fence;
}
