//! Wall-clock time that follows `tokio::time`, so that it stands still when virtual time does.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

pub(super) struct Clock {
    start: Timestamp,
    origin: Instant,
}

impl Clock {
    pub(super) fn starting_at(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }
}

/// `2026-01-31T12:00:00.000Z`, as S3 and SNS write times.
pub(super) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// `Sat, 31 Jan 2026 12:00:00 GMT`, as HTTP headers carry times.
pub(super) fn http_date(time: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}
