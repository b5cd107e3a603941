//! How fast an API may be asked: one limiter for each account, region and API, whoever asks.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quittance_core::{CallCounts, Clock, planted};
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
    /// The time between two calls.
    pub fn spacing(&self) -> Duration {
        self.period.div_f64(self.calls.max(1) as f64)
    }
}

/// The limiters of a process.
#[derive(Clone, Default)]
pub struct Limiters(Arc<All>);

#[derive(Default)]
struct All {
    /// Whether any input has bounds of its own. Until then, APIs without a quota are asked without a look at the rest.
    bounded: AtomicBool,
    limiters: Mutex<HashMap<Key, Arc<Limiter>>>,
    calls: Arc<CallCounts>,
}

/// Account number, region and API.
type Key = (String, String, &'static str);

impl Limiters {
    /// The limiter of an API in one account and region. The strictest of all `limits` that were ever given for it counts.
    pub fn of(&self, account: &str, region: &str, quota: Quota, limits: &[CallLimit]) -> Arc<Limiter> {
        let ours = quota.per_second * LEFT_TO_OTHERS;
        // Evenly spaced, a fraction of a call would be a whole one in some seconds.
        let ours = Duration::from_secs_f64(1.0 / if ours < 1.0 { ours } else { ours.floor() });
        self.spaced(account, region, quota.api, ours, limits)
    }

    /// The same of an API whose quota nobody meets, or that has none: `limits` alone count.
    pub(crate) fn without_quota(
        &self,
        account: &str,
        region: &str,
        api: &'static str,
        limits: &[CallLimit],
    ) -> Arc<Limiter> {
        self.spaced(account, region, api, Duration::ZERO, limits)
    }

    fn spaced(
        &self,
        account: &str,
        region: &str,
        api: &'static str,
        least: Duration,
        limits: &[CallLimit],
    ) -> Arc<Limiter> {
        let limiter = self.all().entry((account.to_owned(), region.to_owned(), api)).or_default().clone();
        limiter.bound(limits.iter().map(CallLimit::spacing).fold(least, Duration::max));
        limiter
    }

    /// What came of all calls that whoever shares these limiters has made.
    pub fn calls(&self) -> &Arc<CallCounts> {
        &self.0.calls
    }

    /// Hears of the bounds of an input, before any call is made.
    pub(crate) fn expect(&self, limits: &[CallLimit]) {
        if !limits.is_empty() {
            self.0.bounded.store(true, Ordering::Relaxed);
        }
    }

    /// Whether any input has bounds of its own.
    pub(crate) fn are_bounded(&self) -> bool {
        self.0.bounded.load(Ordering::Relaxed)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Arc<Limiter>>> {
        self.0.limiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts that were ever asked by this API in this region.
    pub fn accounts(&self, region: &str, quota: Quota) -> Vec<String> {
        let all = self.all();
        let asked = all.keys().filter(|(_, other, api)| other == region && *api == quota.api);
        let mut accounts: Vec<String> = asked.map(|(account, ..)| account.clone()).collect();
        accounts.sort_unstable();
        accounts
    }
}

/// Spaces the calls of one API evenly, so that no second sees more than its share.
#[derive(Default)]
pub struct Limiter {
    pace: Mutex<Pace>,
    /// Held by all who need it again and again.
    shared: Arc<()>,
}

/// A share of an API that is needed again and again, as long as this is held.
pub(crate) struct Share {
    limiter: Arc<Limiter>,
    shared: Arc<()>,
}

impl Share {
    /// The time between two calls of this share, if all make as many.
    pub(crate) fn spacing(&self) -> Duration {
        // One is the limiter's own.
        let shares = Arc::strong_count(&self.shared).saturating_sub(1).max(1);
        self.limiter.pace().spacing.saturating_mul(u32::try_from(shares).unwrap_or(u32::MAX))
    }
}

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
        if planted("limiter-ignored") {
            return;
        }
        clock.sleep_until(at).await;
    }

    /// Hears what came of a call.
    pub fn answered(&self, throttled: bool) {
        let mut pace = self.pace();
        let factor = if throttled { SLOWER } else { FASTER };
        let slowest = pace.least.max(SLOWEST);
        pace.spacing = pace.spacing.mul_f64(factor).clamp(pace.least, slowest);
    }

    /// Takes a share.
    pub(crate) fn share(self: Arc<Self>) -> Share {
        Share { shared: self.shared.clone(), limiter: self }
    }

    fn bound(&self, spacing: Duration) {
        let mut pace = self.pace();
        pace.least = pace.least.max(spacing);
        pace.spacing = pace.spacing.max(pace.least);
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
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
