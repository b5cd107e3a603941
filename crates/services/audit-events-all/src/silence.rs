//! Why no object of a trail comes: whether the trails that write into its buckets are switched on, and can write.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_cloudtrail::{Client, types::Trail};
use quittance_aws::{Account, AwsError, cannot_tell};
use quittance_core::{Code, Family, Finding, codes::CANNOT_TELL};

/// A trail is switched off.
static STOPPED: Code = Code::new(
    Family::Pull,
    345,
    "a trail is switched off",
    "Somebody called StopLogging on the trail that writes into the bucket: from then on, nothing is recorded for it.",
    "Start its logging again. What happened meanwhile is in CloudTrail's event history for 90 days, which `audits_api` reads.",
)
.of(TRAILS);

/// A trail cannot write.
static CANNOT_WRITE: Code = Code::new(
    Family::Pull,
    346,
    "a trail cannot write into its bucket",
    "CloudTrail was refused when it wrote last: by the bucket's policy, or by that of the KMS key.",
    "Mend the policy. CloudTrail tries again for 30 days.",
)
.of(TRAILS);

const TRAILS: &str = "CloudTrail";

pub(crate) static CODES: &[&Code] = &[&STOPPED, &CANNOT_WRITE];

/// Who asks about trails.
pub(crate) struct Trails(pub(crate) Arc<Account>);

impl Trails {
    pub(crate) async fn why_silent(&self, region: &str, buckets: &BTreeSet<String>) -> Vec<Finding> {
        let Trails(account) = self;
        account.turn(region, "DescribeTrails").await;
        let describe = Client::new(&account.config(region)).describe_trails().include_shadow_trails(true);
        let described = Box::pin(describe.send()).await.map_err(|e| AwsError::api("DescribeTrails", region, e));
        let trails = match described {
            Ok(described) => described.trail_list.unwrap_or_default(),
            Err(error) => {
                return vec![cannot_tell("whether trails are switched on", "cloudtrail:DescribeTrails", &error)];
            }
        };
        let writes = |trail: &&Trail| trail.s3_bucket_name.as_ref().is_some_and(|bucket| buckets.contains(bucket));
        let trails: Vec<_> = trails.iter().filter(writes).collect();
        if trails.is_empty() && !buckets.is_empty() {
            let names: Vec<_> = buckets.iter().map(|bucket| format!("`{bucket}`")).collect();
            let problem = format!(
                "no trail that this account knows writes into {}: whether another's does cannot be told",
                names.join(", ")
            );
            return vec![Finding::warning(&CANNOT_TELL, problem)];
        }
        let mut causes = Vec::new();
        for trail in trails {
            causes.extend(self.of(region, trail).await);
        }
        causes
    }

    async fn of(&self, region: &str, trail: &Trail) -> Option<Finding> {
        let Trails(account) = self;
        let name = trail.name.as_deref().unwrap_or_default();
        let bucket = trail.s3_bucket_name.as_deref().unwrap_or_default();
        // Only its own region knows it.
        let home = trail.home_region.as_deref().unwrap_or(region);
        account.turn(home, "GetTrailStatus").await;
        let request =
            Client::new(&account.config(home)).get_trail_status().name(trail.trail_arn.as_deref().unwrap_or(name));
        let status = match Box::pin(request.send()).await.map_err(|e| AwsError::api("GetTrailStatus", name, e)) {
            Ok(status) => status,
            Err(error) => {
                let what = format!("whether trail `{name}` is switched on");
                return Some(cannot_tell(&what, "cloudtrail:GetTrailStatus", &error));
            }
        };
        if status.is_logging() == Some(false) {
            let at = status.stop_logging_time().map(|at| format!(" since {at}")).unwrap_or_default();
            let problem = format!("trail `{name}` in {home}, which writes into `{bucket}`, is switched off{at}");
            return Some(Finding::error(&STOPPED, problem));
        }
        let refused = status.latest_delivery_error().filter(|error| !error.is_empty())?.escape_debug();
        let problem = format!("trail `{name}` in {home} cannot write into `{bucket}`: {refused}");
        Some(Finding::error(&CANNOT_WRITE, problem))
    }
}
