//! How long things may stay in the quarantine.

use std::{sync::Arc, time::Duration};

use quittance_core::{Clock, Discarded, Store, codes::QUARANTINE_OLD};
use tracing::warn;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3600);

/// How far the time of day may move against steady time between two looks. Steady time does not count while a machine sleeps,
/// so that its clock jumps; a clock that was set may be wrong.
const TOLERATED: Duration = Duration::from_secs(3600);

/// Discards what is older than `most`, and says so; never, if there is no bound. It ends with whoever waits for it.
pub(crate) async fn watch(store: Arc<dyn Store>, clock: Arc<dyn Clock>, most: Option<Duration>) {
    let Some(most) = most else { return std::future::pending().await };
    loop {
        let (wall, steady) = (clock.wall(), clock.now());
        clock.sleep(EVERY).await;
        let (now, expected) = (clock.wall(), wall + (clock.now() - steady));
        let apart = now.duration_since(expected).unwrap_or_else(|error| error.duration());
        if apart > TOLERATED {
            warn!(code = %QUARANTINE_OLD, ?apart, "the clock was set: nothing is discarded from the quarantine for its age, until the next look");
            continue;
        }
        let Some(then) = now.checked_sub(most) else { continue };
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
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::SystemTime};

    use quittance_core::{Quarantined, SystemClock, UnitId};
    use quittance_testbed::{log::Log, store::MemoryStore, world::VirtualClock};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Moves with steady time, and by leaps.
    struct Leaping {
        right: VirtualClock,
        ahead: Mutex<Duration>,
    }

    impl Clock for Leaping {
        fn wall(&self) -> SystemTime {
            self.right.wall() + *self.ahead.lock().unwrap()
        }
    }

    async fn after_an_hour(most: Option<Duration>, leap: Duration) -> (usize, Vec<String>) {
        let (log, _guard) = Log::keep();
        let store = Arc::new(MemoryStore::default());
        let right = VirtualClock::starting(SystemClock.wall());
        let clock = Arc::new(Leaping { right, ahead: Mutex::default() });
        for days in [29, 31, 400] {
            let item = Quarantined {
                unit: UnitId::new(&["unit"]),
                address: format!("message {days}"),
                reason: String::new(),
                bytes: vec![1; 10],
                at: clock.wall() - days * DAY,
                again: String::new(),
            };
            store.quarantine(store.fence(), &item).await.unwrap();
        }
        let leaps = async {
            tokio::time::sleep(Duration::from_secs(1800)).await;
            *clock.ahead.lock().unwrap() = leap;
            tokio::time::sleep(Duration::from_secs(2200)).await;
            *clock.ahead.lock().unwrap() = Duration::ZERO;
        };
        tokio::select! {
            () = watch(store.clone(), clock.clone(), most) => unreachable!("it never ends"),
            () = leaps => {}
        }
        (store.quarantined().len(), log.lines_with("SaveStateError504"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_old_is_discarded_with_a_warning_and_only_by_the_users_wish() {
        let (left, said) = after_an_hour(Some(30 * DAY), Duration::ZERO).await;
        assert_eq!((left, said.len()), (1, 1), "{said:?}");
        assert!(said[0].contains("items=2") && said[0].contains("bytes=20"), "{said:?}");
        assert_eq!(after_an_hour(None, Duration::ZERO).await, (3, Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_leaps_makes_nothing_old() {
        let (left, said) = after_an_hour(Some(500 * DAY), 1000 * DAY).await;
        assert_eq!((left, said.len()), (3, 1), "{said:?}");
        assert!(said[0].contains("the clock was set"), "{said:?}");
    }
}
