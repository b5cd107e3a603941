//! What a check says before anything is collected.

use quittance_core::{Class, Severity};
use serde_json::{Value, json};

use crate::scene::{Scene, place, section};

/// The findings, or the failure's class, of a section's only unit.
async fn check(scene: &Scene, extra: Value) -> Result<Vec<(Severity, String)>, Class> {
    let unit = scene.units("cwl_1", section(&extra)).remove(0);
    match unit.setup.check().await {
        Ok(findings) => Ok(findings.into_iter().map(|finding| (finding.severity, finding.problem)).collect()),
        Err(failure) => Err(failure.class),
    }
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_there_are_fine() {
    let scene = Scene::new().await;
    scene.aws.create_log_group(&place(), "/app/web");
    assert_eq!(check(&scene, json!({"log_groups": ["/app/*", "/app/web"]})).await, Ok(Vec::new()));
    assert_eq!(scene.aws.calls("FilterLogEvents"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_there_is_named_and_keeps_no_other_from_being_read() {
    let scene = Scene::new().await;
    scene.aws.create_log_group(&place(), "/app/web");
    let missing = |what: &str| (Severity::Warning, format!("there is no log group {what} in eu-west-1"));
    let expected = vec![missing("that begins with `/rds/`"), missing("`/app/wbe`")];
    assert_eq!(check(&scene, json!({"log_groups": ["/app/web", "/app/wbe", "/rds/*"]})).await, Ok(expected));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_all_fails_and_a_refusal_of_one_is_told() {
    let scene = Scene::new().await;
    let both = json!({"log_groups": ["/app/a", "/app/b"]});
    scene.aws.create_log_group(&place(), "/app/a");
    scene.aws.create_log_group(&place(), "/app/b");
    scene.aws.fail_next("FilterLogEvents", 1, 400, "AccessDeniedException");
    let found = check(&scene, both.clone()).await.unwrap();
    assert_eq!((found.len(), found[0].0), (1, Severity::Partial));
    assert!(found[0].1.contains("FilterLogEvents on `/app/a` failed (AccessDeniedException)"), "{found:?}");
    scene.aws.fail_next("FilterLogEvents", 1, 400, "InvalidParameterException");
    assert_eq!(check(&scene, both.clone()).await.unwrap().len(), 1);
    scene.aws.fail_while("FilterLogEvents", "AccessDeniedException");
    let found = check(&scene, both.clone()).await.unwrap();
    assert_eq!((found.len(), found[0].0), (1, Severity::Error));
    assert!(found[0].1.starts_with("log groups in eu-west-1 cannot be read: FilterLogEvents"), "{found:?}");
    scene.aws.recover("FilterLogEvents");
    scene.aws.fail_while("DescribeLogGroups", "AccessDeniedException");
    let found = check(&scene, json!({})).await.unwrap();
    assert!(found[0].1.contains("DescribeLogGroups"), "{found:?}");
    scene.aws.recover("DescribeLogGroups");
    scene.aws.fail_while("FilterLogEvents", "ServiceUnavailableException");
    assert_eq!(check(&scene, both).await, Err(Class::Throttled));
}

#[tokio::test(start_paused = true)]
async fn a_filter_pattern_that_cloudwatch_does_not_take_is_an_error() {
    let scene = Scene::new().await;
    scene.aws.create_log_group(&place(), "/app/web");
    let found = check(&scene, json!({"filter_pattern": "{ open"})).await.unwrap();
    assert_eq!((found.len(), found[0].0), (1, Severity::Error));
    assert!(found[0].1.contains("`filter_pattern`"), "{found:?}");
}
