//! Real time, which is what passes here.

use std::time::{Duration, Instant};

/// The present moment.
#[allow(clippy::disallowed_methods, reason = "real processes run in real time; no product code")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
