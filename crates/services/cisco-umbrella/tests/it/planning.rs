//! What a configuration becomes.

use quittance_testbed::aws::FakeAws;
use serde_json::{Value, json};

use crate::units;

/// The units of a configuration and their tags, or what is wrong with it.
async fn plan(config: Value) -> Result<Vec<(String, String)>, String> {
    let units = units(config, &FakeAws::new(1)).await?;
    Ok(units.into_iter().map(|unit| (unit.id.to_string(), unit.tag)).collect())
}

async fn refused(config: Value, expected: &str) {
    let error = plan(config.clone()).await.expect_err("it is wrong");
    assert!(error.contains(expected), "{config}: {error}");
}

#[tokio::test]
async fn there_is_a_unit_for_each_region() {
    let units =
        plan(json!({"cisco_umbrella_sqs_queue_name": "q", "regions": ["eu-west-1", "us-east-1", "eu-west-1"]})).await;
    let unit =
        |region| (format!("aws/10001/cisco-umbrella/queue/{region}/q"), "sig.cisco.umbrella.{event_type}".to_owned());
    assert_eq!(units, Ok(vec![unit("eu-west-1"), unit("us-east-1")]));
}

#[tokio::test]
async fn the_tag_may_be_ones_own() {
    let tag = async |tag: &str| {
        plan(json!({"cisco_umbrella_sqs_queue_name": "q", "regions": ["eu-west-1"], "tag": tag})).await.unwrap()[0]
            .1
            .clone()
    };
    assert_eq!(tag("my.app.own.{event_type}.{account}").await, "my.app.own.{event_type}.{account}");
    assert_eq!(tag("").await, "sig.cisco.umbrella.{event_type}");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    refused(
        json!({"cisco_umbrella_sqs_queue_name": "", "regions": ["eu-west-1"]}),
        "`cisco_umbrella_sqs_queue_name`: missing",
    )
    .await;
    refused(json!({"cisco_umbrella_sqs_queue_name": "a b", "regions": ["eu-west-1"]}), "`a b` is no queue").await;
    refused(json!({"cisco_umbrella_sqs_queue_name": "q", "regions": []}), "`regions`: expected at least one").await;
    refused(json!({"cisco_umbrella_sqs_queue_name": "q", "regions": ["Ireland"]}), "`Ireland` is no region").await;
    refused(json!({"cisco_umbrella_sqs_queue_name": "q", "regions": ["eu-west-1"], "tag": "x y"}), "`tag`").await;
    refused(json!({"regions": ["eu-west-1"]}), "cisco_umbrella_sqs_queue_name").await;
}

#[tokio::test]
async fn keys_of_objects_are_checked() {
    let config = |key: &str, value: &str| {
        let mut config = json!({"cisco_umbrella_sqs_queue_name": "q", "regions": ["eu-west-1"]});
        config[key] = json!(value);
        config
    };
    refused(config("s3_file_type_filter", "("), "no regular expression").await;
    refused(config("on_missing_object", "forget"), "dead_letter").await;
    assert!(plan(config("on_missing_object", "retry")).await.is_ok());
}

#[tokio::test]
async fn a_bucket_that_announces_nothing_is_one_unit() {
    let config = json!({"bucket": "s3://cisco-managed-us-west-1/8234970_0a1b", "regions": ["us-west-1"]});
    let id = "aws/10001/cisco-umbrella/bucket/us-west-1/cisco-managed-us-west-1/8234970_0a1b";
    assert_eq!(plan(config).await, Ok(vec![(id.to_owned(), "sig.cisco.umbrella.{event_type}".to_owned())]));
}

#[tokio::test]
async fn keys_of_a_bucket_are_checked() {
    let config = |key: &str, value: Value| {
        let mut config = json!({"bucket": "logs", "prefix": "p", "regions": ["eu-west-1"]});
        config[key] = value;
        config
    };
    refused(config("cisco_umbrella_sqs_queue_name", json!("q")), "`bucket`: a queue announces").await;
    refused(config("bucket", json!("a b")), "`a b` is no bucket").await;
    refused(config("bucket", json!("")), "or `bucket` for one that announces nothing").await;
    refused(config("regions", json!(["eu-west-1", "us-east-1"])), "a bucket is in one region").await;
    refused(config("start_time", json!("yesterday")), "`start_time`: `yesterday` is no day").await;
    refused(config("access_key_created", json!("spring")), "`access_key_created`: `spring` is no day").await;
    assert!(plan(config("start_time", json!("2026-01-01T00:00:00.000Z"))).await.is_ok());
}
