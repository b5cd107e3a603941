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
    let units = plan(json!({"voiso_sqs_queue_name": "q", "regions": ["eu-west-1", "us-east-1", "eu-west-1"]})).await;
    let unit = |region| (format!("aws/10001/voiso/{region}/q"), "my.app.voiso.{event_type}".to_owned());
    assert_eq!(units, Ok(vec![unit("eu-west-1"), unit("us-east-1")]));
}

#[tokio::test]
async fn the_tag_may_be_ones_own() {
    let tag = async |tag: &str| {
        plan(json!({"voiso_sqs_queue_name": "q", "regions": ["eu-west-1"], "tag": tag})).await.unwrap()[0].1.clone()
    };
    assert_eq!(tag("my.app.own.{event_type}.{account}").await, "my.app.own.{event_type}.{account}");
    assert_eq!(tag("").await, "my.app.voiso.{event_type}");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    refused(json!({"voiso_sqs_queue_name": "", "regions": ["eu-west-1"]}), "`voiso_sqs_queue_name`: missing").await;
    refused(json!({"voiso_sqs_queue_name": "a b", "regions": ["eu-west-1"]}), "`a b` is no queue").await;
    refused(json!({"voiso_sqs_queue_name": "q", "regions": []}), "`regions`: expected at least one").await;
    refused(json!({"voiso_sqs_queue_name": "q", "regions": ["Ireland"]}), "`Ireland` is no region").await;
    refused(json!({"voiso_sqs_queue_name": "q", "regions": ["eu-west-1"], "tag": "x y"}), "`tag`").await;
    refused(json!({"regions": ["eu-west-1"]}), "voiso_sqs_queue_name").await;
}
