//! How many calls a second each account makes in each region, and how many it may make.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::error::ApiError;
use super::place::Place;
use super::request::{Call, Service};
use super::{FakeAws, lock};

/// Calls of the last second, and quotas by API.
#[derive(Default)]
pub(super) struct Quotas(Mutex<State>);

#[derive(Default)]
struct State {
    by_api: HashMap<String, usize>,
    recent: HashMap<(&'static str, Place), VecDeque<Instant>>,
    peaks: HashMap<&'static str, usize>,
}

impl Quotas {
    /// Throttles a call that is one too many. AWS counts it nevertheless, and so does this.
    pub(super) fn admit(&self, call: &Call, from: Place) -> Result<(), ApiError> {
        let state = &mut *lock(&self.0);
        let recent = state.recent.entry((call.api, from)).or_default();
        let now = Instant::now();
        while recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            recent.pop_front();
        }
        recent.push_back(now);
        let peak = state.peaks.entry(call.api).or_default();
        *peak = recent.len().max(*peak);
        if state.by_api.get(call.api).is_none_or(|quota| recent.len() <= *quota) {
            return Ok(());
        }
        let code = match call.service {
            Service::CloudWatch | Service::CloudWatchJson | Service::Sqs => "Throttling",
            Service::S3 => "SlowDown",
            _ => "ThrottlingException",
        };
        Err(ApiError::scripted(call.service, None, code.to_owned()).saying("Rate exceeded"))
    }
}

impl FakeAws {
    /// Throttles calls of `api` beyond so many in any second, in each account and region. Nothing is throttled without it.
    pub fn set_quota(&self, api: &str, per_second: usize) {
        lock(&self.0.quotas.0).by_api.insert(api.to_owned(), per_second);
    }

    /// The most calls of `api` that any one second saw from one account in one region, throttled ones included.
    pub fn calls_peak(&self, api: &str) -> usize {
        lock(&self.0.quotas.0).peaks.get(api).copied().unwrap_or(0)
    }
}
