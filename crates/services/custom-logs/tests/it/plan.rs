//! What a section becomes.

use quittance_aws::ServiceKind;
use quittance_custom_logs::CustomLogs;
use serde_json::{Value, json};

use crate::scene::{Scene, section};

async fn plan(name: &str, section: Value) -> Result<Vec<(String, String, String)>, String> {
    let config = serde_json::from_value(section).map_err(|error| error.to_string())?;
    let units = CustomLogs.plan_as(name, config, &Scene::new().await.account).map_err(|error| error.to_string())?;
    Ok(units.into_iter().map(|unit| (unit.id.to_string(), unit.source, unit.tag)).collect())
}

#[tokio::test(start_paused = true)]
async fn a_section_has_the_name_that_the_user_gave_it() {
    let unit = |name: &str, region: &str| {
        let tag = "cloud.aws.cloudwatch.logs.{account}.{region}".to_owned();
        (format!("aws/10001/{name}/logs/{region}"), format!("{name}/logs/{region}"), tag)
    };
    let both = json!({"regions": ["eu-west-1", "us-east-1", "eu-west-1"]});
    let expected = vec![unit("cwl_1", "eu-west-1"), unit("cwl_1", "us-east-1")];
    assert_eq!(plan("cwl_1", section(&both)).await, Ok(expected));
    assert_eq!(plan("cwl_2", section(&json!({}))).await, Ok(vec![unit("cwl_2", "eu-west-1")]));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said() {
    let refused = async |extra: Value, expected: &str| {
        let error = plan("cwl_1", section(&extra)).await.expect_err("it is wrong");
        assert!(error.contains(expected), "{extra}: {error}");
    };
    refused(json!({"types": []}), "`types`: expected `logs`").await;
    refused(json!({"types": ["audits_s3"]}), "unknown variant `audits_s3`").await;
    refused(json!({"log_groups": []}), "`log_groups`: expected at least one entry").await;
    refused(json!({"log_groups": ["a b"]}), "`log_groups`: `a b` is no log group").await;
    refused(json!({"regions": ["Ireland"]}), "`Ireland` is no region").await;
    refused(json!({"start_time": "yesterday"}), "`start_time`").await;
    refused(json!({"tag": "x y"}), "`tag`").await;
    refused(json!({"event_format": "xml"}), "unknown variant `xml`").await;
}
