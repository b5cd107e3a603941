//! `metrics-all`: CloudWatch's metrics, one event for each datapoint.

mod data;
mod kind;
mod listing;
mod metric;
mod selection;
mod span;

use std::sync::Arc;

use quittance_aws::{
    Account, On, PlanError, Reads, ServiceDescription, ServiceKind, Source, TypeDescription, regions, tag_template,
    windows::{WindowSettings, past_start_time},
};
use quittance_core::{Interval, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use kind::Metrics;
use selection::Selection;

/// The service.
pub struct MetricsAll;

/// The section `metrics-all`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "MetricsAll")]
pub struct Config {
    /// Regions whose metrics are asked for; one unit each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// Only these namespaces; a `*` at the end stands for anything. All if unset.
    #[serde(default)]
    #[schemars(extend("examples" = [["AWS/EC2", "AWS/S3"]]))]
    pub namespaces: Vec<String>,
    /// Only metrics of these names. All if unset.
    #[serde(default)]
    #[schemars(extend("examples" = [["CPUUtilization"]]))]
    pub metric_names: Vec<String>,
    /// Only metrics that have each of these dimensions: a name, or a name and its value.
    #[serde(default)]
    #[schemars(extend("examples" = [["InstanceId", "AutoScalingGroupName=web"]]))]
    pub dimensions: Vec<String>,
    /// Statistics, one event each: `Average`, `Maximum`, `Minimum`, `SampleCount`, `Sum`, or one as `p99`. The first five
    /// if unset, which AWS bills as one.
    #[serde(default)]
    #[schemars(extend("examples" = [["Average", "p99"]]))]
    pub statistics: Vec<String>,
    /// The time that a datapoint stands for, in whole minutes; 5 minutes if unset.
    #[schemars(extend("examples" = ["5m"]))]
    pub period: Option<Interval>,
    /// Whether metrics of source accounts are read too, where this one is a monitoring account.
    #[serde(default, alias = "linked_accounts")]
    #[schemars(extend("x-aliases" = ["linked_accounts"]))]
    pub include_linked_accounts: bool,
    /// Whether events say the unit of a datapoint. Each metric of this account is then asked for on its own, by
    /// GetMetricStatistics: many more calls.
    #[serde(default)]
    pub with_units: bool,
    /// How long after its end a period is first asked for; 5 minutes if unset. What comes later is found nevertheless.
    pub delay: Option<Interval>,
    /// The time between two pulls; 5 minutes if unset, and no less than `period`.
    pub request_period_in_seconds: Option<Interval>,
    /// The first moment to collect; CloudWatch knows 455 days. If unset, when the collector first ran.
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    pub start_time: Option<String>,
    /// An event longer than this, in bytes, is set aside instead of sent. 1 MiB if unset.
    pub max_event_bytes: Option<usize>,
    /// A tag of one's own, with `{account}` and `{region}` of each metric filled in.
    pub tag: Option<String>,
}

impl ServiceKind for MetricsAll {
    type Config = Config;

    const NAME: &'static str = "metrics-all";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "CloudWatch's metrics",
            codes: &[],
            types: &[TypeDescription { name: "", engine: "windows", table: "cloud.aws.cloudwatch.metrics" }],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let default = "cloud.aws.cloudwatch.metrics.{account}.{region}";
        let template = tag_template("tag", config.tag.as_deref(), default, "metrics")?;
        let start_time = past_start_time(config.start_time.as_deref(), account)?;
        let selection = Arc::new(Selection::new(&config)?);
        let unit = |region: String| {
            let client = aws_sdk_cloudwatch::Client::new(&account.config(&region));
            let kind = Arc::new(Metrics::new(&config, selection.clone(), template.clone(), client));
            let mut settings = WindowSettings { start_time, ..WindowSettings::new(&region, kind) };
            settings.max_event_bytes = config.max_event_bytes.unwrap_or(settings.max_event_bytes);
            settings.unit(account, Self::NAME, "metrics", template.to_string())
        };
        Ok(regions(&config.regions)?.into_iter().map(unit).collect())
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let actions = &["cloudwatch:ListMetrics", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"];
        Ok(vec![Source { regions: regions(&config.regions)?, reads: Reads::Api { actions, on: On::Region } }])
    }
}
