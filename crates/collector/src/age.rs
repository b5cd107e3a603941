//! How long things may stay in the quarantine.

use std::{sync::Arc, time::Duration};

use quittance_core::{Clock, Discarded, Store, codes::QUARANTINE_OLD};
use tracing::warn;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3600);

/// Discards what is older than `most`, and says so; never, if there is no bound. It ends with whoever waits for it.
pub(crate) async fn watch(store: Arc<dyn Store>, clock: Arc<dyn Clock>, most: Option<Duration>) {
    let Some(most) = most else { return std::future::pending().await };
    loop {
        if let Some(then) = clock.wall().checked_sub(most) {
            match store.discard_before(store.fence(), then).await {
                Ok(Discarded { items: 0, .. }) => {}
                Ok(Discarded { items, bytes }) => {
                    warn!(code = %QUARANTINE_OLD, items, bytes, quarantine_max_age = ?most, "discarded from the quarantine for their age");
                }
                Err(error) => {
                    warn!(code = %error.code(), error = quittance_core::chain(&error), "what is too old cannot be discarded from the quarantine");
                }
            }
        }
        clock.sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use quittance_core::{Quarantined, SystemClock, UnitId};
    use quittance_testbed::{log::Log, store::MemoryStore};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    async fn after_an_hour(most: Option<Duration>) -> (usize, Vec<String>) {
        let (log, _guard) = Log::keep();
        let store = Arc::new(MemoryStore::default());
        for days in [29, 31, 400] {
            let item = Quarantined {
                unit: UnitId::new(&["unit"]),
                address: format!("message {days}"),
                reason: String::new(),
                bytes: vec![1; 10],
                at: SystemClock.wall() - days * DAY,
                again: String::new(),
            };
            store.quarantine(store.fence(), &item).await.unwrap();
        }
        tokio::select! {
            () = watch(store.clone(), Arc::new(SystemClock), most) => unreachable!("it never ends"),
            () = tokio::time::sleep(Duration::from_secs(4000)) => {}
        }
        (store.quarantined().len(), log.lines_with("SaveStateError504"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_old_is_discarded_with_a_warning_and_only_by_the_users_wish() {
        let (left, said) = after_an_hour(Some(30 * DAY)).await;
        assert_eq!((left, said.len()), (1, 1), "{said:?}");
        assert!(said[0].contains("items=2") && said[0].contains("bytes=20"), "{said:?}");
        assert_eq!(after_an_hour(None).await, (3, Vec::new()));
    }
}
