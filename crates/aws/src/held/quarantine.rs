//! Where a unit sets aside what can never be delivered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use quittance_core::{Clock, Quarantined, Store, StoreError, UnitId, codes::QUARANTINE_FULL};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use crate::{ObjectRef, held::Owed};

/// A unit's way into the quarantine.
#[derive(Clone)]
pub(crate) struct Quarantine {
    unit: UnitId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Whether it was said to be full.
    full: Arc<AtomicBool>,
    /// The address of what is being given again: it is there already, and must not count as set aside.
    replayed: Option<String>,
}

/// How something is given again that was set aside.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Again {
    /// Its bytes are an event of this tag.
    Event(String),
    /// Its bytes are a message's body.
    Message,
    /// These objects are read again.
    Objects {
        /// What the bits of each are about.
        outputs: Vec<String>,
        /// Which, and what of each.
        objects: Vec<OwedObject>,
    },
}

/// What is owed of an object.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwedObject {
    bucket: String,
    key: String,
    raw_key: Option<String>,
    region: Option<String>,
    /// The version that was announced, where its bucket keeps versions.
    #[serde(default)]
    version_id: Option<String>,
    /// The entity tag of what the ordinals count in, if it was seen.
    pub(crate) version: Option<String>,
    /// First ordinal, one past the last, and the outputs that lack them as bits.
    owed: Vec<(u64, u64, u64)>,
}

impl Quarantine {
    pub(crate) fn new(unit: UnitId, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Quarantine { unit, store, clock, full: Arc::default(), replayed: None }
    }

    /// The same while something of that address is given again.
    pub(crate) fn replaying(self, address: &str) -> Self {
        Quarantine { replayed: Some(address.to_owned()), ..self }
    }

    /// The unit that sets aside.
    pub(crate) fn unit(&self) -> &UnitId {
        &self.unit
    }

    /// Where it is kept.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Sets something aside. Whether that went well: then it is on the disk, and its source may forget it. If not, that is
    /// said here; of a quarantine that is full, once.
    pub(crate) async fn put(&self, address: &str, reason: &str, bytes: Vec<u8>, again: &Again) -> bool {
        if self.replayed.as_deref() == Some(address) {
            return false;
        }
        let again = serde_json::to_string(again).expect("texts and numbers can be written");
        let item = Quarantined {
            unit: self.unit.clone(),
            address: address.to_owned(),
            reason: reason.to_owned(),
            bytes,
            at: self.clock.wall(),
            again,
        };
        let unit = &self.unit;
        match self.store.quarantine(self.store.fence(), &item).await {
            Ok(()) => {
                if self.full.swap(false, Relaxed) {
                    info!(%unit, code = %QUARANTINE_FULL, "the quarantine has room again");
                }
                return true;
            }
            Err(error @ StoreError::Full { .. }) if !self.full.swap(true, Relaxed) => {
                let error = quittance_core::chain(&error);
                warn!(%unit, code = %QUARANTINE_FULL, address, reason, error, "cannot be set aside, and stays where it is, as will others");
            }
            Err(StoreError::Full { .. }) => debug!(%unit, address, reason, "stays where it is: the quarantine is full"),
            Err(error) => {
                let (code, error) = (error.code(), quittance_core::chain(&error));
                warn!(%unit, %code, address, reason, error, "cannot be set aside, and stays where it is");
            }
        }
        false
    }
}

impl OwedObject {
    pub(crate) fn new(object: &ObjectRef, version: Option<String>, owed: &Owed) -> Self {
        let ObjectRef { bucket, key, raw_key, region, version: version_id, .. } = object.clone();
        let owed = owed.iter().map(|(range, to)| (range.start, range.end, to.bits())).collect();
        OwedObject { bucket, key, raw_key, region, version_id, version, owed }
    }

    pub(crate) fn object(&self) -> ObjectRef {
        let (raw_key, region, version) = (self.raw_key.clone(), self.region.clone(), self.version_id.clone());
        // When it was created is of no matter to who wants it once more.
        ObjectRef { raw_key, region, version, ..ObjectRef::new(&self.bucket, &self.key) }
    }

    /// What is owed of it, if a collector with so many outputs can have written that. Nothing is never set aside.
    pub(crate) fn owed(&self, outputs: usize) -> Option<Owed> {
        Owed::stored(&self.owed, outputs).filter(|owed| !owed.is_empty())
    }
}
