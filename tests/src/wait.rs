//! Waiting for a condition, with a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(3);

/// Waits until `condition` holds.
///
/// # Panics
///
/// If it does not within `limit`, with `what` was waited for.
pub async fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < end, "waited {limit:?} in vain until {what}");
        sleep(LOOK).await;
    }
}
