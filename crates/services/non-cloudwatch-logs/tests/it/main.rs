//! What a configuration becomes.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::sync::Arc;

use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::SystemClock;
use quittance_non_cloudwatch_logs::NonCloudwatchLogs;
use quittance_testbed::aws::FakeAws;
use serde_json::{Value, json};

async fn account() -> Arc<Account> {
    let settings = AccountSettings {
        id: "10001".to_owned(),
        credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
        endpoint_url: None,
        http: FakeAws::new(1).http_client(),
        clock: Arc::new(SystemClock),
        limiters: Limiters::default(),
        call_limits: Vec::new(),
    };
    Arc::new(Account::new(settings).await)
}

/// The units of a configuration and their tags, or what is wrong with it.
async fn plan(config: Value) -> Result<Vec<(String, String)>, String> {
    let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
    let units = NonCloudwatchLogs.plan(config, &account().await).map_err(|error| error.to_string())?;
    Ok(units.into_iter().map(|unit| (unit.id.to_string(), unit.tag)).collect())
}

async fn refused(config: Value, expected: &str) {
    let error = plan(config.clone()).await.expect_err("it is wrong");
    assert!(error.contains(expected), "{config}: {error}");
}

fn unit(id: &str, tag: &str) -> (String, String) {
    (id.to_owned(), tag.to_owned())
}

const VPC: &str = "cloud.aws.vpc.flow.{account}.{region}";
const CDN: &str = "web.aws.cloudfront.accessW3c.{account}.{region}";

#[tokio::test]
async fn there_is_a_unit_for_each_queue_and_region() {
    let units = plan(json!({
        "types": ["vpcflowlogs", "cloudfront"],
        "vpcflowlogs_sqs_queue_name": "v",
        "cloudfront_sqs_queue_name": "c",
        "regions": ["eu-west-1", "us-east-1"],
        "auto_event_type": true,
    }));
    let id = |rest| format!("aws/10001/non-cloudwatch-logs/{rest}");
    let expected = vec![
        unit(&id("vpcflowlogs/eu-west-1/v"), VPC),
        unit(&id("vpcflowlogs/us-east-1/v"), VPC),
        unit(&id("cloudfront/eu-west-1/c"), CDN),
        unit(&id("cloudfront/us-east-1/c"), CDN),
    ];
    assert_eq!(units.await, Ok(expected));
}

/// elastic/integrations#9289: two readers of one queue would take each other's messages.
#[tokio::test]
async fn types_with_the_same_queue_are_one_unit() {
    let units = plan(json!({
        "types": ["vpcflowlogs", "cloudfront"],
        "vpcflowlogs_sqs_queue_name": "q",
        "cloudfront_sqs_queue_name": "q",
        "regions": ["eu-west-1"],
    }));
    let id = "aws/10001/non-cloudwatch-logs/vpcflowlogs+cloudfront/eu-west-1/q";
    assert_eq!(units.await, Ok(vec![unit(id, &format!("{VPC}, {CDN}"))]));
}

#[tokio::test]
async fn tags_may_be_ones_own() {
    let one = json!({"types": ["cloudfront"], "cloudfront_sqs_queue_name": "c", "regions": ["eu-west-1"], "tag": "my.app.cdn.{account}"});
    assert_eq!(plan(one).await.expect("it is right")[0].1, "my.app.cdn.{account}");
    let two = json!({
        "types": ["vpcflowlogs", "cloudfront"],
        "vpcflowlogs_sqs_queue_name": "v",
        "cloudfront_sqs_queue_name": "c",
        "regions": ["eu-west-1"],
        "vpcflowlogs_tag": "my.app.vpc.x",
    });
    let tags: Vec<_> = plan(two).await.expect("it is right").into_iter().map(|(_, tag)| tag).collect();
    assert_eq!(tags, ["my.app.vpc.x", CDN]);
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let regions = json!(["eu-west-1"]);
    refused(json!({"types": [], "regions": regions}), "`types`: expected at least one").await;
    refused(json!({"types": ["waf"], "regions": regions}), "`waf` is no type of this service").await;
    refused(
        json!({"types": ["vpcflowlogs"], "cloudfront_sqs_queue_name": "c", "regions": regions}),
        "`vpcflowlogs` needs",
    )
    .await;
    let both = |extra: &str, value: &str| {
        let mut config = json!({
            "types": ["vpcflowlogs", "cloudfront"],
            "vpcflowlogs_sqs_queue_name": "v",
            "cloudfront_sqs_queue_name": "c",
            "regions": ["eu-west-1"],
        });
        config[extra] = json!(value);
        config
    };
    refused(both("tag", "my.app.all"), "`vpcflowlogs_tag` and `cloudfront_tag`").await;
    refused(both("s3_file_type_filter", "("), "no regular expression").await;
    refused(both("on_missing_object", "forget"), "dead_letter").await;
    refused(both("cloudfront_tag", "x"), "cloudfront_tag").await;
}
