//! How long to wait before the next try.

use std::time::Duration;

use crate::Random;

/// Exponential back-off with jitter: the n-th wait is in the upper half of `0..=first * 2^n`, up to a ceiling.
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    next: Duration,
    random: Random,
}

impl Backoff {
    /// Waits that grow from `first` to `ceiling`.
    pub fn new(first: Duration, ceiling: Duration, random: Random) -> Self {
        Backoff { first, ceiling, next: first, random }
    }

    /// The next wait; every call doubles the range until the ceiling.
    pub fn wait(&mut self) -> Duration {
        let range = self.next;
        self.next = (range * 2).min(self.ceiling);
        // Half of the range is kept, so that a crowd of failing units never comes back at once.
        range / 2 + self.random.up_to(range / 2)
    }

    /// Starts again from the first wait: the thing works.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}
