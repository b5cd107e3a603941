//! Which metrics are wanted, and which statistics of them.

use std::time::Duration;

use quittance_aws::{PlanError, listed};
use quittance_core::Interval;

use crate::{Config, metric::Metric};

/// CloudWatch's own statistics, all of which count as one metric on the bill.
pub(crate) const STATISTICS: [&str; 5] = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

/// How many others GetMetricStatistics takes in one call.
const MOST_EXTENDED: usize = 10;

/// What a configuration selects.
pub(crate) struct Selection {
    /// Namespaces, or what they begin with; all if empty.
    namespaces: Vec<Pattern>,
    names: Vec<String>,
    dimensions: Vec<(String, Option<String>)>,
    pub(crate) statistics: Vec<String>,
    pub(crate) period: Duration,
}

enum Pattern {
    Exactly(String),
    Beginning(String),
}

impl Selection {
    pub(crate) fn new(config: &Config) -> Result<Self, PlanError> {
        let optional = |key, entries: &[String]| match entries {
            [] => Ok(Vec::new()),
            entries => listed(key, entries),
        };
        let pattern = |text: String| match text.strip_suffix('*') {
            Some(beginning) => Pattern::Beginning(beginning.to_owned()),
            None => Pattern::Exactly(text),
        };
        let dimension = |text: String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text, None),
        };
        let statistics = match config.statistics.as_slice() {
            [] => STATISTICS.map(str::to_owned).to_vec(),
            own => listed("statistics", own)?,
        };
        if let Some(odd) = statistics.iter().find(|name| !is_statistic(name)) {
            let problem = format!("`{}` is no statistic: expected {}, or one as `p99`", odd.escape_debug(), list());
            return Err(PlanError::new("statistics", problem));
        }
        let extended = statistics.iter().filter(|name| !STATISTICS.contains(&name.as_str())).count();
        if extended > MOST_EXTENDED {
            let problem = format!("expected {MOST_EXTENDED} at most that are none of {}", list());
            return Err(PlanError::new("statistics", problem));
        }
        let Interval(period) = config.period.unwrap_or(Interval(Duration::from_secs(300)));
        if period.is_zero() || !period.as_millis().is_multiple_of(60_000) || period > Duration::from_secs(86_400) {
            return Err(PlanError::new("period", "expected whole minutes, a day at most, as in `1m`, `5m` or `1h`"));
        }
        Ok(Selection {
            namespaces: optional("namespaces", &config.namespaces)?.into_iter().map(pattern).collect(),
            names: optional("metric_names", &config.metric_names)?,
            dimensions: optional("dimensions", &config.dimensions)?.into_iter().map(dimension).collect(),
            statistics,
            period,
        })
    }

    /// The namespaces, where they are all named.
    pub(crate) fn named(&self) -> Option<Vec<String>> {
        let named = self.namespaces.iter().map(|pattern| match pattern {
            Pattern::Exactly(name) => Some(name.clone()),
            Pattern::Beginning(_) => None,
        });
        named.collect::<Option<Vec<_>>>().filter(|named| !named.is_empty())
    }

    pub(crate) fn wants(&self, metric: &Metric) -> bool {
        let has = |(name, value): &(String, Option<String>)| {
            let own = metric.dimensions.iter().find(|(own, _)| own == name);
            own.is_some_and(|(_, own)| value.as_ref().is_none_or(|value| value == own))
        };
        let within = |pattern: &Pattern| match pattern {
            Pattern::Exactly(name) => *name == metric.namespace,
            Pattern::Beginning(beginning) => metric.namespace.starts_with(beginning.as_str()),
        };
        (self.namespaces.is_empty() || self.namespaces.iter().any(within))
            && (self.names.is_empty() || self.names.contains(&metric.name))
            && self.dimensions.iter().all(has)
    }
}

/// One of CloudWatch's own, or a percentile, trimmed mean or the like, with its number: `p99.9`, `tm90`.
fn is_statistic(name: &str) -> bool {
    let number = ["p", "tm", "wm", "tc", "ts"].iter().find_map(|kind| name.strip_prefix(kind));
    let number = number.filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    STATISTICS.contains(&name) || number.and_then(|text| text.parse::<f64>().ok()).is_some_and(|number| number <= 100.0)
}

fn list() -> String {
    STATISTICS.map(|name| format!("`{name}`")).join(", ")
}
