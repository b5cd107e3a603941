//! A metric, and the event that a datapoint of it becomes: CloudWatch has no event of its own.

use std::{collections::BTreeMap, ops::Range};

use aws_sdk_cloudwatch::{
    primitives::{DateTime, DateTimeFormat},
    types::Dimension,
};
use quittance_aws::{
    Whereabouts,
    windows::{Found, Route, event_id},
};
use quittance_core::EventId;
use serde::Serialize;

/// What makes a metric itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// By name.
    pub(crate) dimensions: Vec<(String, String)>,
    /// The account that it comes from, if it is a linked one.
    pub(crate) linked: Option<String>,
}

impl Metric {
    /// As ListMetrics shows it, when `us` asks. `None` without a name.
    pub(crate) fn new(shown: aws_sdk_cloudwatch::types::Metric, owner: Option<&String>, us: &str) -> Option<Self> {
        let pair = |one: Dimension| Some((one.name?, one.value?));
        let mut dimensions: Vec<_> = shown.dimensions.unwrap_or_default().into_iter().filter_map(pair).collect();
        dimensions.sort();
        let linked = owner.filter(|owner| *owner != us).cloned();
        Some(Metric { namespace: shown.namespace?, name: shown.metric_name?, dimensions, linked })
    }

    /// For a request.
    pub(crate) fn to_sdk(&self) -> aws_sdk_cloudwatch::types::Metric {
        let named = aws_sdk_cloudwatch::types::Metric::builder().namespace(&self.namespace).metric_name(&self.name);
        named.set_dimensions(Some(self.dimensions())).build()
    }

    /// Its dimensions for a request.
    pub(crate) fn dimensions(&self) -> Vec<Dimension> {
        let dimension = |(name, value): &(String, String)| Dimension::builder().name(name).value(value).build();
        self.dimensions.iter().map(dimension).collect()
    }
}

/// A value of a statistic of a metric in one period.
pub(crate) struct Datapoint<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) statistic: &'a str,
    /// Seconds.
    pub(crate) period: i64,
    /// Where the period begins, in milliseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) value: f64,
    pub(crate) unit: Option<&'a str>,
}

/// The fields of an event, in their order.
#[derive(Serialize)]
struct Event<'a> {
    namespace: &'a str,
    metric: &'a str,
    dimensions: BTreeMap<&'a str, &'a str>,
    statistic: &'a str,
    period: i64,
    timestamp: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    account: &'a str,
    region: &'a str,
}

impl Datapoint<'_> {
    /// Writes the event behind `bytes`.
    pub(crate) fn write(&self, us: &Whereabouts, route: Route, bytes: &mut Vec<u8>) -> Found {
        let start = bytes.len();
        let account = self.metric.linked.as_deref().unwrap_or(&us.account);
        let timestamp = DateTime::from_millis(self.at).fmt(DateTimeFormat::DateTime).unwrap_or_default();
        let event = Event {
            namespace: &self.metric.namespace,
            metric: &self.metric.name,
            dimensions: self.metric.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            statistic: self.statistic,
            period: self.period,
            timestamp,
            value: self.value,
            unit: self.unit,
            account,
            region: &us.region,
        };
        serde_json::to_writer(&mut *bytes, &event).expect("texts and numbers are JSON, and memory takes every write");
        let place: Range<usize> = start..bytes.len();
        Found { id: self.id(account), place, at: self.at, route }
    }

    /// A value that has changed is another event: a revision.
    fn id(&self, account: &str) -> EventId {
        let (period, at, value) =
            (self.period.to_le_bytes(), self.at.to_le_bytes(), self.value.to_bits().to_le_bytes());
        let mut parts: Vec<&[u8]> =
            vec![account.as_bytes(), self.metric.namespace.as_bytes(), self.metric.name.as_bytes()];
        let dimensions = self.metric.dimensions.iter();
        parts.extend(dimensions.flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        // Data of several units is several values of one period.
        let unit = self.unit.unwrap_or_default().as_bytes();
        parts.extend([self.statistic.as_bytes(), &period, &at, &value, unit]);
        event_id(&parts)
    }
}
