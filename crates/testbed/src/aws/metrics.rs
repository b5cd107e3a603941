//! CloudWatch's metrics: samples, what is made of them for a period, and which metrics are listed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::{FakeAws, Place, lock};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What makes a metric itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    /// As in `AWS/EC2`.
    pub namespace: String,
    /// As in `CPUUtilization`.
    pub name: String,
    /// Names and values, by name.
    pub dimensions: Vec<(String, String)>,
}

impl Metric {
    /// A metric with these dimensions, in any order.
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let mut dimensions: Vec<_> = dimensions.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

/// What was measured at one moment: a value, or the statistics of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub(super) at: i64,
    pub(super) visible_from: i64,
    pub(super) unit: String,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    pub(super) high_resolution: bool,
}

impl Sample {
    /// One value, to be seen from its own time on.
    pub fn new(at: Timestamp, value: f64) -> Self {
        Self::set(at, 1.0, value, value, value)
    }

    /// A statistic set.
    pub fn set(at: Timestamp, count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let at = at.as_millisecond();
        let unit = "None".to_owned();
        Self { at, visible_from: at, unit, count, sum, minimum, maximum, high_resolution: false }
    }

    /// In this unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// Shown only from this time on.
    #[must_use]
    pub fn visible_from(mut self, time: Timestamp) -> Self {
        self.visible_from = time.as_millisecond();
        self
    }

    /// With a resolution of a second.
    #[must_use]
    pub fn high_resolution(mut self) -> Self {
        self.high_resolution = true;
        self
    }
}

/// What becomes of a query for one metric in an answer that is well otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryFault {
    /// The caller may not see the metric.
    Forbidden,
    /// An error of CloudWatch's own; the query may be asked again.
    InternalError,
}

/// All metrics, by account and region.
#[derive(Default)]
pub(super) struct Metrics {
    series: HashMap<Place, BTreeMap<Metric, Series>>,
    /// Source accounts by monitoring account.
    links: HashMap<String, BTreeSet<String>>,
    /// How often queries for a metric of that name still fail, and how.
    faults: HashMap<String, (u32, QueryFault)>,
    /// For so many calls of GetMetricData: how many queries each answers.
    crowded: (u32, usize),
    listed_after: i64,
}

#[derive(Default)]
pub(super) struct Series {
    samples: BTreeMap<i64, Vec<Sample>>,
    /// The times from which on samples can be seen.
    published: BTreeSet<i64>,
}

/// What is asked of a series. Times are milliseconds since the epoch.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) period: i64,
    pub(super) now: i64,
}

impl Span {
    /// The start as CloudWatch rounds it; `None` where so short a period is no longer kept.
    fn kept_from(self) -> Option<i64> {
        let (resolution, grain) = match self.now - self.start {
            age if age > 63 * DAY => (HOUR, HOUR),
            age if age > 15 * DAY => (5 * MINUTE, 5 * MINUTE),
            age if age > 3 * HOUR => (MINUTE, MINUTE),
            _ => (1000, MINUTE.min(self.period)),
        };
        (self.period % resolution == 0).then(|| self.start.div_euclid(grain) * grain)
    }
}

/// All that was measured in one period.
#[derive(Default)]
pub(super) struct Bin {
    pub(super) unit: String,
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
    /// Values and how often each came; `None` once a statistic set hid them.
    raw: Option<Vec<(f64, f64)>>,
}

impl Bin {
    fn of(sample: &Sample) -> Self {
        let mut bin = Self {
            unit: sample.unit.clone(),
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            raw: Some(Vec::new()),
            ..Self::default()
        };
        bin.add(sample);
        bin
    }

    fn add(&mut self, sample: &Sample) {
        self.count += sample.count;
        self.sum += sample.sum;
        self.minimum = self.minimum.min(sample.minimum);
        self.maximum = self.maximum.max(sample.maximum);
        let plain = sample.count == 1.0 || sample.minimum == sample.maximum;
        match &mut self.raw {
            Some(raw) if plain && sample.minimum >= 0.0 => raw.push((sample.minimum, sample.count)),
            raw => *raw = None,
        }
    }

    /// `None` where CloudWatch has no such statistic of this data.
    pub(super) fn statistic(&self, name: &str) -> Option<f64> {
        match name {
            "SampleCount" => Some(self.count),
            "Sum" => Some(self.sum),
            "Average" => Some(self.sum / self.count),
            "Minimum" => Some(self.minimum),
            "Maximum" => Some(self.maximum),
            _ => {
                let mut raw = self.raw.clone()?;
                raw.sort_by(|a, b| a.0.total_cmp(&b.0));
                let wanted = percentile(name)? / 100.0 * self.count;
                let mut seen = 0.0;
                let reached = raw.iter().find(|(_, count)| {
                    seen += count;
                    seen >= wanted
                });
                reached.or(raw.last()).map(|(value, _)| *value)
            }
        }
    }
}

/// The number of `p99.9`.
fn percentile(name: &str) -> Option<f64> {
    name.strip_prefix('p')?.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

/// Whether CloudWatch knows a statistic of that name.
pub(super) fn is_statistic(name: &str) -> bool {
    matches!(name, "SampleCount" | "Sum" | "Average" | "Minimum" | "Maximum") || percentile(name).is_some()
}

impl Series {
    /// What was measured in each period that begins in `span`, oldest first, each unit on its own.
    pub(super) fn bins(&self, span: Span, unit: Option<&str>) -> Vec<(i64, Bin)> {
        let mut bins: BTreeMap<(i64, String), Bin> = BTreeMap::new();
        let Some(start) = span.kept_from() else { return Vec::new() };
        let start = start.max(span.now - 455 * DAY);
        if start >= span.end {
            return Vec::new();
        }
        for sample in self.samples.range(start..span.end).flat_map(|(_, samples)| samples) {
            let at = sample.at.div_euclid(span.period) * span.period;
            let shown = sample.visible_from <= span.now && unit.is_none_or(|unit| unit == sample.unit);
            let resolved = span.period >= MINUTE || sample.high_resolution;
            if at >= start && shown && resolved {
                let bin = bins.entry((at, sample.unit.clone()));
                bin.and_modify(|bin| bin.add(sample)).or_insert_with(|| Bin::of(sample));
            }
        }
        bins.into_iter().map(|((at, _), bin)| (at, bin)).collect()
    }

    /// When anything of it could be seen first, and last.
    fn published(&self, now: i64) -> Option<(i64, i64)> {
        let mut seen = self.published.range(..=now);
        let first = *seen.next()?;
        Some((first, seen.next_back().copied().unwrap_or(first)))
    }
}

/// Which metrics are to be listed.
pub(super) struct Listing<'a> {
    pub(super) places: Vec<Place>,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) dimensions: Vec<(String, Option<String>)>,
    pub(super) recently: bool,
    pub(super) now: i64,
}

impl Metrics {
    pub(super) fn put(&mut self, at: &Place, metric: Metric, sample: Sample) {
        let series = self.series.entry(at.clone()).or_default().entry(metric).or_default();
        series.published.insert(sample.visible_from);
        series.samples.entry(sample.at).or_default().push(sample);
    }

    pub(super) fn series(&self, at: &Place, metric: &Metric) -> Option<&Series> {
        self.series.get(at)?.get(metric)
    }

    /// Whether `account` may see the metrics of `source`.
    pub(super) fn sees(&self, account: &str, source: &str) -> bool {
        account == source || self.links.get(account).is_some_and(|sources| sources.contains(source))
    }

    pub(super) fn sources(&self, account: &str) -> impl Iterator<Item = &String> {
        self.links.get(account).into_iter().flatten()
    }

    /// The fault that a query for a metric of this name meets.
    pub(super) fn fault(&mut self, name: &str) -> Option<QueryFault> {
        let (left, fault) = self.faults.get_mut(name)?;
        *left = left.checked_sub(1)?;
        Some(*fault)
    }

    /// How many queries a call answers, if not all.
    pub(super) fn crowding(&mut self) -> Option<usize> {
        self.crowded.0 = self.crowded.0.checked_sub(1)?;
        Some(self.crowded.1)
    }

    pub(super) fn list(&self, wanted: &Listing<'_>) -> Vec<(Place, Metric)> {
        let lately = wanted.now - if wanted.recently { 3 * HOUR } else { 14 * DAY };
        let mut found = Vec::new();
        for place in &wanted.places {
            for (metric, series) in self.series.get(place).into_iter().flatten() {
                let has = |(name, value): &(String, Option<String>)| {
                    let matches =
                        |(n, v): &(String, String)| n == name && value.as_ref().is_none_or(|value| value == v);
                    metric.dimensions.iter().any(matches)
                };
                let named = wanted.namespace.is_none_or(|namespace| namespace == metric.namespace)
                    && wanted.name.is_none_or(|name| name == metric.name)
                    && wanted.dimensions.iter().all(has);
                let published = series.published(wanted.now);
                let shown = |(first, last)| first + self.listed_after <= wanted.now && last >= lately;
                if named && published.is_some_and(shown) {
                    found.push((place.clone(), metric.clone()));
                }
            }
        }
        found
    }
}

impl FakeAws {
    /// Adds a sample to a metric.
    pub fn put_metric(&self, at: &Place, metric: Metric, sample: Sample) {
        lock(&self.0.metrics).put(at, metric, sample);
    }

    /// Lets `monitoring` see the metrics and log groups of `source`, in every region.
    pub fn link_account(&self, monitoring: &str, source: &str) {
        lock(&self.0.metrics).links.entry(monitoring.to_owned()).or_default().insert(source.to_owned());
    }

    /// Lets it see them no longer.
    pub fn unlink_account(&self, monitoring: &str, source: &str) {
        if let Some(sources) = lock(&self.0.metrics).links.get_mut(monitoring) {
            sources.remove(source);
        }
    }

    /// The next `n` queries of GetMetricData for metrics of this name fail, in answers of status 200.
    pub fn fail_queries(&self, metric_name: &str, n: u32, fault: QueryFault) {
        lock(&self.0.metrics).faults.insert(metric_name.to_owned(), (n, fault));
    }

    /// The next `n` calls of GetMetricData answer only so many queries, and say so in a message.
    pub fn crowd_metrics(&self, n: u32, queries: usize) {
        lock(&self.0.metrics).crowded = (n, queries);
    }

    /// How long it takes until ListMetrics knows a new metric; nothing at first. AWS says: up to 15 minutes.
    pub fn list_metrics_after(&self, delay: Duration) {
        lock(&self.0.metrics).listed_after = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    }
}
