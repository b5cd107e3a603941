//! What a configuration becomes.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::sync::Arc;

use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::SystemClock;
use quittance_service_events_all::ServiceEventsAll;
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
    let units = ServiceEventsAll.plan(config, &account().await).map_err(|error| error.to_string())?;
    Ok(units.into_iter().map(|unit| (unit.id.to_string(), unit.tag)).collect())
}

async fn refused(config: Value, expected: &str) {
    let error = plan(config.clone()).await.expect_err("it is wrong");
    assert!(error.contains(expected), "{config}: {error}");
}

fn unit(id: &str, tag: &str) -> (String, String) {
    (id.to_owned(), tag.to_owned())
}

#[tokio::test]
async fn there_is_a_unit_for_each_region() {
    let units =
        plan(json!({"cloudwatch_sqs_queue_name": "q", "regions": ["eu-west-1", "us-east-1", "eu-west-1"]})).await;
    let tag = "cloud.aws.cloudwatch.events.{account}.{region}";
    let id = |region| format!("aws/10001/service-events-all/{region}/q");
    assert_eq!(units, Ok(vec![unit(&id("eu-west-1"), tag), unit(&id("us-east-1"), tag)]));
}

#[tokio::test]
async fn the_tag_follows_the_configuration() {
    let tag = async |extra: Value| {
        let mut config =
            json!({"cloudwatch_sqs_queue_name": "q", "regions": ["eu-west-1"], "drop_event_names": ["Decrypt"]});
        config.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        plan(config).await.expect("it is right")[0].1.clone()
    };
    assert_eq!(tag(json!({"auto_event_type": true})).await, "cloud.aws.cloudwatch.{event_type}.{account}.{region}");
    assert_eq!(tag(json!({"tag": "my.app.aws.{event_type}"})).await, "my.app.aws.{event_type}");
    assert_eq!(tag(json!({"tag": ""})).await, "cloud.aws.cloudwatch.events.{account}.{region}");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    refused(json!({"cloudwatch_sqs_queue_name": "", "regions": ["eu-west-1"]}), "cloudwatch_sqs_queue_name").await;
    refused(json!({"cloudwatch_sqs_queue_name": "a b", "regions": ["eu-west-1"]}), "`a b` is no queue").await;
    refused(json!({"cloudwatch_sqs_queue_name": "q", "regions": []}), "`regions`: expected at least one").await;
    refused(json!({"cloudwatch_sqs_queue_name": "q", "regions": ["Ireland"]}), "`Ireland` is no region").await;
    refused(json!({"cloudwatch_sqs_queue_name": "q", "regions": ["eu-west-1"], "tag": "x y"}), "`tag`").await;
    refused(json!({"regions": ["eu-west-1"]}), "cloudwatch_sqs_queue_name").await;
}

#[tokio::test]
async fn a_queue_may_be_named_by_its_url() {
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/q";
    assert!(plan(json!({"cloudwatch_sqs_queue_name": url, "regions": ["eu-west-1"]})).await.is_ok());
}
