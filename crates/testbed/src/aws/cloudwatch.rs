//! CloudWatch's API of metrics, in the protocol that both the Rust SDK and botocore choose: RPC v2 with CBOR.

use std::collections::HashSet;
use std::io::Read;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::cbor::{self, Cbor};
use super::error::ApiError;
use super::metrics::{Listing, Metric, Metrics, QueryFault, Sample, Span, is_statistic};
use super::request::{Call, UNKNOWN};
use super::{FakeAws, REGION, lock};

const PAGE: usize = 500;
const MAX_QUERIES: usize = 500;
const MAX_DATAPOINTS: usize = 100_800;
const MAX_STATISTICS: i64 = 1_440;
const HOUR: i64 = 3_600_000;

pub(super) fn api(path: &str) -> &'static str {
    match path.strip_prefix("/service/GraniteServiceVersion20100801/operation/") {
        Some("ListMetrics") => "ListMetrics",
        Some("GetMetricData") => "GetMetricData",
        Some("GetMetricStatistics") => "GetMetricStatistics",
        Some("PutMetricData") => "PutMetricData",
        _ => UNKNOWN,
    }
}

/// The shapes' names that stand for codes of the protocol before.
pub(super) fn error_body(error: &ApiError) -> Vec<u8> {
    let shape = match error.code.as_str() {
        "InvalidParameterValue" => "InvalidParameterValueException",
        "InvalidParameterCombination" => "InvalidParameterCombinationException",
        "MissingParameter" => "MissingRequiredParameterException",
        "InternalServiceError" => "InternalServiceFault",
        code => code,
    };
    let entries = vec![
        ("__type", Cbor::text(format!("com.amazonaws.cloudwatch#{shape}"))),
        ("message", Cbor::text(&error.message)),
    ];
    Cbor::Map(entries).to_bytes()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
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

#[derive(Deserialize)]
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: NamedMetric,
    period: i64,
    stat: String,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    account_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricData {
    metric_data_queries: Vec<Query>,
    start_time: f64,
    end_time: f64,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<usize>,
}

#[derive(Deserialize)]
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutMetricData {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<Datum>,
}

#[derive(Deserialize)]
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

#[derive(Deserialize)]
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
        let account = self.0.credentials.account(call);
        let region = call.region.as_deref().unwrap_or(REGION);
        let answer = match call.api {
            "ListMetrics" => self.list_metrics(&account, region, parse(request)?)?,
            "GetMetricData" => self.get_metric_data(&account, region, &parse(request)?)?,
            "GetMetricStatistics" => self.get_metric_statistics(&account, region, &parse(request)?)?,
            "PutMetricData" => self.put_metric_data(&account, region, parse(request)?)?,
            _ => return Err(ApiError::new(404, "UnknownOperationException", "Not an operation that is here.")),
        };
        let mut response = Response::new(Body::from(Cbor::Map(answer).to_bytes()));
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        Ok(response)
    }

    fn list_metrics(&self, account: &str, region: &str, asked: ListMetrics) -> Result<Fields, ApiError> {
        if asked.recently_active.as_deref().is_some_and(|recently| recently != "PT3H") {
            return Err(invalid("RecentlyActive must be PT3H."));
        }
        let metrics = lock(&self.0.metrics);
        let mut accounts = vec![account.to_owned()];
        if asked.include_linked_accounts {
            accounts.extend(metrics.sources(account).cloned());
            accounts.retain(|one| asked.owning_account.as_ref().is_none_or(|owner| owner == one));
        } else if asked.owning_account.is_some() {
            return Err(invalid("OwningAccount needs IncludeLinkedAccounts."));
        }
        let listing = Listing {
            accounts,
            region,
            namespace: asked.namespace.as_deref(),
            name: asked.metric_name.as_deref(),
            dimensions: asked.dimensions.into_iter().map(|d| (d.name, d.value)).collect(),
            recently: asked.recently_active.is_some(),
            now: self.0.clock.now_ms(),
        };
        let found = metrics.list(&listing);
        let from = match &asked.next_token {
            None => 0,
            Some(token) => token.strip_prefix("from-").and_then(|from| from.parse().ok()).ok_or_else(|| {
                ApiError::new(400, "InvalidParameterValue", "The token is not one that was given out.")
            })?,
        };
        let page = found.iter().skip(from).take(PAGE);
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
            answer.push(("OwningAccounts", Cbor::List(page.map(|(owner, _)| Cbor::text(owner)).collect())));
        }
        if from + PAGE < found.len() {
            answer.push(("NextToken", Cbor::text(format!("from-{}", from + PAGE))));
        }
        Ok(answer)
    }

    fn get_metric_data(&self, account: &str, region: &str, asked: &GetMetricData) -> Result<Fields, ApiError> {
        check_data(asked)?;
        let page: usize = match &asked.next_token {
            None => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|page| page.parse().ok())
                .ok_or_else(|| ApiError::new(400, "InvalidNextToken", "The token is not one that was given out."))?,
        };
        let limit = asked.max_datapoints.unwrap_or(MAX_DATAPOINTS);
        let each = (limit / asked.metric_data_queries.len()).max(1);
        let metrics = &mut *lock(&self.0.metrics);
        let answered = metrics.crowding().unwrap_or(usize::MAX).min(asked.metric_data_queries.len());
        let mut more = false;
        let mut results = Vec::new();
        for query in &asked.metric_data_queries[..answered] {
            let mut result = vec![("Id", Cbor::text(&query.id)), ("Label", Cbor::text(label(query)))];
            let (points, status) = match self.query(metrics, account, region, asked, query) {
                Ok(points) => {
                    let partial = points.len() > (page + 1) * each;
                    let is_past = page > 0 && points.len() <= page * each;
                    more |= partial;
                    // What was complete on an earlier page is not told again.
                    if is_past {
                        continue;
                    }
                    let here = points.into_iter().skip(page * each).take(each).collect();
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
            answer.push(("NextToken", Cbor::text(format!("page-{}", page + 1))));
        }
        Ok(answer)
    }

    /// The points of one query, in the order asked for.
    fn query(
        &self,
        metrics: &mut Metrics,
        account: &str,
        region: &str,
        asked: &GetMetricData,
        query: &Query,
    ) -> Result<Vec<(i64, f64)>, QueryFault> {
        let Some(stat) = &query.metric_stat else { return Err(QueryFault::InternalError) };
        let Ok(metric) = stat.metric.metric() else { return Err(QueryFault::InternalError) };
        if let Some(fault) = metrics.fault(&metric.name) {
            return Err(fault);
        }
        let owner = query.account_id.as_deref().unwrap_or(account);
        if !metrics.sees(account, owner) {
            return Err(QueryFault::Forbidden);
        }
        let Some(series) = metrics.series(owner, region, &metric) else { return Ok(Vec::new()) };
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

    fn get_metric_statistics(
        &self,
        account: &str,
        region: &str,
        asked: &GetMetricStatistics,
    ) -> Result<Fields, ApiError> {
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
        let series = metrics.series(account, region, &metric);
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

    fn put_metric_data(&self, account: &str, region: &str, asked: PutMetricData) -> Result<Fields, ApiError> {
        let now = self.0.clock.now();
        let mut metrics = lock(&self.0.metrics);
        for datum in asked.metric_data {
            let at = datum.timestamp.map_or(now.as_millisecond(), millis);
            let age = now.as_millisecond() - at;
            if !(-2 * HOUR..=14 * 24 * HOUR).contains(&age) {
                return Err(ApiError::new(400, "InvalidParameterValue", "The timestamp is too old or too far ahead."));
            }
            let at = jiff::Timestamp::from_millisecond(at).unwrap_or(now);
            let samples: Vec<Sample> = match (&datum.statistic_values, datum.value) {
                (Some(set), None) => vec![Sample::set(at, set.sample_count, set.sum, set.minimum, set.maximum)],
                (None, Some(value)) => vec![Sample::new(at, value)],
                _ if !datum.values.is_empty() => {
                    let counts = datum.counts.iter().copied().chain(std::iter::repeat(1.0));
                    datum.values.iter().zip(counts).map(|(v, n)| Sample::set(at, n, v * n, *v, *v)).collect()
                }
                _ => return Err(missing("MetricData.Value")),
            };
            let metric = named(&asked.namespace, &datum.metric_name, &datum.dimensions);
            for mut sample in samples {
                sample.visible_from = now.as_millisecond();
                sample.unit = datum.unit.clone().unwrap_or(sample.unit);
                sample.high_resolution = datum.storage_resolution == Some(1);
                metrics.put(account, region, metric.clone(), sample);
            }
        }
        Ok(Vec::new())
    }
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
    let value = cbor::read(&body).map_err(|error| unread(&error))?;
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
