//! How fast an API may be asked: one limiter for each account, region and API, whoever asks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quittance_core::Clock;
use tokio::time::Instant;

/// The share of a quota that is left to the customer's own programs.
const LEFT_TO_OTHERS: f64 = 0.5;

/// However often AWS throttles us, an API is asked this often at least.
const SLOWEST: Duration = Duration::from_secs(30);

/// What a throttled answer does to the time between calls, and how fast that goes back with each good one.
const SLOWER: f64 = 2.0;
const FASTER: f64 = 0.95;

/// An API and how often AWS lets an account ask it in one region.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// The API's name of the operation.
    pub api: &'static str,
    /// AWS's quota, in calls a second.
    pub per_second: f64,
}

/// A bound of the user's own: so many calls in so much time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CallLimit {
    /// The time that is counted over.
    pub period: Duration,
    /// The calls in it.
    pub calls: u64,
}

impl CallLimit {
    fn spacing(&self) -> Duration {
        self.period.div_f64(self.calls.max(1) as f64)
    }
}

/// The limiters of a process.
#[derive(Clone, Default)]
pub struct Limiters(Arc<Mutex<HashMap<Key, Arc<Limiter>>>>);

/// Account number, region and API.
type Key = (String, String, &'static str);

impl Limiters {
    /// The limiter of an API in one account and region. The strictest of all `limits` that were ever given for it counts.
    pub fn of(&self, account: &str, region: &str, quota: Quota, limits: &[CallLimit]) -> Arc<Limiter> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.to_owned(), region.to_owned(), quota.api);
        let limiter = all.entry(key).or_default().clone();
        let ours = quota.per_second * LEFT_TO_OTHERS;
        // Evenly spaced, a fraction of a call would be a whole one in some seconds.
        let ours = Duration::from_secs_f64(1.0 / if ours < 1.0 { ours } else { ours.floor() });
        limiter.bound(limits.iter().map(CallLimit::spacing).fold(ours, Duration::max));
        limiter
    }

    /// The accounts that were ever asked by this API in this region.
    pub fn accounts(&self, region: &str, quota: Quota) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = all.keys().filter(|(_, other, api)| other == region && *api == quota.api);
        let mut accounts: Vec<String> = asked.map(|(account, ..)| account.clone()).collect();
        accounts.sort_unstable();
        accounts
    }
}

/// Spaces the calls of one API evenly, so that no second sees more than its share.
#[derive(Default)]
pub struct Limiter(Mutex<Pace>);

#[derive(Default)]
struct Pace {
    /// Time between two calls while AWS does not complain.
    least: Duration,
    /// Time between two calls at present.
    spacing: Duration,
    /// When the next call may go out.
    next: Option<Instant>,
}

impl Limiter {
    /// Waits for this call's turn. Whoever came first goes first.
    pub async fn turn(&self, clock: &dyn Clock) {
        let at = {
            let mut pace = self.pace();
            let at = pace.next.map_or(clock.now(), |next| next.max(clock.now()));
            pace.next = Some(at + pace.spacing);
            at
        };
        clock.sleep_until(at).await;
    }

    /// Hears what came of a call.
    pub fn answered(&self, throttled: bool) {
        let mut pace = self.pace();
        let factor = if throttled { SLOWER } else { FASTER };
        let slowest = pace.least.max(SLOWEST);
        pace.spacing = pace.spacing.mul_f64(factor).clamp(pace.least, slowest);
    }

    fn bound(&self, spacing: Duration) {
        let mut pace = self.pace();
        pace.least = pace.least.max(spacing);
        pace.spacing = pace.spacing.max(pace.least);
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use quittance_core::SystemClock;

    use super::*;

    const TWO: Quota = Quota { api: "LookupEvents", per_second: 2.0 };

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_shares_half_the_quota() {
        let limiters = Limiters::default();
        let (one, two) = (limiters.of("1", "r", TWO, &[]), limiters.of("1", "r", TWO, &[]));
        let began = Instant::now();
        for _ in 0..10 {
            one.turn(&SystemClock).await;
            two.turn(&SystemClock).await;
        }
        assert_eq!(began.elapsed().as_secs(), 19);
        // Another region has a quota of its own.
        limiters.of("1", "other", TWO, &[]).turn(&SystemClock).await;
        assert_eq!(began.elapsed().as_secs(), 19);
    }

    #[test]
    fn who_was_asked_is_known() {
        let limiters = Limiters::default();
        for (account, region) in [("2", "r"), ("1", "r"), ("1", "r"), ("3", "other")] {
            limiters.of(account, region, TWO, &[]);
        }
        assert_eq!(limiters.accounts("r", TWO), ["1", "2"]);
        assert_eq!(limiters.accounts("r", Quota { api: "GetFindings", ..TWO }), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_users_own_limits_only_lower_it() {
        let limiters = Limiters::default();
        let many = CallLimit { period: Duration::from_secs(1), calls: 100 };
        let few = CallLimit { period: Duration::from_secs(60), calls: 6 };
        let limiter = limiters.of("1", "r", TWO, &[many, few]);
        let began = Instant::now();
        for _ in 0..4 {
            limiter.turn(&SystemClock).await;
        }
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_api_is_asked_more_slowly_for_a_while() {
        let limiter = Limiters::default().of("1", "r", TWO, &[]);
        let spacing = || limiter.pace().spacing;
        for _ in 0..10 {
            limiter.answered(true);
        }
        assert_eq!(spacing(), SLOWEST);
        for _ in 0..100 {
            limiter.answered(false);
        }
        assert_eq!(spacing(), Duration::from_secs(1));
    }
}
