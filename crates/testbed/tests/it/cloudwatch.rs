//! CloudWatch's metrics, as the official SDK sees them.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, MetricDataQuery, MetricDatum, MetricStat, RecentlyActive, ScanBy, StandardUnit, Statistic, StatusCode,
};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::aws::{FakeAws, Metric, Place, QueryFault, Sample};

use crate::sdk;

fn aws() -> (FakeAws, Client) {
    let aws = FakeAws::new_at(1, "2026-03-01T12:00:00Z".parse().unwrap());
    let client = sdk::cloudwatch(&aws);
    (aws, client)
}

fn time(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millisecond())
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn cpu() -> Metric {
    Metric::new("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1")])
}

fn query(id: &str, metric: &Metric, stat: &str, period: i32, account: Option<&str>) -> MetricDataQuery {
    let dimensions = metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let named = aws_sdk_cloudwatch::types::Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let stat = MetricStat::builder().metric(named).period(period).stat(stat).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).set_account_id(account.map(str::to_owned)).build()
}

#[tokio::test(start_paused = true)]
async fn metrics_are_listed_by_five_hundred_while_they_report() {
    let (aws, client) = aws();
    let now = aws.now();
    for n in 0..1100 {
        let metric = Metric::new("my/space", "m", &[("n", &n.to_string())]);
        aws.put_metric(&Place::default(), metric, Sample::new(now - minutes(if n < 700 { 5 } else { 300 }), 1.0));
    }
    let count = async |recently: Option<RecentlyActive>| {
        let (mut pages, mut token) = (Vec::new(), None);
        loop {
            let request = client.list_metrics().set_recently_active(recently.clone()).set_next_token(token);
            let page = request.send().await.unwrap();
            pages.push(page.metrics().len());
            token = page.next_token;
            if token.is_none() {
                return pages;
            }
        }
    };
    assert_eq!(count(None).await, [500, 500, 100]);
    assert_eq!(count(Some(RecentlyActive::Pt3H)).await, [500, 200]);
    aws.list_metrics_after(Duration::from_secs(600));
    assert_eq!(count(Some(RecentlyActive::Pt3H)).await, [0]);
    tokio::time::advance(Duration::from_secs(15 * 86400)).await;
    assert_eq!(count(None).await, [0]);
}

#[tokio::test(start_paused = true)]
async fn linked_accounts_are_listed_and_read_until_they_are_unlinked() {
    let (aws, client) = aws();
    let now = aws.now();
    aws.put_metric(&Place::new("999999999999", "us-east-1"), cpu(), Sample::new(now - minutes(5), 7.0));
    let listed = async || {
        let page = client.list_metrics().include_linked_accounts(true).send().await.unwrap();
        (page.metrics().len(), page.owning_accounts().to_vec())
    };
    let read = async || {
        let request = client.get_metric_data().start_time(time(now - minutes(10))).end_time(time(now));
        let query = query("a", &cpu(), "Sum", 300, Some("999999999999"));
        let answer = request.metric_data_queries(query).send().await.unwrap();
        let result = &answer.metric_data_results()[0];
        (result.status_code().unwrap().clone(), result.values().to_vec())
    };
    assert_eq!(listed().await, (0, Vec::new()));
    assert_eq!(read().await, (StatusCode::Forbidden, Vec::new()));
    aws.link_account("111122223333", "999999999999");
    assert_eq!(listed().await, (1, vec!["999999999999".to_owned()]));
    assert_eq!(read().await, (StatusCode::Complete, vec![7.0]));
    aws.unlink_account("111122223333", "999999999999");
    assert_eq!(read().await, (StatusCode::Forbidden, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn data_comes_newest_first_over_pages_of_partial_data() {
    let (aws, client) = aws();
    let now = aws.now();
    for minute in 0..60 {
        aws.put_metric(&Place::default(), cpu(), Sample::new(now - minutes(60 - minute), minute as f64));
    }
    let (mut token, mut values, mut states) = (None, Vec::new(), Vec::new());
    loop {
        let request = client.get_metric_data().start_time(time(now - minutes(60))).end_time(time(now));
        let request = request.metric_data_queries(query("a", &cpu(), "Sum", 300, None)).max_datapoints(5);
        let answer = request.set_next_token(token).send().await.unwrap();
        for result in answer.metric_data_results() {
            states.push(result.status_code().unwrap().clone());
            values.extend(result.values().to_vec());
        }
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(states, [StatusCode::PartialData, StatusCode::PartialData, StatusCode::Complete]);
    assert_eq!(values.len(), 12);
    assert_eq!((values[0], values[11]), (55.0 + 56.0 + 57.0 + 58.0 + 59.0, 0.0 + 1.0 + 2.0 + 3.0 + 4.0));
    // A token of another request is refused.
    let request = client.get_metric_data().start_time(time(now - minutes(60))).end_time(time(now));
    let request = request.metric_data_queries(query("a", &cpu(), "Sum", 300, None)).next_token("page-1");
    assert_eq!(request.send().await.unwrap_err().code(), Some("InvalidNextToken"));
}

#[tokio::test(start_paused = true)]
async fn a_short_period_of_long_ago_gives_nothing_and_no_error() {
    let (aws, client) = aws();
    let start = aws.now() - SignedDuration::from_hours(20 * 24);
    aws.put_metric(&Place::default(), cpu(), Sample::new(start + minutes(1), 3.0).unit("Percent"));
    let values = async |period: i32| {
        let request = client.get_metric_data().start_time(time(start)).end_time(time(start + minutes(60)));
        let request = request.scan_by(ScanBy::TimestampAscending);
        let answer = request.metric_data_queries(query("a", &cpu(), "Average", period, None)).send().await.unwrap();
        answer.metric_data_results()[0].values().to_vec()
    };
    assert_eq!(values(60).await, Vec::<f64>::new());
    assert_eq!(values(300).await, [3.0]);
}

#[tokio::test(start_paused = true)]
async fn samples_come_late_and_values_grow() {
    let (aws, client) = aws();
    let now = aws.now();
    aws.put_metric(&Place::default(), cpu(), Sample::new(now - minutes(5), 3.0));
    aws.put_metric(&Place::default(), cpu(), Sample::new(now - minutes(4), 4.0).visible_from(now + minutes(30)));
    let sum = async || {
        let request = client.get_metric_data().start_time(time(now - minutes(10))).end_time(time(now));
        let answer = request.metric_data_queries(query("a", &cpu(), "Sum", 300, None)).send().await.unwrap();
        answer.metric_data_results()[0].values().to_vec()
    };
    assert_eq!(sum().await, [3.0]);
    tokio::time::advance(Duration::from_secs(1800)).await;
    assert_eq!(sum().await, [7.0]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_well_may_lack_queries() {
    let (aws, client) = aws();
    let now = aws.now();
    aws.put_metric(&Place::default(), cpu(), Sample::new(now - minutes(5), 3.0));
    let ask = async || {
        let request = client.get_metric_data().start_time(time(now - minutes(10))).end_time(time(now));
        let request = request.metric_data_queries(query("a", &cpu(), "Sum", 300, None));
        request.metric_data_queries(query("b", &cpu(), "p99", 300, None)).send().await.unwrap()
    };
    aws.crowd_metrics(1, 1);
    let answer = ask().await;
    assert_eq!(answer.metric_data_results().len(), 1);
    assert_eq!(answer.messages()[0].value(), Some("Maximum number of allowed metrics exceeded"));
    aws.fail_queries("CPUUtilization", 1, QueryFault::InternalError);
    let answer = ask().await;
    let states: Vec<_> = answer.metric_data_results().iter().map(|result| result.status_code().unwrap()).collect();
    assert_eq!(states, [&StatusCode::InternalError, &StatusCode::Complete]);
    assert_eq!(answer.metric_data_results()[1].values(), [3.0]);
}

#[tokio::test(start_paused = true)]
async fn statistics_say_their_unit_and_refuse_too_many() {
    let (aws, client) = aws();
    let datum = |value: f64| {
        let dimension = Dimension::builder().name("InstanceId").value("i-1").build();
        MetricDatum::builder().metric_name("Size").dimensions(dimension).value(value).unit(StandardUnit::Bytes).build()
    };
    client
        .put_metric_data()
        .namespace("my/space")
        .metric_data(datum(1.0))
        .metric_data(datum(2.0))
        .send()
        .await
        .unwrap();
    tokio::time::advance(Duration::from_secs(600)).await;
    let now = aws.now();
    let ask = |period: i32, hours: i64| {
        let request = client.get_metric_statistics().namespace("my/space").metric_name("Size").period(period);
        let request = request.start_time(time(now - SignedDuration::from_hours(hours))).end_time(time(now));
        request.dimensions(Dimension::builder().name("InstanceId").value("i-1").build())
    };
    let answer = ask(60, 1).statistics(Statistic::Sum).statistics(Statistic::Maximum).send().await.unwrap();
    let [point] = answer.datapoints() else { panic!("{answer:?}") };
    assert_eq!((point.sum(), point.maximum(), point.unit()), (Some(3.0), Some(2.0), Some(&StandardUnit::Bytes)));
    let answer = ask(60, 1).extended_statistics("p50").send().await.unwrap();
    assert_eq!(answer.datapoints()[0].extended_statistics().unwrap()["p50"], 1.0);
    let error = ask(60, 25).statistics(Statistic::Sum).send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterCombination"));
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_a_quota_are_throttled() {
    let (aws, client) = aws();
    aws.set_quota("ListMetrics", 2);
    let codes: Vec<_> = {
        let mut codes = Vec::new();
        for _ in 0..3 {
            codes.push(client.list_metrics().send().await.err().and_then(|error| error.code().map(str::to_owned)));
        }
        codes
    };
    assert_eq!(codes, [None, None, Some("Throttling".to_owned())]);
}
