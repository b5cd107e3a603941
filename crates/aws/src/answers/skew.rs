//! How far the machine's clock is from AWS's.

use std::{
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_types::{DateTime, date_time::Format};
use quittance_core::Clock;
use tokio::time::Instant;
use tracing::warn;

use crate::codes;

/// A clock that is further off is not gone by: AWS refuses signatures from five minutes on.
const TOLERATED: Duration = Duration::from_secs(30);

/// What the `Date` of AWS's answers says of our clock. The SDK corrects its signatures by the same; this tells people, and
/// whoever asks for ranges of time.
#[derive(Debug)]
pub(crate) struct Skew {
    /// The account's id, for messages.
    whose: String,
    heard: RwLock<Option<Heard>>,
    said: AtomicBool,
}

/// What an answer said.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// AWS's time.
    date: SystemTime,
    /// Ours, steady.
    at: Instant,
    /// AWS's time less that of our clock, in seconds.
    apart: i64,
}

impl Skew {
    pub(crate) fn new(whose: &str) -> Skew {
        Skew { whose: whose.to_owned(), heard: RwLock::default(), said: AtomicBool::new(false) }
    }

    /// Hears that it is `date` at AWS.
    pub(crate) fn hear(&self, date: &str, clock: &dyn Clock) {
        let Ok(date) = DateTime::from_str(date, Format::HttpDate) else { return };
        let apart = date.secs() - DateTime::from(clock.wall()).secs();
        let Ok(date) = SystemTime::try_from(date) else { return };
        *self.heard.write().unwrap_or_else(PoisonError::into_inner) = Some(Heard { date, at: clock.now(), apart });
        if apart.unsigned_abs() > TOLERATED.as_secs() && !self.said.swap(true, Ordering::Relaxed) {
            let direction = if apart > 0 { "behind" } else { "ahead of" };
            warn!(
                code = %codes::CLOCK_OFF,
                account = self.whose,
                seconds = apart.abs(),
                "this machine's clock is {direction} AWS's: have it set by NTP, since AWS refuses what is signed at a wrong time"
            );
        }
    }

    /// AWS's time less ours, in seconds, as its last answer told.
    pub(crate) fn seconds(&self) -> i64 {
        self.heard().map_or(0, |heard| heard.apart)
    }

    /// The present time: our clock's, but where AWS's last answer tells that it is off. A clock that jumps is not followed
    /// for a moment.
    pub(crate) fn now(&self, clock: &dyn Clock) -> SystemTime {
        let wall = clock.wall();
        let Some(Heard { date, at, .. }) = self.heard() else { return wall };
        let there = date + clock.now().saturating_duration_since(at);
        let apart = there.duration_since(wall).unwrap_or_else(|error| error.duration());
        if apart > TOLERATED { there } else { wall }
    }

    fn heard(&self) -> Option<Heard> {
        *self.heard.read().unwrap_or_else(PoisonError::into_inner)
    }
}
