//! Why nothing comes through a queue: what waits in it, what feeds it, and what its kinds know of the writers.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use quittance_core::{Finding, codes::CANNOT_TELL};

use super::{Receiver, Station, WayKind};
use crate::{
    SqsQueue, codes,
    silence::{Announces, announces, cannot_tell, of_rules, written_since},
    sqs::Depth,
};

/// Buckets that are looked at.
const MOST_BUCKETS: usize = 10;

/// What was written a moment ago may be announced in a moment.
const SETTLES: Duration = Duration::from_secs(300);

impl Receiver {
    pub(super) async fn silence(&self, since: SystemTime) -> Vec<Finding> {
        let Receiver { station: Station { account, .. }, region, queue, .. } = self;
        let depth = async { SqsQueue::open(account, region, queue).await?.depth().await };
        let depth = match depth.await {
            Ok(depth) => depth,
            Err(error) => {
                return vec![cannot_tell(&format!("what is in queue `{queue}`"), "sqs:GetQueueAttributes", &error)];
            }
        };
        let mut causes: Vec<Finding> = depth.waiting(queue, region).into_iter().collect();
        let ways = self.ways().clone();
        let mut by_rules = ways.iter().any(|way| matches!(&way.kind, WayKind::Bodies(kind) if kind.is_fed_by_rules()));
        if self.announces() {
            let mut buckets = self.buckets().await.unwrap_or_default();
            buckets.extend(depth.buckets.iter().cloned());
            if buckets.is_empty() && causes.is_empty() {
                let problem =
                    format!("what writes objects cannot be told: name the `buckets` that queue `{queue}` announces");
                causes.push(Finding::warning(&CANNOT_TELL, problem));
            }
            by_rules |= self.of_buckets(&buckets, &depth, since, &mut causes).await;
        }
        if by_rules {
            causes.extend(of_rules(account, region, queue, &depth.arn).await);
        }
        causes
    }

    /// What buckets announce, and what their writers do. Whether one of them announces to EventBridge.
    async fn of_buckets(
        &self,
        buckets: &BTreeSet<String>,
        depth: &Depth,
        since: SystemTime,
        causes: &mut Vec<Finding>,
    ) -> bool {
        let Receiver { station: Station { account, .. }, region, queue, .. } = self;
        let kinds: Vec<_> = self.ways().iter().filter_map(|way| way.kind.objects().cloned()).collect();
        let mut by_rules = false;
        for bucket in buckets.iter().take(MOST_BUCKETS) {
            match announces(account, region, bucket, &depth.arn).await {
                Ok(Announces::ToQueue | Announces::ToTopic) => {}
                Ok(Announces::ToEventBridge) => by_rules = true,
                // A writer may announce by itself, as a trail does.
                Ok(Announces::Elsewhere) if depth.has_topics => {
                    let problem = format!(
                        "bucket `{bucket}` announces nothing by itself, and whether a topic does is not looked at"
                    );
                    causes.push(Finding::warning(&CANNOT_TELL, problem));
                }
                Ok(Announces::Elsewhere) => {
                    let problem =
                        format!("bucket `{bucket}` does not announce its objects to queue `{queue}` in {region}");
                    causes.push(Finding::error(&codes::NOTIFICATION_GONE, problem));
                }
                Err(error) => {
                    let what = format!("whether bucket `{bucket}` announces its objects");
                    causes.push(cannot_tell(&what, "s3:GetBucketNotification", &error));
                }
            }
        }
        for kind in &kinds {
            causes.extend(kind.why_silent(region, buckets).await);
        }
        if depth.visible == 0 && depth.hidden == 0 {
            let number = account.number().await.unwrap_or_default();
            let day = Timestamp::try_from(account.clock().wall()).unwrap_or_default().strftime("%Y/%m/%d").to_string();
            for kind in &kinds {
                let Some(folder) = kind.folder_of_day(&number, region, &day) else { continue };
                for bucket in buckets.iter().take(MOST_BUCKETS) {
                    let found = written_since(account, region, bucket, &folder, since + SETTLES).await;
                    let Some(key) = found.map(|key| key.escape_debug().to_string()) else { continue };
                    let problem =
                        format!("objects are written into bucket `{bucket}`, as `{key}`, and nothing announced them");
                    causes.push(Finding::error(&codes::NOT_ANNOUNCED, problem));
                }
            }
        }
        by_rules
    }
}

impl Depth {
    /// Messages that wait though they could be received.
    fn waiting(&self, queue: &str, region: &str) -> Option<Finding> {
        let Depth { visible, hidden, .. } = self;
        let problem = format!(
            "{visible} messages wait in queue `{queue}` in {region}, and {hidden} are held: the collector is behind"
        );
        (*visible > 0).then(|| Finding::error(&codes::BACKLOG, problem))
    }
}
