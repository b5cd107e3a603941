//! Quotas of calls a second, for each account, region and API.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::error::ApiError;
use super::request::{Call, Service};
use super::{FakeAws, lock};

/// Calls of the last second of each API that has a quota.
#[derive(Default)]
pub(super) struct Quotas(Mutex<State>);

#[derive(Default)]
struct State {
    by_api: HashMap<String, u32>,
    recent: HashMap<(String, String, &'static str), VecDeque<Instant>>,
    busiest: HashMap<&'static str, u32>,
}

impl Quotas {
    /// Throttles a call that is one too many. AWS counts it nevertheless, and so does this.
    pub(super) fn admit(&self, account: &str, call: &Call) -> Result<(), ApiError> {
        let state = &mut *lock(&self.0);
        let Some(quota) = state.by_api.get(call.api).copied() else { return Ok(()) };
        let region = call.region.clone().unwrap_or_default();
        let recent = state.recent.entry((account.to_owned(), region, call.api)).or_default();
        let now = Instant::now();
        while recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            recent.pop_front();
        }
        recent.push_back(now);
        let calls = u32::try_from(recent.len()).unwrap_or(u32::MAX);
        let busiest = state.busiest.entry(call.api).or_default();
        *busiest = calls.max(*busiest);
        if calls <= quota {
            return Ok(());
        }
        let code = match call.service {
            Service::CloudWatch | Service::Sts => "Throttling",
            Service::S3 => "SlowDown",
            _ => "ThrottlingException",
        };
        Err(ApiError::scripted(call.service, None, code.to_owned()).saying("Rate exceeded"))
    }
}

impl FakeAws {
    /// Throttles calls of `api` beyond so many in any second, in each account and region.
    pub fn set_quota(&self, api: &str, calls_per_second: u32) {
        lock(&self.0.quotas.0).by_api.insert(api.to_owned(), calls_per_second);
    }

    /// The most calls of `api` that any second saw in one account and region since it has a quota.
    pub fn busiest_second(&self, api: &str) -> u32 {
        lock(&self.0.quotas.0).busiest.get(api).copied().unwrap_or(0)
    }
}
