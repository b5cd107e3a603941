//! Calls of APIs that have a quota.

use std::{future::Future, sync::Arc, time::UNIX_EPOCH};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use quittance_core::{Class, World};

use crate::{Account, AwsError, CallLimit, Limiters, Quota, Whereabouts, answers::Skew};

/// What one unit's calls in a region go through: each waits for its turn, and each error is told in our words.
#[derive(Clone)]
pub struct Calls {
    at: Whereabouts,
    limiters: Limiters,
    limits: Arc<[CallLimit]>,
    skew: Arc<Skew>,
    world: World,
}

impl Calls {
    /// For calls in `region`. Asks AWS who we are, since all who work in one account share its quotas.
    pub async fn of(account: &Account, region: &str, world: &World) -> Result<Calls, AwsError> {
        let at = Whereabouts { account: account.number().await?, region: region.to_owned() };
        let (limiters, limits) = (account.limiters().clone(), account.call_limits().into());
        Ok(Calls { at, limiters, limits, skew: account.skew().clone(), world: world.clone() })
    }

    /// The account and region that are asked.
    pub fn at(&self) -> &Whereabouts {
        &self.at
    }

    /// All others that were ever asked by this API in this region by this process.
    pub fn others(&self, quota: Quota) -> Vec<String> {
        let all = self.limiters.accounts(&self.at.region, quota);
        all.into_iter().filter(|account| *account != self.at.account).collect()
    }

    /// The present time, in milliseconds since the epoch: AWS's where our clock is known to be off.
    pub fn now(&self) -> i64 {
        let since = self.skew.now(&*self.world.clock).duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Sends `request` when it is its turn. `target` is what it is about, for errors.
    pub async fn call<T, E>(
        &self,
        quota: Quota,
        target: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let limiter = self.limiters.of(&self.at.account, &self.at.region, quota, &self.limits);
        limiter.turn(&*self.world.clock).await;
        let answer = request.await.map_err(|error| AwsError::api(quota.api, target, error));
        limiter.answered(matches!(&answer, Err(error) if error.class() == Class::Throttled));
        answer
    }
}
