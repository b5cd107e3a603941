//! Queues, their dead-letter queues, and who may send to them.

use std::time::Duration;

use quittance_aws::{Fed, QueueSource, Reads, Source, Writer};
use serde_json::{Value, json};

use super::{
    super::{
        document::{Document, Statement, when},
        reading::{Reader, dead_letters, queue_name},
    },
    buckets::Bucket,
    shape::{Template, free, pascal},
};

/// As long as SQS keeps a message: how long an outage may last.
const RETENTION_SECONDS: u32 = 14 * 24 * 3600;

/// Receives that a message survives, restarts of the collector among them.
const RECEIVES: u32 = 10;

/// How EventBridge calls what CloudTrail tells it, which a trail's objects hold too.
const API_CALLS: [&str; 6] = [
    "AWS API Call via CloudTrail",
    "AWS Console Action via CloudTrail",
    "AWS Console Sign In via CloudTrail",
    "AWS Console Signin via CloudTrail",
    "AWS Insight via CloudTrail",
    "AWS Service Event via CloudTrail",
];

/// A queue to make.
pub(super) struct Queue {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) regions: Vec<String>,
    visibility_timeout: Duration,
    pub(super) feeds: Vec<Feed>,
}

/// Who feeds it, and where.
pub(super) struct Feed {
    pub(super) regions: Vec<String>,
    pub(super) fed: Fed,
}

impl Queue {
    pub(super) fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }
}

/// The queues that are read, each once, whoever shares it.
pub(super) fn found(reader: &Reader, notes: &mut Vec<String>) -> Vec<Queue> {
    let mut queues: Vec<Queue> = Vec::new();
    for Source { regions, reads } in &reader.sources {
        let Reads::Queue(QueueSource { queue, fed, visibility_timeout, .. }) = reads else { continue };
        let parts = queue_name(queue);
        if let (Some(owner), Some(own)) = (parts.account, reader.account())
            && owner != own
        {
            notes.push(format!("queue `{queue}` is of account {owner}, and is left out: it must be made there"));
            continue;
        }
        let regions = parts.region.map_or_else(|| regions.clone(), |region| vec![region.to_owned()]);
        let feed = Feed { regions: regions.clone(), fed: fed.clone() };
        match queues.iter_mut().find(|other| other.name == parts.name) {
            Some(other) => {
                other.visibility_timeout = other.visibility_timeout.max(*visibility_timeout);
                other.regions.extend(regions);
                other.regions.sort();
                other.regions.dedup();
                other.feeds.push(feed);
            }
            None => {
                let id = free(format!("{}Queue", pascal(parts.name)), |id| queues.iter().any(|queue| queue.id == id));
                let (name, visibility_timeout) = (parts.name.to_owned(), *visibility_timeout);
                queues.push(Queue { id, name, regions, visibility_timeout, feeds: vec![feed] });
            }
        }
    }
    queues
}

/// Whether a rule for all events leaves some to a trail.
pub(super) fn leave_out_api_calls(queues: &[Queue]) -> bool {
    let mut rules = queues.iter().flat_map(|queue| &queue.feeds);
    rules.any(|Feed { regions, fed }| {
        let of_all = matches!(fed, Fed::Events { detail_types: [], .. });
        of_all && regions.iter().any(|region| taken_elsewhere(queues, region).contains(&API_CALLS[0]))
    })
}

/// Adds them.
pub(super) fn add(template: &mut Template, queues: &[Queue], buckets: &[Bucket]) {
    for (index, queue) in queues.iter().enumerate() {
        let condition = template.in_regions(&queue.regions);
        let Queue { id, name, .. } = queue;
        let dead = format!("{id}DeadLetters");
        let partition = "${AWS::Partition}";
        let arn = format!("arn:{partition}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}");
        let mut properties = json!({
            "QueueName": dead_letters(&queue.name),
            "MessageRetentionPeriod": RETENTION_SECONDS,
            "SqsManagedSseEnabled": true,
            "RedriveAllowPolicy": { "redrivePermission": "byQueue", "sourceQueueArns": [arn] },
        });
        ordered(queue, &mut properties);
        template.add(&dead, &condition, "AWS::SQS::Queue", properties);
        let mut properties = json!({
            "QueueName": name,
            "MessageRetentionPeriod": RETENTION_SECONDS,
            "ReceiveMessageWaitTimeSeconds": 20,
            "VisibilityTimeout": queue.visibility_timeout.as_secs().clamp(1, 43_200),
            "SqsManagedSseEnabled": true,
            "RedrivePolicy": { "deadLetterTargetArn": format!("${{{dead}.Arn}}"), "maxReceiveCount": RECEIVES },
        });
        ordered(queue, &mut properties);
        template.add(id, &condition, "AWS::SQS::Queue", properties);
        template.tell(&format!("{id}Url"), &condition, format!("The URL of queue {name}"), &format!("${{{id}}}"));

        let rules = add_rules(template, queue, queues, &dead);
        let mut statements: Vec<Value> =
            rules.iter().map(|(rule, when)| wrapped(from_rule(rule, id), when, &condition)).collect();
        let announcing = buckets.iter().filter(|bucket| bucket.queues.contains(&index));
        for (number, bucket) in announcing.enumerate() {
            let (from, place) = (bucket.announces_to(queue, number), template.in_regions(&bucket.regions));
            statements.push(wrapped(from, &place, &condition));
        }
        if !statements.is_empty() {
            let properties = json!({ "Queues": [format!("${{{id}}}")], "PolicyDocument": document(statements) });
            template.add(&format!("{id}Policy"), &condition, "AWS::SQS::QueuePolicy", properties);
        }
        if !rules.is_empty() && !queue.is_fifo() {
            let statements = rules.iter().map(|(rule, when)| wrapped(from_rule(rule, &dead), when, &condition));
            let document = document(statements.collect());
            let properties = json!({ "Queues": [format!("${{{dead}}}")], "PolicyDocument": document });
            template.add(&format!("{dead}Policy"), &condition, "AWS::SQS::QueuePolicy", properties);
        }
    }
}

/// A document of statements that are JSON already.
pub(super) fn document(statements: Vec<Value>) -> Value {
    let mut document = Document::new(Vec::new()).to_json();
    document["Statement"] = Value::Array(statements);
    document
}

/// A statement that holds where `when` does, in a policy that is made where `condition` is met.
pub(super) fn wrapped(statement: Statement, when: &str, condition: &str) -> Value {
    let statement = serde_json::to_value(statement).unwrap_or_default();
    match when == condition {
        true => statement,
        false => json!({ "Fn::If": [when, statement, { "Ref": "AWS::NoValue" }] }),
    }
}

fn ordered(queue: &Queue, properties: &mut Value) {
    if queue.is_fifo() {
        properties["FifoQueue"] = true.into();
        properties["ContentBasedDeduplication"] = true.into();
    }
}

fn from_rule(rule: &str, queue: &str) -> Statement {
    Statement {
        sid: rule.to_owned(),
        principal: [("Service", "events.amazonaws.com".to_owned())].into(),
        action: vec!["sqs:SendMessage".to_owned()],
        resource: vec![format!("${{{queue}.Arn}}")],
        condition: when("ArnEquals", "aws:SourceArn", [format!("${{{rule}.Arn}}")]),
        ..Statement::default()
    }
}

/// Adds the rules that feed `queue`; answers with their names and conditions.
fn add_rules(template: &mut Template, queue: &Queue, queues: &[Queue], dead: &str) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for Feed { regions, fed } in &queue.feeds {
        let Fed::Events { from, detail_types } = fed else { continue };
        // Regions where others take the same events have the same rule.
        let mut groups: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
        for region in regions {
            let taken = match detail_types {
                [] => taken_elsewhere(queues, region),
                _ => Vec::new(),
            };
            match groups.iter_mut().find(|(other, _)| *other == taken) {
                Some((_, regions)) => regions.push(region.clone()),
                None => groups.push((taken, vec![region.clone()])),
            }
        }
        for (taken, regions) in groups {
            let condition = template.in_regions(&regions);
            let rule = free(format!("{}Rule", queue.id), |id| template.resources.contains_key(id));
            let mut target = json!({
                "Id": "queue",
                "Arn": format!("${{{}.Arn}}", queue.id),
            });
            // EventBridge leaves nothing to a FIFO queue that it could not deliver.
            match queue.is_fifo() {
                true => target["SqsParameters"] = json!({ "MessageGroupId": "events" }),
                false => target["DeadLetterConfig"] = json!({ "Arn": format!("${{{dead}.Arn}}") }),
            }
            let properties = json!({
                "Description": format!("Events for queue {}", queue.name),
                "EventPattern": pattern(*from, detail_types, &taken),
                "State": "ENABLED",
                "Targets": [target],
            });
            template.add(&rule, &condition, "AWS::Events::Rule", properties);
            rules.push((rule, condition));
        }
    }
    rules
}

/// The events that other services read in a region, by their `detail-type`s.
fn taken_elsewhere(queues: &[Queue], region: &String) -> Vec<&'static str> {
    let mut taken = Vec::new();
    for Feed { regions, fed } in queues.iter().flat_map(|queue| &queue.feeds) {
        match fed {
            Fed::Events { detail_types, .. } if regions.contains(region) => taken.extend(detail_types.iter().copied()),
            // A lone trail is of all regions.
            Fed::Objects { writer: Writer::Trail, .. } if regions.len() == 1 || regions.contains(region) => {
                taken.extend(API_CALLS);
            }
            _ => {}
        }
    }
    taken.sort_unstable();
    taken.dedup();
    taken
}

fn pattern(from: Option<&str>, detail_types: &[&str], taken: &[&str]) -> Value {
    let source = from.map_or_else(|| json!({ "prefix": "aws." }), Value::from);
    let mut pattern = json!({ "source": [source] });
    match (detail_types, taken) {
        ([], []) => {}
        ([], taken) => pattern["detail-type"] = json!([{ "anything-but": taken }]),
        (types, _) => pattern["detail-type"] = json!(types),
    }
    pattern
}
