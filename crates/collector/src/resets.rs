//! Units that the user wants to begin anew, by `reset_persistence_auth`.

use quittance_core::{Change, Record, Store, StoreError};
use tracing::info;

use crate::{
    CollectorError, Config,
    config::{Common, Problem},
    planning::PlannedUnit,
};

/// Forgets how far each unit has come whose word has changed since it was last reset, and remembers the new word. A start
/// that ends between the two only forgets again, before anything was read.
pub(crate) async fn apply(config: &Config, planned: &[PlannedUnit], store: &dyn Store) -> Result<(), CollectorError> {
    for PlannedUnit { unit, input, service, .. } in planned {
        let section = config.inputs.get(input).and_then(|input| input.services.get(service));
        let Some(section) = section else { continue };
        let misread = |problem: Problem| CollectorError::Config(config.problems(vec![problem]));
        let Some(word) = section.read::<Common>().map_err(misread)?.reset_persistence_auth else { continue };
        let unit = unit.id.as_str();
        reset(unit, &word, store).await.map_err(|source| CollectorError::Reset { unit: unit.to_owned(), source })?;
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
