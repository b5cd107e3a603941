//! Units that the user wants to begin anew, by `reset_persistence_auth`.

use quittance_core::{Change, Record, Store, StoreError};
use tracing::info;

use crate::{CollectorError, planning::PlannedUnit};

/// Forgets how far each unit has come whose word has changed since it was last reset, and remembers the new word. A start
/// that ends between the two only forgets again, before anything was read.
pub(crate) async fn apply<'a>(
    planned: impl IntoIterator<Item = &'a PlannedUnit>,
    store: &dyn Store,
) -> Result<(), CollectorError> {
    for PlannedUnit { unit, reset: word, .. } in planned {
        let Some(word) = word else { continue };
        let unit = unit.id.as_str();
        reset(unit, word, store).await.map_err(|source| CollectorError::Reset { unit: unit.to_owned(), source })?;
    }
    Ok(())
}

async fn reset(unit: &str, word: &str, store: &dyn Store) -> Result<(), StoreError> {
    if store.load(unit, Record::Reset, "").await?.as_deref() == Some(word) {
        return Ok(());
    }
    let checkpoints = store.list(unit, Record::Checkpoint).await?.len();
    store.commit(store.fence(), unit, vec![Change::Reset { cursor: None }]).await?;
    store.save(store.fence(), unit, Record::Reset, "", word).await?;
    if checkpoints > 0 {
        info!(unit, checkpoints, "reset by a new `reset_persistence_auth`: how far it had come is forgotten");
    }
    Ok(())
}
