//! How far the machine's clock is from AWS's.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::{Duration, SystemTime},
};

use aws_smithy_types::{DateTime, date_time::Format};
use tracing::warn;

use crate::codes;

/// A clock that is further off is worth a word: AWS refuses signatures from five minutes on.
const TOLERATED_SECONDS: i64 = 30;

/// What the `Date` of AWS's answers says of our clock. The SDK corrects its signatures by the same; this tells people.
#[derive(Debug)]
pub(crate) struct Skew {
    /// The account's id, for messages.
    whose: String,
    /// AWS's time less ours, in seconds.
    seconds: AtomicI64,
    said: AtomicBool,
}

impl Skew {
    pub(crate) fn new(whose: &str) -> Skew {
        Skew { whose: whose.to_owned(), seconds: AtomicI64::new(0), said: AtomicBool::new(false) }
    }

    /// Hears that it was `date` at AWS when it was `wall` here.
    pub(crate) fn hear(&self, date: &str, wall: SystemTime) {
        let Ok(date) = DateTime::from_str(date, Format::HttpDate) else { return };
        let skew = date.secs() - DateTime::from(wall).secs();
        self.seconds.store(skew, Ordering::Relaxed);
        if skew.abs() > TOLERATED_SECONDS && !self.said.swap(true, Ordering::Relaxed) {
            let direction = if skew > 0 { "behind" } else { "ahead of" };
            warn!(
                code = %codes::CLOCK_OFF,
                account = self.whose,
                seconds = skew.abs(),
                "this machine's clock is {direction} AWS's: have it set by NTP, since AWS refuses what is signed at a wrong time"
            );
        }
    }

    /// AWS's time less ours, in seconds, as its last answer told.
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds.load(Ordering::Relaxed)
    }

    /// AWS's time when it is `wall` here.
    pub(crate) fn now(&self, wall: SystemTime) -> SystemTime {
        let skew = self.seconds();
        let apart = Duration::from_secs(skew.unsigned_abs());
        let corrected = if skew >= 0 { wall.checked_add(apart) } else { wall.checked_sub(apart) };
        corrected.unwrap_or(wall)
    }
}
