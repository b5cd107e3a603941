//! Where a unit sets aside what can never be delivered.

use std::sync::Arc;

use quittance_core::{Clock, Quarantined, Store, StoreError, UnitId};

/// A unit's way into the quarantine.
#[derive(Clone)]
pub(crate) struct Quarantine {
    pub(crate) unit: UnitId,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Quarantine {
    /// Sets something aside. When this has ended well it is on the disk, and its source may forget it.
    pub(crate) async fn put(&self, address: String, reason: String, bytes: Vec<u8>) -> Result<(), StoreError> {
        let item = Quarantined { unit: self.unit.clone(), address, reason, bytes, at: self.clock.wall() };
        self.store.quarantine(self.store.fence(), &item).await
    }
}
