//! Which metrics there are, as ListMetrics shows them now and showed them a while ago.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_cloudwatch::{Client, types::RecentlyActive};
use quittance_aws::{AwsError, Calls, Quota, windows::Token};
use quittance_core::Class;
use tokio::sync::Mutex;

use crate::{metric::Metric, selection::Selection};

pub(crate) const LIST_METRICS: Quota = Quota { api: "ListMetrics", per_second: 25.0 };

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// How long a list of what reported within three hours is good. CloudWatch itself takes up to 15 minutes to know a metric.
const RECENT_FOR: i64 = 15 * MINUTE;

/// How long a list of everything is good.
const WHOLE_FOR: i64 = HOUR;

/// How long a metric is asked for after it was last listed: it may be listed too late by as much as it may be too early.
const KEPT: i64 = 3 * HOUR + 50 * MINUTE;

/// Tries for one page.
const TRIES: u32 = 5;

/// The metrics of one account and region, and of the accounts linked to it.
pub(crate) struct Listing {
    pub(crate) client: Client,
    pub(crate) selection: Arc<Selection>,
    pub(crate) linked: bool,
    known: Mutex<BTreeMap<String, Namespace>>,
    /// When all namespaces were last listed.
    listed: Mutex<Option<i64>>,
}

/// The metrics of a namespace.
#[derive(Default)]
struct Namespace {
    /// Everything that reported in two weeks, and when that was listed.
    whole: Option<(i64, BTreeSet<Arc<Metric>>)>,
    /// When what reports at present was last listed.
    recently: Option<i64>,
    /// When each metric was last listed as reporting at present.
    recent: BTreeMap<Arc<Metric>, i64>,
}

impl Listing {
    pub(crate) fn new(client: Client, selection: Arc<Selection>, linked: bool) -> Self {
        Listing { client, selection, linked, known: Mutex::default(), listed: Mutex::default() }
    }

    /// The namespaces that are followed.
    pub(crate) async fn namespaces(&self, calls: &Calls) -> Result<Vec<String>, AwsError> {
        if let Some(named) = self.selection.named() {
            return Ok(named);
        }
        let now = calls.now();
        let mut listed = self.listed.lock().await;
        if listed.is_none_or(|listed| now >= listed + WHOLE_FOR) {
            let mut all: BTreeMap<String, BTreeSet<Arc<Metric>>> = BTreeMap::new();
            for metric in self.list(calls, None, false).await? {
                all.entry(metric.namespace.clone()).or_default().insert(metric);
            }
            let mut known = self.known.lock().await;
            known.retain(|namespace, _| all.contains_key(namespace));
            for (namespace, metrics) in all {
                known.entry(namespace).or_default().whole = Some((now, metrics));
            }
            *listed = Some(now);
        }
        Ok(self.known.lock().await.keys().cloned().collect())
    }

    /// The metrics of a namespace: those that report at present, or with `all` everything that may have reported late.
    pub(crate) async fn metrics(
        &self,
        calls: &Calls,
        namespace: &str,
        all: bool,
    ) -> Result<Vec<Arc<Metric>>, AwsError> {
        let now = calls.now();
        let mut known = self.known.lock().await;
        let entry = known.entry(namespace.to_owned()).or_default();
        if entry.recently.is_none_or(|listed| now >= listed + RECENT_FOR) {
            for metric in self.list(calls, Some(namespace), true).await? {
                entry.recent.insert(metric, now);
            }
            entry.recent.retain(|_, seen| now < *seen + KEPT);
            entry.recently = Some(now);
        }
        let mut metrics: BTreeSet<_> = entry.recent.keys().cloned().collect();
        if all {
            if entry.whole.as_ref().is_none_or(|(listed, _)| now >= listed + WHOLE_FOR) {
                entry.whole = Some((now, self.list(calls, Some(namespace), false).await?));
            }
            metrics.extend(entry.whole.iter().flat_map(|(_, whole)| whole).cloned());
        }
        Ok(metrics.into_iter().collect())
    }

    async fn list(
        &self,
        calls: &Calls,
        namespace: Option<&str>,
        recently: bool,
    ) -> Result<BTreeSet<Arc<Metric>>, AwsError> {
        let mut metrics = BTreeSet::new();
        let mut token = Token::First;
        while let Some(next) = token.to_send() {
            let request = self
                .client
                .list_metrics()
                .set_namespace(namespace.map(str::to_owned))
                .set_recently_active(recently.then_some(RecentlyActive::Pt3H))
                .set_include_linked_accounts(self.linked.then_some(true))
                .set_next_token(next);
            let target = namespace.unwrap_or(&calls.at().region);
            let mut tries = 1;
            let answer = loop {
                match calls.call(LIST_METRICS, target, request.clone().send()).await {
                    // The pages before would be lost. Each call waits for its turn, and the longer the more it is throttled.
                    Err(error) if tries < TRIES && matches!(error.class(), Class::Throttled | Class::Retry) => {
                        tries += 1
                    }
                    answer => break answer?,
                }
            };
            token.follow(LIST_METRICS.api, answer.next_token)?;
            // As many as there are metrics, where linked accounts are asked for.
            let owners = answer.owning_accounts.unwrap_or_default();
            for (at, shown) in answer.metrics.unwrap_or_default().into_iter().enumerate() {
                let metric = Metric::new(shown, owners.get(at), &calls.at().account);
                metrics.extend(metric.filter(|metric| self.selection.wants(metric)).map(Arc::new));
            }
        }
        Ok(metrics)
    }
}
