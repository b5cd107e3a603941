//! What a configuration becomes.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod api;
mod audited;
mod own;

use std::sync::Arc;

use quittance_audit_events_all::AuditEventsAll;
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::SystemClock;
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
    let units = AuditEventsAll.plan(config, &account().await).map_err(|error| error.to_string())?;
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
    let units = plan(json!({"types": ["audits_s3"], "cloudtrail_sqs_queue_name": "q", "regions": ["eu-west-1"]})).await;
    let id = "aws/10001/audit-events-all/audits_s3/eu-west-1/q";
    assert_eq!(units, Ok(vec![unit(id, "cloud.aws.cloudtrail.events.{account}.{region}")]));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let config =
        |types: &str, queue: &str| json!({"types": [types], "audit_sqs_queue_name": queue, "regions": ["eu-west-1"]});
    refused(config("audits", "q"), "`audits` is no type of this service").await;
    let both = json!({"types": ["audits_s3", "audit_apis"], "audit_sqs_queue_name": "q", "regions": ["eu-west-1"]});
    assert_eq!(plan(both).await.map(|units| units.len()), Ok(2));
    let api = json!({"types": ["audits_api"], "regions": ["eu-west-1"], "start_time": "soon"});
    refused(api, "`start_time`: `soon` is no time").await;
    refused(config("audits_s3", ""), "`audits_s3` needs the queue").await;
    let mut filter = config("audits_s3", "q");
    filter["s3_file_type_filter"] = json!("[");
    refused(filter, "`s3_file_type_filter`: no regular expression").await;
    let mut hasty = config("audits_s3", "q");
    hasty["transfer_timeout"] = json!("900ms");
    refused(hasty, "`transfer_timeout`: 900ms: expected at least a second").await;
}
