//! Datapoints of a namespace's metrics in one window.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Datapoint as Shown, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, Statistic, StatusCode},
};
use quittance_aws::{
    AwsError, Calls, Quota, Tagger,
    windows::{Found, Page, Pages, Route, Token, Window},
};
use quittance_core::TagId;
use tracing::warn;

use crate::{
    listing::Listing,
    metric::{Datapoint, Metric},
    selection::STATISTICS,
    span::Span,
};

/// 500 by AWS's default of today; older accounts may still have 50.
pub(crate) const GET_METRIC_DATA: Quota = Quota { api: "GetMetricData", per_second: 50.0 };

/// 400 by AWS's default.
pub(crate) const GET_METRIC_STATISTICS: Quota = Quota { api: "GetMetricStatistics", per_second: 50.0 };

/// Queries of one call of GetMetricData, and datapoints of its answer: CloudWatch's limits.
const MOST_QUERIES: usize = 500;
const MOST_DATAPOINTS: i64 = 100_800;

/// Bytes of a page beyond which the next begins: 100,800 datapoints become about 25 MB of events.
const MOST_BYTES: usize = 1 << 20;

/// How often GetMetricData is asked for what it leaves out.
const TRIES: u32 = 3;

/// Windows whose start is older than this may show what was silent since: everything is asked for, not only what reports.
const RECENT: i64 = 5 * 3_600_000;

/// What the windows of one region have in common.
pub(crate) struct Source {
    pub(crate) listing: Listing,
    /// Whether datapoints shall say their unit, which only GetMetricStatistics does.
    pub(crate) units: bool,
    /// Linked accounts that let us see no longer.
    pub(crate) refusing: Mutex<BTreeSet<String>>,
}

/// One series: a statistic of a metric.
#[derive(Clone)]
struct Query {
    metric: Arc<Metric>,
    /// Its place among the selected ones.
    statistic: usize,
}

enum Work {
    Data(Asking),
    /// By GetMetricStatistics, and extended statistics apart: it takes either.
    Statistics {
        metric: Arc<Metric>,
        extended: bool,
    },
}

/// A call of GetMetricData, over all its pages.
struct Asking {
    queries: Vec<Query>,
    complete: Vec<bool>,
    token: Token,
    tries: u32,
}

impl Work {
    fn data(queries: Vec<Query>, tries: u32) -> Work {
        Work::Data(Asking { complete: vec![false; queries.len()], queries, token: Token::First, tries })
    }
}

/// What an answer holds.
enum Answer {
    /// One series after the other; of the first, so many datapoints are composed.
    Data(VecDeque<MetricDataResult>, usize),
    Statistics {
        metric: Arc<Metric>,
        extended: bool,
        shown: VecDeque<Shown>,
    },
}

impl Answer {
    fn is_composed(&self) -> bool {
        match self {
            Answer::Data(results, _) => results.is_empty(),
            Answer::Statistics { shown, .. } => shown.is_empty(),
        }
    }
}

pub(crate) struct DataPages {
    source: Arc<Source>,
    calls: Calls,
    tagger: Tagger,
    namespace: String,
    window: Window,
    /// Set with the first page.
    span: Option<Span>,
    work: VecDeque<Work>,
    /// The last answer, as far as it is not composed yet.
    answer: Answer,
    /// What nobody answered.
    missing: Option<String>,
}

impl DataPages {
    pub(crate) fn new(source: Arc<Source>, calls: Calls, tagger: Tagger, namespace: &str, window: Window) -> Self {
        let namespace = namespace.to_owned();
        let answer = Answer::Data(VecDeque::new(), 0);
        DataPages { source, calls, tagger, namespace, window, span: None, work: VecDeque::new(), answer, missing: None }
    }
}

#[async_trait]
impl Pages for DataPages {
    async fn next(&mut self) -> Result<Option<Page>, AwsError> {
        let span = match self.span {
            Some(span) => span,
            None => self.plan().await?,
        };
        if self.answer.is_composed() {
            let source = self.source.clone();
            self.answer = match self.work.front_mut() {
                None => return self.end(),
                Some(Work::Data(asking)) => {
                    let results = asking.ask(&source, &self.calls, &self.namespace, span).await?;
                    Answer::Data(results.into(), 0)
                }
                Some(Work::Statistics { metric, extended }) => {
                    let (metric, extended) = (metric.clone(), *extended);
                    let shown = statistics(&source, &self.calls, &metric, extended, span).await?;
                    self.work.pop_front();
                    Answer::Statistics { metric, extended, shown: shown.into() }
                }
            };
        }
        let of_data = matches!(self.answer, Answer::Data(..));
        let page = self.compose(span);
        if of_data && self.answer.is_composed() {
            self.end_of_data();
        }
        Ok(Some(page))
    }
}

impl DataPages {
    /// Finds out what there is to ask.
    async fn plan(&mut self) -> Result<Span, AwsError> {
        let now = self.calls.now();
        let Source { listing, units, .. } = &*self.source;
        let span = Span::of(self.window, listing.selection.period, now);
        let metrics = match span.is_empty() {
            true => Vec::new(),
            false => listing.metrics(&self.calls, &self.namespace, now - self.window.from > RECENT).await?,
        };
        let (apart, together): (Vec<_>, Vec<_>) =
            metrics.into_iter().partition(|metric| *units && metric.linked.is_none());
        let statistics = listing.selection.statistics.len();
        let queries: Vec<_> = together
            .iter()
            .flat_map(|metric| (0..statistics).map(|statistic| Query { metric: metric.clone(), statistic }))
            .collect();
        // Statistics of one metric stay together: up to five are billed as one.
        let fit = usize::try_from(MOST_DATAPOINTS / span.periods()).unwrap_or(1).clamp(1, MOST_QUERIES);
        let fit = (fit / statistics * statistics).max(1);
        self.work.extend(queries.chunks(fit).map(|queries| Work::data(queries.to_vec(), 1)));
        apart.into_iter().for_each(|metric| self.add_statistics(metric));
        self.span = Some(span);
        Ok(span)
    }

    fn add_statistics(&mut self, metric: Arc<Metric>) {
        for extended in [false, true] {
            if self.source.wanted(extended).next().is_some() {
                self.work.push_back(Work::Statistics { metric: metric.clone(), extended });
            }
        }
    }

    /// The next page of the answer.
    fn compose(&mut self, span: Span) -> Page {
        let mut page = Composed::default();
        match std::mem::replace(&mut self.answer, Answer::Data(VecDeque::new(), 0)) {
            Answer::Data(mut results, mut done) => {
                self.compose_data(&mut page, &mut results, &mut done, span);
                self.answer = Answer::Data(results, done);
            }
            Answer::Statistics { metric, extended, mut shown } => {
                self.compose_statistics(&mut page, &metric, extended, &mut shown, span);
                self.answer = Answer::Statistics { metric, extended, shown };
            }
        }
        page.finish()
    }

    fn compose_data(
        &mut self,
        page: &mut Composed,
        results: &mut VecDeque<MetricDataResult>,
        done: &mut usize,
        span: Span,
    ) {
        while let Some(result) = results.front().filter(|_| !page.is_full()) {
            let from = std::mem::take(done);
            let at = result.id.as_deref().and_then(|id| id.strip_prefix('q')).and_then(|id| id.parse::<usize>().ok());
            let Some(Work::Data(asking)) = self.work.front_mut() else { return results.clear() };
            let Some((at, query)) = at.and_then(|at| Some((at, asking.queries.get(at)?.clone()))) else {
                results.pop_front();
                continue;
            };
            match result.status_code {
                Some(StatusCode::Complete) => asking.complete[at] = true,
                // Nothing here can change that. What it hides is found later, if it is allowed again within two days.
                Some(StatusCode::Forbidden) => {
                    asking.complete[at] = true;
                    self.source.say_refused(&query.metric);
                }
                _ => {}
            }
            let statistic = &self.source.listing.selection.statistics[query.statistic];
            let tag = tag(&mut self.tagger, &query.metric);
            let points = result.timestamps().iter().zip(result.values()).enumerate().skip(from);
            let mut left = None;
            for (place, (time, &value)) in points {
                if page.is_full() {
                    left = Some(place);
                    break;
                }
                let Ok(at) = time.to_millis() else { continue };
                let point =
                    Datapoint { metric: &query.metric, statistic, period: span.seconds(), at, value, unit: None };
                page.add(&point, &self.calls, tag);
            }
            match left {
                Some(place) => *done = place,
                None => _ = results.pop_front(),
            }
        }
    }

    /// Asks again, in other company, for what the last page left out.
    fn end_of_data(&mut self) {
        let Some(Work::Data(Asking { token: Token::End, .. })) = self.work.front() else { return };
        let Some(Work::Data(Asking { queries, complete, tries, .. })) = self.work.pop_front() else { return };
        let left = queries.iter().zip(complete).filter(|(_, complete)| !complete);
        let left: Vec<_> = left.map(|(query, _)| query.clone()).collect();
        if left.is_empty() {
            return;
        }
        if tries < TRIES {
            let fewer = (queries.len() / 2).max(1);
            self.work.extend(left.chunks(fewer).map(|left| Work::data(left.to_vec(), tries + 1)));
            return;
        }
        let metrics: BTreeSet<_> = left.into_iter().map(|query| query.metric).collect();
        for metric in metrics {
            match metric.linked.is_none() {
                true => self.add_statistics(metric),
                // Only GetMetricData sees other accounts.
                false => self.missing = Some(format!("{}/{}", metric.namespace, metric.name)),
            }
        }
    }

    /// Whether the window is done; if something is missing, it begins anew.
    fn end(&mut self) -> Result<Option<Page>, AwsError> {
        let Some(target) = self.missing.take() else { return Ok(None) };
        self.span = None;
        Err(AwsError::Incomplete { operation: GET_METRIC_DATA.api, target })
    }

    fn compose_statistics(
        &mut self,
        page: &mut Composed,
        metric: &Metric,
        extended: bool,
        shown: &mut VecDeque<Shown>,
        span: Span,
    ) {
        let tag = tag(&mut self.tagger, metric);
        while !page.is_full()
            && let Some(point) = shown.pop_front()
        {
            let Some(at) = point.timestamp.and_then(|at| at.to_millis().ok()) else { continue };
            let unit = point.unit.as_ref().map(|unit| unit.as_str()).filter(|_| self.source.units);
            for statistic in self.source.wanted(extended) {
                let value = match statistic {
                    "Average" => point.average,
                    "Maximum" => point.maximum,
                    "Minimum" => point.minimum,
                    "SampleCount" => point.sample_count,
                    "Sum" => point.sum,
                    extended => point.extended_statistics.as_ref().and_then(|values| values.get(extended)).copied(),
                };
                let Some(value) = value else { continue };
                let point = Datapoint { metric, statistic, period: span.seconds(), at, value, unit };
                page.add(&point, &self.calls, tag);
            }
        }
    }
}

impl Asking {
    /// The next page.
    async fn ask(
        &mut self,
        source: &Source,
        calls: &Calls,
        namespace: &str,
        span: Span,
    ) -> Result<Vec<MetricDataResult>, AwsError> {
        let Some(token) = self.token.to_send() else { return Ok(Vec::new()) };
        let selection = &source.listing.selection;
        let query = |(at, Query { metric, statistic }): (usize, &Query)| {
            let stat = MetricStat::builder()
                .metric(metric.to_sdk())
                .period(i32::try_from(span.seconds()).unwrap_or(i32::MAX))
                .stat(&selection.statistics[*statistic])
                .build();
            let account = metric.linked.clone();
            MetricDataQuery::builder().id(format!("q{at}")).metric_stat(stat).set_account_id(account).build()
        };
        let request = source
            .listing
            .client
            .get_metric_data()
            .set_metric_data_queries(Some(self.queries.iter().enumerate().map(query).collect()))
            .start_time(DateTime::from_millis(span.start))
            .end_time(DateTime::from_millis(span.end))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(token);
        let answer = calls.call(GET_METRIC_DATA, namespace, request.send()).await?;
        self.token.follow(GET_METRIC_DATA.api, answer.next_token)?;
        Ok(answer.metric_data_results.unwrap_or_default())
    }
}

/// What GetMetricStatistics knows of one metric; it has no pages.
async fn statistics(
    source: &Source,
    calls: &Calls,
    metric: &Metric,
    extended: bool,
    span: Span,
) -> Result<Vec<Shown>, AwsError> {
    let wanted = source.wanted(extended);
    let request = source
        .listing
        .client
        .get_metric_statistics()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(metric.dimensions()))
        .start_time(DateTime::from_millis(span.start))
        .end_time(DateTime::from_millis(span.end))
        .period(i32::try_from(span.seconds()).unwrap_or(i32::MAX));
    let request = match extended {
        true => request.set_extended_statistics(Some(wanted.map(str::to_owned).collect())),
        false => request.set_statistics(Some(wanted.map(Statistic::from).collect())),
    };
    let target = format!("{}/{}", metric.namespace, metric.name);
    let answer = calls.call(GET_METRIC_STATISTICS, &target, request.send()).await?;
    Ok(answer.datapoints.unwrap_or_default())
}

impl Source {
    /// The selected statistics that are CloudWatch's own, or those that are not.
    fn wanted(&self, extended: bool) -> impl Iterator<Item = &str> {
        let statistics = self.listing.selection.statistics.iter().map(String::as_str);
        statistics.filter(move |name| STATISTICS.contains(name) != extended)
    }

    fn say_refused(&self, metric: &Metric) {
        let Metric { namespace, linked, .. } = metric;
        let account = linked.clone().unwrap_or_default();
        if self.refusing.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone()) {
            warn!(account, namespace, "GetMetricData is forbidden for metrics of this account: they are left out");
        }
    }
}

fn tag(tagger: &mut Tagger, metric: &Metric) -> TagId {
    tagger.id(None, metric.linked.as_ref().map(|account| account.as_bytes()), None)
}

/// A page in the making.
#[derive(Default)]
struct Composed {
    bytes: Vec<u8>,
    events: Vec<Found>,
}

impl Composed {
    fn add(&mut self, point: &Datapoint<'_>, calls: &Calls, tag: TagId) {
        let found = point.write(calls.at(), Route::Send(tag), &mut self.bytes);
        self.events.push(found);
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= MOST_BYTES
    }

    fn finish(self) -> Page {
        Page { bytes: self.bytes.into(), events: self.events }
    }
}
