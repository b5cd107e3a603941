//! EventBridge's rules, as far as it tells of them: ListRuleNamesByTarget and DescribeRule.

use std::sync::Mutex;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::body::Body;
use super::error::ApiError;
use super::request::Call;
use super::{FakeAws, json, lock};

/// Every rule of the default bus, in the order in which they were made.
#[derive(Default)]
pub(super) struct Rules(Mutex<Vec<Rule>>);

struct Rule {
    name: String,
    target: String,
    enabled: bool,
}

impl FakeAws {
    /// Makes a rule that has `queue` as its target. What it would put there is up to the test.
    pub fn put_rule(&self, name: &str, queue: &str) {
        let target = format!("arn:aws:sqs:{}:{}:{queue}", super::REGION, super::ACCOUNT);
        lock(&self.0.rules.0).push(Rule { name: name.to_owned(), target, enabled: true });
    }

    /// Switches a rule on or off.
    pub fn enable_rule(&self, name: &str, enabled: bool) {
        lock(&self.0.rules.0).iter_mut().filter(|rule| rule.name == name).for_each(|rule| rule.enabled = enabled);
    }

    /// Removes a rule.
    pub fn delete_rule(&self, name: &str) {
        lock(&self.0.rules.0).retain(|rule| rule.name != name);
    }

    pub(super) fn answer_eventbridge(&self, call: &Call, body: &Bytes) -> Result<Response<Body>, ApiError> {
        let request: Value = json::read(body)?;
        let rules = lock(&self.0.rules.0);
        match call.api {
            "ListRuleNamesByTarget" => {
                let target = request["TargetArn"].as_str().unwrap_or_default();
                let names: Vec<_> = rules.iter().filter(|rule| rule.target == target).map(|rule| &rule.name).collect();
                Ok(json::answer(&json!({ "RuleNames": names })))
            }
            "DescribeRule" => {
                let name = request["Name"].as_str().unwrap_or_default();
                let Some(rule) = rules.iter().find(|rule| rule.name == name) else {
                    let message = format!("Rule {name} does not exist on EventBus default.");
                    return Err(ApiError::new(400, "ResourceNotFoundException", message));
                };
                let state = if rule.enabled { "ENABLED" } else { "DISABLED" };
                let arn = format!("arn:aws:events:{}:{}:rule/{name}", super::REGION, super::ACCOUNT);
                Ok(json::answer(&json!({ "Name": name, "Arn": arn, "State": state, "EventBusName": "default" })))
            }
            _ => Err(ApiError::new(400, "UnknownOperationException", "Not an operation that is here.")),
        }
    }
}
