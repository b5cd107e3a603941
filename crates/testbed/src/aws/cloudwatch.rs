//! CloudWatch's API of metrics, in two of its protocols: RPC v2 with CBOR, which the Rust SDK chooses, and AWS JSON 1.0,
//! which botocore chooses.

use std::collections::HashSet;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::cbor::{self, Cbor};
use super::error::ApiError;
use super::metrics::{Listing, Metric, Metrics, QueryFault, Sample, Span, is_statistic};
use super::paging::bound;
use super::request::{Call, Service, UNKNOWN};
use super::{FakeAws, Place, lock};

const PAGE: usize = 500;
const MAX_QUERIES: usize = 500;
const MAX_DATAPOINTS: usize = 100_800;
const MAX_STATISTICS: i64 = 1_440;
const HOUR: i64 = 3_600_000;

/// Nothing is said of how long tokens live.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

pub(super) const APIS: [&str; 4] = ["ListMetrics", "GetMetricData", "GetMetricStatistics", "PutMetricData"];

/// The operation of a path of RPC v2.
pub(super) fn api(path: &str) -> &'static str {
    let name = path.strip_prefix("/service/GraniteServiceVersion20100801/operation/");
    APIS.into_iter().find(|api| Some(*api) == name).unwrap_or(UNKNOWN)
}

/// An error in either protocol. Shapes have names of their own for codes of the protocol before.
pub(super) fn error_body(error: &ApiError, service: Service) -> Vec<u8> {
    let shape = match error.code.as_str() {
        "InvalidParameterValue" => "InvalidParameterValueException",
        "InvalidParameterCombination" => "InvalidParameterCombinationException",
        "MissingParameter" => "MissingRequiredParameterException",
        "InternalServiceError" => "InternalServiceFault",
        code => code,
    };
    let shape = Cbor::text(format!("com.amazonaws.cloudwatch#{shape}"));
    body(&Cbor::Map(vec![("__type", shape), ("message", Cbor::text(&error.message))]), service)
}

fn body(answer: &Cbor, service: Service) -> Vec<u8> {
    match service {
        Service::CloudWatchJson => answer.to_json().to_string().into_bytes(),
        _ => answer.to_bytes(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMetrics {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    next_token: Option<String>,
    recently_active: Option<String>,
    #[serde(default)]
    include_linked_accounts: bool,
    owning_account: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamedMetric {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

impl NamedMetric {
    fn metric(&self) -> Result<Metric, ApiError> {
        let (Some(namespace), Some(name)) = (&self.namespace, &self.metric_name) else {
            return Err(missing("Namespace and MetricName"));
        };
        Ok(named(namespace, name, &self.dimensions))
    }
}

fn named(namespace: &str, name: &str, dimensions: &[Dimension]) -> Metric {
    let dimensions: Vec<_> =
        dimensions.iter().map(|d| (d.name.as_str(), d.value.as_deref().unwrap_or_default())).collect();
    Metric::new(namespace, name, &dimensions)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: NamedMetric,
    period: i64,
    stat: String,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricData {
    metric_data_queries: Vec<Query>,
    start_time: f64,
    end_time: f64,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricStatistics {
    #[serde(flatten)]
    metric: NamedMetric,
    start_time: f64,
    end_time: f64,
    period: i64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutMetricData {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<Datum>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<f64>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<f64>,
    unit: Option<String>,
    storage_resolution: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationError", message)
}

fn missing(what: &str) -> ApiError {
    ApiError::new(400, "MissingParameter", format!("The parameter {what} is required."))
}

fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

impl FakeAws {
    pub(super) fn answer_cloudwatch(&self, call: &Call, request: &Request<Bytes>) -> Result<Response<Body>, ApiError> {
        let at = self.place_of(call);
        let answer = match call.api {
            "ListMetrics" => self.list_metrics(&at, parse(request)?)?,
            "GetMetricData" => self.get_metric_data(&at, parse(request)?)?,
            "GetMetricStatistics" => self.get_metric_statistics(&at, &parse(request)?)?,
            "PutMetricData" => self.put_metric_data(&at, parse(request)?)?,
            _ => return Err(ApiError::new(404, "UnknownOperationException", "Not an operation that is here.")),
        };
        let mut response = Response::new(Body::from(body(&Cbor::Map(answer), call.service)));
        let headers = response.headers_mut();
        if call.service == Service::CloudWatchJson {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        } else {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        Ok(response)
    }

    fn list_metrics(&self, at: &Place, mut asked: ListMetrics) -> Result<Fields, ApiError> {
        if asked.recently_active.as_deref().is_some_and(|recently| recently != "PT3H") {
            return Err(invalid("RecentlyActive must be PT3H."));
        }
        let token = asked.next_token.take();
        let bound = bound(&asked);
        let metrics = lock(&self.0.metrics);
        let mut places = vec![at.clone()];
        if asked.include_linked_accounts {
            places.extend(metrics.sources(&at.account).map(|account| Place::new(account, &at.region)));
            places.retain(|one| asked.owning_account.as_ref().is_none_or(|owner| *owner == one.account));
        } else if asked.owning_account.is_some() {
            return Err(invalid("OwningAccount needs IncludeLinkedAccounts."));
        }
        let listing = Listing {
            places,
            namespace: asked.namespace.as_deref(),
            name: asked.metric_name.as_deref(),
            dimensions: asked.dimensions.into_iter().map(|d| (d.name, d.value)).collect(),
            recently: asked.recently_active.is_some(),
            now: self.0.clock.now_ms(),
        };
        let found = metrics.list(&listing);
        let from = match &token {
            None => 0,
            Some(token) => self.page_at("ListMetrics", token, bound).ok_or_else(|| {
                ApiError::new(400, "InvalidParameterValue", "The token is not one that was given out.")
            })?,
        };
        let room = self.page_room("ListMetrics", PAGE);
        let page = found.iter().skip(from).take(room);
        let listed = page.clone().map(|(_, metric)| {
            let dimension = |(name, value): &(String, String)| {
                Cbor::Map(vec![("Name", Cbor::text(name)), ("Value", Cbor::text(value))])
            };
            Cbor::Map(vec![
                ("Namespace", Cbor::text(&metric.namespace)),
                ("MetricName", Cbor::text(&metric.name)),
                ("Dimensions", Cbor::List(metric.dimensions.iter().map(dimension).collect())),
            ])
        });
        let mut answer = vec![("Metrics", Cbor::List(listed.collect()))];
        if asked.include_linked_accounts {
            answer.push(("OwningAccounts", Cbor::List(page.map(|(owner, _)| Cbor::text(&owner.account)).collect())));
        }
        if from + room < found.len() || room == 0 {
            let next = self.page_token("ListMetrics", token.as_deref(), bound, [position(from + room), 0, 0]);
            answer.push(("NextToken", Cbor::text(next)));
        }
        Ok(answer)
    }

    fn get_metric_data(&self, at: &Place, mut asked: GetMetricData) -> Result<Fields, ApiError> {
        check_data(&asked)?;
        let token = asked.next_token.take();
        let bound = bound(&asked);
        let from = match &token {
            None => 0,
            Some(token) => self
                .page_at("GetMetricData", token, bound)
                .ok_or_else(|| ApiError::new(400, "InvalidNextToken", "The token is not one that was given out."))?,
        };
        // How many points of each query a page has; one with none leads on.
        let limit = asked.max_datapoints.unwrap_or(MAX_DATAPOINTS);
        let each = self.page_room("GetMetricData", (limit / asked.metric_data_queries.len()).max(1));
        let next = || {
            let next = self.page_token("GetMetricData", token.as_deref(), bound, [position(from + each), 0, 0]);
            ("NextToken", Cbor::text(next))
        };
        if each == 0 {
            return Ok(vec![("MetricDataResults", Cbor::List(Vec::new())), next()]);
        }
        let metrics = &mut *lock(&self.0.metrics);
        let answered = metrics.crowding().unwrap_or(usize::MAX).min(asked.metric_data_queries.len());
        let mut more = false;
        let mut results = Vec::new();
        for query in &asked.metric_data_queries[..answered] {
            let mut result = vec![("Id", Cbor::text(&query.id)), ("Label", Cbor::text(label(query)))];
            let (points, status) = match self.query(metrics, at, &asked, query) {
                Ok(points) => {
                    let partial = points.len() > from + each;
                    let is_past = from > 0 && points.len() <= from;
                    more |= partial;
                    // What was complete on an earlier page is not told again.
                    if is_past {
                        continue;
                    }
                    let here = points.into_iter().skip(from).take(each).collect();
                    (here, if partial { "PartialData" } else { "Complete" })
                }
                Err(QueryFault::InternalError) => (Vec::new(), "InternalError"),
                Err(QueryFault::Forbidden) => {
                    let message = [("Code", Cbor::text("Forbidden")), ("Value", Cbor::text("Not linked."))];
                    result.push(("Messages", Cbor::List(vec![Cbor::Map(message.into())])));
                    (Vec::new(), "Forbidden")
                }
            };
            result.push(("Timestamps", Cbor::List(points.iter().map(|(at, _)| Cbor::Time(*at)).collect())));
            result.push(("Values", Cbor::List(points.iter().map(|(_, value)| Cbor::Number(*value)).collect())));
            result.push(("StatusCode", Cbor::text(status)));
            results.push(Cbor::Map(result));
        }
        let mut answer = vec![("MetricDataResults", Cbor::List(results))];
        if answered < asked.metric_data_queries.len() {
            let text = "Maximum number of allowed metrics exceeded";
            let message = [("Code", Cbor::text("MaxMetricsExceeded")), ("Value", Cbor::text(text))];
            answer.push(("Messages", Cbor::List(vec![Cbor::Map(message.into())])));
        }
        if more {
            answer.push(next());
        }
        Ok(answer)
    }

    /// The number that a token carries.
    pub(super) fn page_at(&self, api: &str, token: &str, bound: u64) -> Option<usize> {
        let [number, ..] = self.page_position(api, token, bound, TOKEN_LIFETIME)?;
        usize::try_from(number).ok()
    }

    /// The points of one query, in the order asked for.
    fn query(
        &self,
        metrics: &mut Metrics,
        at: &Place,
        asked: &GetMetricData,
        query: &Query,
    ) -> Result<Vec<(i64, f64)>, QueryFault> {
        let Some(stat) = &query.metric_stat else { return Err(QueryFault::InternalError) };
        let Ok(metric) = stat.metric.metric() else { return Err(QueryFault::InternalError) };
        if let Some(fault) = metrics.fault(&metric.name) {
            return Err(fault);
        }
        let owner = query.account_id.as_deref().unwrap_or(&at.account);
        if !metrics.sees(&at.account, owner) {
            return Err(QueryFault::Forbidden);
        }
        let Some(series) = metrics.series(&Place::new(owner, &at.region), &metric) else { return Ok(Vec::new()) };
        let span = Span {
            start: millis(asked.start_time),
            end: millis(asked.end_time),
            period: stat.period * 1000,
            now: self.0.clock.now_ms(),
        };
        let bins = series.bins(span, stat.unit.as_deref());
        let mut points: Vec<_> =
            bins.iter().filter_map(|(at, bin)| bin.statistic(&stat.stat).map(|value| (*at, value))).collect();
        if asked.scan_by.as_deref() != Some("TimestampAscending") {
            points.reverse();
        }
        Ok(points)
    }

    fn get_metric_statistics(&self, at: &Place, asked: &GetMetricStatistics) -> Result<Fields, ApiError> {
        let combination = |message: String| ApiError::new(400, "InvalidParameterCombination", message);
        let value = |message: &str| ApiError::new(400, "InvalidParameterValue", message);
        let metric = asked.metric.metric()?;
        if asked.statistics.is_empty() == asked.extended_statistics.is_empty() {
            return Err(combination("Either Statistics or ExtendedStatistics must be given, but not both.".to_owned()));
        }
        let wanted: Vec<_> = asked.statistics.iter().chain(&asked.extended_statistics).collect();
        if !wanted.iter().all(|name| is_statistic(name)) {
            return Err(value("A statistic is not known."));
        }
        if !is_period(asked.period) {
            return Err(value("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60."));
        }
        if asked.start_time >= asked.end_time {
            return Err(value("The parameter StartTime must be less than the parameter EndTime."));
        }
        let span = Span {
            start: millis(asked.start_time),
            end: millis(asked.end_time),
            period: asked.period * 1000,
            now: self.0.clock.now_ms(),
        };
        let points = (span.end - span.start).div_euclid(span.period);
        if points > MAX_STATISTICS {
            return Err(combination(format!(
                "You have requested up to {points} datapoints, which exceeds the limit of {MAX_STATISTICS}."
            )));
        }
        let metrics = lock(&self.0.metrics);
        let series = metrics.series(at, &metric);
        let mut bins = series.map(|series| series.bins(span, asked.unit.as_deref())).unwrap_or_default();
        // Datapoints are in no order.
        bins.sort_by_key(|(at, _)| (at / span.period).wrapping_mul(7) % 11);
        let datapoints = bins.iter().map(|(at, bin)| {
            let mut point = vec![("Timestamp", Cbor::Time(*at)), ("Unit", Cbor::text(&bin.unit))];
            for name in STATISTICS {
                let statistic = asked.statistics.iter().any(|one| one == name).then(|| bin.statistic(name)).flatten();
                point.extend(statistic.map(|value| (name, Cbor::Number(value))));
            }
            let extended = asked.extended_statistics.iter();
            let extended: Vec<_> = extended.filter_map(|name| Some((name.clone(), bin.statistic(name)?))).collect();
            (point, extended)
        });
        // A percentile that cannot be told leaves its datapoint out.
        let datapoints =
            datapoints.filter(|(_, extended)| asked.extended_statistics.is_empty() || !extended.is_empty());
        let datapoints = datapoints.map(|(mut point, extended)| {
            if !extended.is_empty() {
                point.push(("ExtendedStatistics", Cbor::Named(extended)));
            }
            Cbor::Map(point)
        });
        Ok(vec![("Label", Cbor::text(&metric.name)), ("Datapoints", Cbor::List(datapoints.collect()))])
    }

    fn put_metric_data(&self, at: &Place, asked: PutMetricData) -> Result<Fields, ApiError> {
        let now = self.0.clock.now();
        let mut metrics = lock(&self.0.metrics);
        for datum in asked.metric_data {
            let time = datum.timestamp.map_or(now.as_millisecond(), millis);
            let age = now.as_millisecond() - time;
            if !(-2 * HOUR..=14 * 24 * HOUR).contains(&age) {
                return Err(ApiError::new(400, "InvalidParameterValue", "The timestamp is too old or too far ahead."));
            }
            let time = jiff::Timestamp::from_millisecond(time).unwrap_or(now);
            let samples: Vec<Sample> = match (&datum.statistic_values, datum.value) {
                (Some(set), None) => vec![Sample::set(time, set.sample_count, set.sum, set.minimum, set.maximum)],
                (None, Some(value)) => vec![Sample::new(time, value)],
                _ if !datum.values.is_empty() => {
                    let counts = datum.counts.iter().copied().chain(std::iter::repeat(1.0));
                    datum.values.iter().zip(counts).map(|(v, n)| Sample::set(time, n, v * n, *v, *v)).collect()
                }
                _ => return Err(missing("MetricData.Value")),
            };
            let metric = named(&asked.namespace, &datum.metric_name, &datum.dimensions);
            for mut sample in samples {
                sample.visible_from = now.as_millisecond();
                sample.unit = datum.unit.clone().unwrap_or(sample.unit);
                sample.high_resolution = datum.storage_resolution == Some(1);
                metrics.put(at, metric.clone(), sample);
            }
        }
        Ok(Vec::new())
    }
}

fn position(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

type Fields = Vec<(&'static str, Cbor)>;

const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

fn parse<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, ApiError> {
    let unread = |error: &dyn std::fmt::Display| ApiError::new(400, "SerializationException", error.to_string());
    let mut body = request.body().to_vec();
    if request.headers().get(http::header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        let mut whole = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut whole).map_err(|error| unread(&error))?;
        body = whole;
    }
    let is_json = request.headers().contains_key("x-amz-target");
    let value = match is_json {
        true => serde_json::from_slice(&body).map_err(|error| unread(&error))?,
        false => cbor::read(&body).map_err(|error| unread(&error))?,
    };
    serde_json::from_value(value).map_err(|error| unread(&error))
}

fn check_data(asked: &GetMetricData) -> Result<(), ApiError> {
    if asked.metric_data_queries.is_empty() || asked.metric_data_queries.len() > MAX_QUERIES {
        return Err(invalid("The collection MetricDataQueries must have a size from 1 to 500."));
    }
    if asked.start_time >= asked.end_time {
        return Err(invalid("The parameter EndTime must be greater than the parameter StartTime."));
    }
    if asked.max_datapoints.is_some_and(|limit| limit == 0 || limit > MAX_DATAPOINTS) {
        return Err(invalid("The parameter MaxDatapoints must be from 1 to 100800."));
    }
    let mut ids = HashSet::new();
    for query in &asked.metric_data_queries {
        let begins_well = query.id.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins_well || !query.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(invalid(format!(
                "The value {} for parameter Id is not matching the expected pattern.",
                query.id
            )));
        }
        if !ids.insert(query.id.as_str()) {
            return Err(invalid(format!("The value {} for parameter Id is not unique.", query.id)));
        }
        let Some(stat) = &query.metric_stat else { return Err(invalid("Only metrics are here, no expressions.")) };
        stat.metric.metric()?;
        if !is_period(stat.period) {
            return Err(invalid("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60."));
        }
        if !is_statistic(&stat.stat) {
            return Err(invalid(format!("The value {} for parameter Stat is not supported.", stat.stat)));
        }
    }
    Ok(())
}

fn is_period(seconds: i64) -> bool {
    matches!(seconds, 1 | 5 | 10 | 20 | 30) || (seconds > 0 && seconds % 60 == 0)
}

fn label(query: &Query) -> &str {
    query.metric_stat.as_ref().and_then(|stat| stat.metric.metric_name.as_deref()).unwrap_or_default()
}
