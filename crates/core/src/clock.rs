//! Time as a parameter.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// A sleep in progress.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time of day, a steady time for intervals, and sleep.
///
/// Steady time is tokio's, which a test pauses; the time of day is separate since it may jump.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn wall(&self) -> SystemTime;

    /// Steady time, for intervals and deadlines.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Ends when `deadline` has come.
    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Box::pin(tokio::time::sleep_until(deadline))
    }

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
