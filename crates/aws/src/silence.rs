//! Why a source that should have events has none: what feeds a queue, looked at from outside. Every permission for it is optional,
//! and what cannot be looked at is said too.

use std::time::SystemTime;

use aws_sdk_eventbridge::types::RuleState;
use quittance_core::{Class, Finding, codes::CANNOT_TELL};

use crate::{Account, AwsError, buckets, codes};

/// Rules, buckets and objects of a bucket that are looked at.
const MOST: usize = 10;

/// What is looked at, but may not be or did not answer. `what` is what cannot be told, as in "whether trails are switched on".
pub fn cannot_tell(what: &str, action: &str, error: &AwsError) -> Finding {
    match error.class() {
        Class::NeedsPerson => {
            let problem = format!("{what} cannot be told: needs {action}");
            Finding::warning(&CANNOT_TELL, problem).with_fix(format!("allow {action}"))
        }
        _ => Finding::warning(&CANNOT_TELL, format!("{what} cannot be told: {}", error.chain())),
    }
}

/// What is wrong with the rules of EventBridge that put events into a queue.
pub(crate) async fn of_rules(account: &Account, region: &str, queue: &str, arn: &str) -> Vec<Finding> {
    let client = aws_sdk_eventbridge::Client::new(&account.config(region));
    account.turn(region, "ListRuleNamesByTarget").await;
    let listed = Box::pin(client.list_rule_names_by_target().target_arn(arn).send()).await;
    let rules = match listed.map_err(|e| AwsError::api("ListRuleNamesByTarget", queue, e)) {
        Ok(listed) => listed.rule_names.unwrap_or_default(),
        Err(error) => {
            let what = format!("whether a rule of EventBridge has queue `{queue}` as its target");
            return vec![cannot_tell(&what, "events:ListRuleNamesByTarget", &error)];
        }
    };
    if rules.is_empty() {
        let problem = format!("no rule of EventBridge's default bus in {region} has queue `{queue}` as its target");
        return vec![Finding::error(&codes::RULE_GONE, problem)];
    }
    let mut found = Vec::new();
    for rule in rules.iter().take(MOST) {
        account.turn(region, "DescribeRule").await;
        let described = Box::pin(client.describe_rule().name(rule).send()).await;
        match described.map_err(|e| AwsError::api("DescribeRule", rule, e)) {
            Ok(described) if described.state == Some(RuleState::Disabled) => {
                let problem = format!("rule `{rule}` in {region}, which feeds queue `{queue}`, is disabled");
                found.push(Finding::error(&codes::RULE_DISABLED, problem));
            }
            Ok(_) => {}
            Err(error) => {
                found.push(cannot_tell(&format!("whether rule `{rule}` is enabled"), "events:DescribeRule", &error))
            }
        }
    }
    found
}

/// Where a bucket announces its objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Announces {
    /// To the queue that is read.
    ToQueue,
    /// To a topic, which may lead there.
    ToTopic,
    /// To EventBridge, whose rules may.
    ToEventBridge,
    /// Nowhere that leads there.
    Elsewhere,
}

/// Where `bucket` announces its objects, as far as the queue of this ARN is concerned.
pub(crate) async fn announces(account: &Account, region: &str, bucket: &str, arn: &str) -> Result<Announces, AwsError> {
    const API: &str = "GetBucketNotificationConfiguration";
    let ask = async |region: &str| {
        let client = account.s3(region);
        let request = client.turn(API).await.get_bucket_notification_configuration().bucket(bucket);
        Box::pin(request.send()).await
    };
    let mut answer = ask(region).await;
    if let Some(right) = answer.as_ref().err().and_then(buckets::elsewhere).filter(|right| right != region) {
        answer = ask(&right).await;
    }
    let found = answer.map_err(|e| AwsError::api(API, format!("s3://{bucket}"), e))?;
    Ok(match found {
        _ if found.queue_configurations().iter().any(|one| one.queue_arn() == arn) => Announces::ToQueue,
        _ if found.event_bridge_configuration().is_some() => Announces::ToEventBridge,
        _ if !found.topic_configurations().is_empty() => Announces::ToTopic,
        _ => Announces::Elsewhere,
    })
}

/// An object below `prefix` that was written after `since`: it was announced to nobody who told us. Who may not list is told
/// nothing.
pub(crate) async fn written_since(
    account: &Account,
    region: &str,
    bucket: &str,
    prefix: &str,
    since: SystemTime,
) -> Option<String> {
    let (region, _) = buckets::list_one(account, region, bucket, prefix).await.ok()?;
    let client = account.s3(&region);
    let request = client.turn("ListObjectsV2").await.list_objects_v2().bucket(bucket).prefix(prefix);
    let page = Box::pin(request.send()).await.ok()?;
    let is_new = |object: &aws_sdk_s3::types::Object| {
        object.last_modified().and_then(|at| SystemTime::try_from(*at).ok()).is_some_and(|at| at > since)
    };
    page.contents().iter().find(|object| is_new(object))?.key().map(str::to_owned)
}
