//! Whole periods of a window, as long as CloudWatch still keeps them.

use std::time::Duration;

use quittance_aws::windows::Window;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How far a span keeps away from the ages at which shorter periods are gone: until it is asked, time passes.
const MARGIN: i64 = HOUR;

/// The periods that begin in a window; all in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) start: i64,
    /// Where the last period ends, be it behind the window: it is to be whole.
    pub(crate) end: i64,
    period: i64,
}

impl Span {
    /// For `window`, asked at `now`. Without an error, CloudWatch shows nothing of periods shorter than it keeps.
    pub(crate) fn of(window: Window, period: Duration, now: i64) -> Span {
        let kept = match now - window.from + MARGIN {
            age if age > 63 * DAY => HOUR,
            age if age > 15 * DAY => 5 * MINUTE,
            _ => MINUTE,
        };
        let period = up(i64::try_from(period.as_millis()).unwrap_or(kept).max(MINUTE), kept);
        Span { start: up(window.from, period), end: up(window.to, period), period }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// How many periods there are, one at least.
    pub(crate) fn periods(self) -> i64 {
        ((self.end - self.start) / self.period).max(1)
    }

    pub(crate) fn seconds(self) -> i64 {
        self.period / 1000
    }
}

/// The next multiple of `grain`.
fn up(at: i64, grain: i64) -> i64 {
    at + (-at).rem_euclid(grain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn span(from: i64, to: i64, minutes: u64) -> (i64, i64, i64) {
        let span = Span::of(Window { from, to }, Duration::from_secs(60 * minutes), NOW);
        (span.start, span.end, span.seconds())
    }

    #[test]
    fn a_period_that_is_kept_no_longer_is_raised() {
        let at = |age: i64| NOW - age;
        assert_eq!(span(at(DAY), at(DAY) + HOUR, 1).2, 60);
        assert_eq!(span(at(15 * DAY), at(15 * DAY) + HOUR, 1).2, 300);
        assert_eq!(span(at(20 * DAY), at(20 * DAY) + HOUR, 7).2, 600);
        assert_eq!(span(at(64 * DAY), at(64 * DAY) + HOUR, 5).2, 3600);
        assert_eq!(span(at(64 * DAY), at(64 * DAY) + DAY, 1440).2, 86_400);
    }

    #[test]
    fn every_period_begins_in_exactly_one_window() {
        let old = NOW - 70 * DAY;
        let windows =
            [(old, old + 90 * MINUTE), (old + 90 * MINUTE, old + 100 * MINUTE), (old + 100 * MINUTE, old + DAY)];
        let mut next = span(windows[0].0, windows[0].1, 5).0;
        for (from, to) in windows {
            let (start, end, _) = span(from, to, 5);
            assert_eq!((start, (end - start) % HOUR), (next, 0));
            next = end;
        }
        assert_eq!(next, up(old + DAY, HOUR));
    }
}
