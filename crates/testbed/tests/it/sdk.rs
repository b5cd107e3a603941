//! The official SDK, pointed at a fake AWS inside the process or on a port.

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use quittance_testbed::aws::{FakeAws, server};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const ACCESS_KEY: &str = "AKIATEST";

pub(crate) fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, "secret", None, None, "test")
}

fn sqs_config() -> aws_sdk_sqs::config::Builder {
    aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
}

fn s3_config() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .force_path_style(true)
}

/// An SQS client in the same process.
pub(crate) fn sqs(aws: &FakeAws) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::from_conf(sqs_config().http_client(aws.http_client()).time_source(aws.time_source()).build())
}

/// An S3 client in the same process.
pub(crate) fn s3(aws: &FakeAws) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(s3_config().http_client(aws.http_client()).time_source(aws.time_source()).build())
}

/// A CloudTrail client in the same process.
pub(crate) fn cloudtrail(aws: &FakeAws) -> aws_sdk_cloudtrail::Client {
    let config = aws_sdk_cloudtrail::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .http_client(aws.http_client())
        .time_source(aws.time_source());
    aws_sdk_cloudtrail::Client::from_conf(config.build())
}

/// A client of CloudWatch Logs in the same process.
pub(crate) fn logs(aws: &FakeAws) -> aws_sdk_cloudwatchlogs::Client {
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .http_client(aws.http_client())
        .time_source(aws.time_source());
    aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
}

/// A client of CloudWatch's metrics in the same process.
pub(crate) fn cloudwatch(aws: &FakeAws) -> aws_sdk_cloudwatch::Client {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .http_client(aws.http_client())
        .time_source(aws.time_source());
    aws_sdk_cloudwatch::Client::from_conf(config.build())
}

/// A GuardDuty client in the same process.
pub(crate) fn guardduty(aws: &FakeAws) -> aws_sdk_guardduty::Client {
    let config = aws_sdk_guardduty::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .http_client(aws.http_client())
        .time_source(aws.time_source());
    aws_sdk_guardduty::Client::from_conf(config.build())
}

/// A fake AWS on a port, until this is dropped.
pub(crate) struct OverTcp {
    pub(crate) url: String,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    _stop: DropGuard,
}

impl OverTcp {
    pub(crate) async fn start(aws: &FakeAws) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        aws.set_base_url(&url);
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(aws.clone(), listener, stop.clone()));
        Self {
            sqs: aws_sdk_sqs::Client::from_conf(sqs_config().endpoint_url(&url).build()),
            s3: aws_sdk_s3::Client::from_conf(s3_config().endpoint_url(&url).build()),
            url,
            _stop: stop.drop_guard(),
        }
    }
}
