//! CloudWatch's metrics as a source of windows: a namespace is a cursor.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{MetricDataQuery, MetricStat, RecentlyActive, Statistic},
};
use quittance_aws::{
    AwsError, Calls, Cost, TagTemplate, Tagger, refusal,
    windows::{Cadence, LISTINGS_AN_HOUR, Pages, Price, Sweep, Window, WindowKind},
};
use quittance_core::{Finding, Interval, Tags};

use crate::{
    Config,
    data::{DataPages, GET_METRIC_DATA, GET_METRIC_STATISTICS, Source},
    listing::{LIST_METRICS, Listing},
    metric::Metric,
    selection::Selection,
};

/// US dollars for a call, and for each metric that GetMetricData is asked for.
const CALL: f64 = 10.0e-6;
const METRIC: f64 = 10.0e-6;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The metrics of one region.
pub(crate) struct Metrics {
    source: Arc<Source>,
    template: TagTemplate,
    request_period: Duration,
    delay: Duration,
}

impl Metrics {
    pub(crate) fn new(config: &Config, selection: Arc<Selection>, template: TagTemplate, client: Client) -> Self {
        let or = |interval: Option<Interval>, default| interval.map_or(default, |Interval(own)| own);
        let listing = Listing::new(client, selection, config.include_linked_accounts);
        Metrics {
            source: Arc::new(Source { listing, units: config.with_units, refusing: Mutex::default() }),
            template,
            request_period: or(config.request_period_in_seconds, 5 * MINUTE),
            delay: or(config.delay, 5 * MINUTE),
        }
    }

    fn period(&self) -> Duration {
        self.source.listing.selection.period
    }
}

#[async_trait]
impl WindowKind for Metrics {
    fn cadence(&self) -> Cadence {
        let period = self.period();
        let most = u32::try_from(6 * HOUR.as_secs() / period.as_secs().max(1)).unwrap_or(1).max(1);
        Cadence {
            // There is nothing new before a period ends.
            period: self.request_period.max(period),
            grain: period,
            delay: self.delay,
            overlap: 3 * period,
            // Samples stamped 3 hours back may take 2 hours to be shown, older ones two days.
            sweeps: vec![Sweep { lateness: 3 * HOUR, every: HOUR }, Sweep { lateness: 48 * HOUR, every: DAY }],
            longest: most * period,
            most_pages: None,
            horizon: Some(455 * DAY),
            advice: "ask for less: fewer `namespaces`, `statistics` or `dimensions`, or a longer `period`",
        }
    }

    async fn cursors(&self, calls: &Calls) -> Result<Vec<String>, AwsError> {
        self.source.listing.namespaces(calls).await
    }

    fn open(&self, cursor: &str, window: Window, calls: &Calls, tags: &Tags) -> Box<dyn Pages> {
        let tagger = Tagger::new(self.template.clone(), calls.at().clone(), tags.clone());
        Box::new(DataPages::new(self.source.clone(), calls.clone(), tagger, cursor, window))
    }

    async fn price(&self, calls: &Calls) -> Result<Price, AwsError> {
        let listing = &self.source.listing;
        let namespaces = listing.namespaces(calls).await?;
        let mut metrics = 0;
        for namespace in &namespaces {
            metrics += listing.metrics(calls, namespace, false).await?.len();
        }
        // Up to five statistics of a metric are billed as one.
        let billed = (metrics * listing.selection.statistics.len().div_ceil(5)) as f64;
        let window = Cost { calls: (billed / 500.0).ceil().max(namespaces.len() as f64), dollars: billed * METRIC };
        let listings = namespaces.len() as f64 + (metrics / 500) as f64;
        Ok(Price {
            window,
            hour: Cost::of(listings * LISTINGS_AN_HOUR, CALL),
            check: Cost { calls: 3.0, dollars: 2.0 * CALL + METRIC },
            beyond: "with each metric that is new; a longer `period` or fewer `namespaces` cost less",
        })
    }

    async fn check(&self, calls: &Calls) -> Result<Vec<Finding>, AwsError> {
        let what = format!("metrics in {} cannot be read", calls.at().region);
        refusal::findings(self.prove(calls).await, &what, "cloudwatch")
    }
}

impl Metrics {
    /// Makes each call once, for one metric, which need not exist; what failed.
    async fn prove(&self, calls: &Calls) -> Vec<AwsError> {
        let client = &self.source.listing.client;
        let region = &calls.at().region;
        let list = client.list_metrics().recently_active(RecentlyActive::Pt3H);
        let metric = Metric {
            namespace: "AWS/Usage".to_owned(),
            name: "CallCount".to_owned(),
            dimensions: Vec::new(),
            linked: None,
        };
        let [start, end] = [calls.now() - 300_000, calls.now()].map(DateTime::from_millis);
        let stat = MetricStat::builder().metric(metric.to_sdk()).period(300).stat("Sum").build();
        let query = MetricDataQuery::builder().id("q0").metric_stat(stat).build();
        let data = client.get_metric_data().metric_data_queries(query).start_time(start).end_time(end);
        let statistics = client.get_metric_statistics().namespace(&metric.namespace).metric_name(&metric.name);
        let statistics = statistics.start_time(start).end_time(end).period(300).statistics(Statistic::Sum);
        let list = calls.call(LIST_METRICS, region, list.send()).await;
        let data = calls.call(GET_METRIC_DATA, region, data.send()).await;
        let statistics = calls.call(GET_METRIC_STATISTICS, region, statistics.send()).await;
        [list.err(), data.err(), statistics.err()].into_iter().flatten().collect()
    }
}
