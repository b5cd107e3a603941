//! Finds a unit's queue, and proves that it can be used.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use quittance_core::{Class, Failure, Finding, Setup, Severity};

use crate::{Account, AwsError, Queue, QueueFacts, SqsQueue, Whereabouts};

/// Receives that a message should survive before it counts as dead: fewer, and a few restarts are enough.
const FEW_RECEIVES: u32 = 3;

/// A queue that was found.
pub(crate) struct Opened {
    pub(crate) queue: Box<dyn Queue>,
    pub(crate) facts: QueueFacts,
    /// The account and region that pull.
    pub(crate) at: Whereabouts,
}

/// Finds the queue called `name`, which may be a URL.
pub(crate) async fn open(account: &Account, region: &str, name: &str) -> Result<Opened, AwsError> {
    let queue = SqsQueue::open(account, region, name).await?;
    let facts = queue.facts().await?;
    let at = Whereabouts { account: queue.account().unwrap_or_default().to_owned(), region: region.to_owned() };
    Ok(Opened { queue: Box::new(queue), facts, at })
}

impl Opened {
    /// What stands for a queue and is none: it has no redrive policy, and forgets nothing.
    pub(crate) fn listed(queue: impl Queue + 'static, region: String) -> Opened {
        let facts = QueueFacts { visibility_timeout: Duration::ZERO, max_receive_count: None, retention: None };
        Opened { queue: Box::new(queue), facts, at: Whereabouts { account: String::new(), region } }
    }
}

/// The setup of a unit that reads a queue.
pub struct QueueSetup {
    account: Arc<Account>,
    region: String,
    queue: String,
}

impl QueueSetup {
    /// A setup for `queue`, a name or a URL.
    pub fn new(account: Arc<Account>, region: &str, queue: &str) -> Self {
        QueueSetup { account, region: region.to_owned(), queue: queue.to_owned() }
    }
}

#[async_trait]
impl Setup for QueueSetup {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let QueueSetup { account, region, queue } = self;
        match open(account, region, queue).await {
            Ok(opened) => Ok(advice(queue, region, &opened.facts)),
            Err(error) if error.class() != Class::NeedsPerson => Err(error.into()),
            Err(error) => Ok(vec![Finding {
                severity: Severity::Error,
                problem: format!("queue `{queue}` in {region} cannot be used: {}", error.chain()),
                fix: "check the queue's name and region, and that the credentials allow sqs:GetQueueUrl, \
                      sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on it"
                    .to_owned(),
            }]),
        }
    }
}

/// What will hurt later.
fn advice(queue: &str, region: &str, facts: &QueueFacts) -> Vec<Finding> {
    let warning = |problem: String, fix: &str| Finding { severity: Severity::Warning, problem, fix: fix.to_owned() };
    let mut findings = Vec::new();
    match facts.max_receive_count {
        None => findings.push(warning(
            format!("queue `{queue}` in {region} has no dead-letter queue: what can never be processed goes into the collector's own quarantine"),
            "give the queue a redrive policy with a maxReceiveCount of 10",
        )),
        Some(few) if few <= FEW_RECEIVES => findings.push(warning(
            format!("queue `{queue}` in {region} gives a message up after {few} receives, which a few restarts may use up"),
            "raise the maxReceiveCount of its redrive policy to 10",
        )),
        Some(_) => {}
    }
    if facts.retention.is_some_and(|kept| kept < Duration::from_secs(4 * 24 * 3600)) {
        let hours = facts.retention.unwrap_or_default().as_secs() / 3600;
        findings.push(warning(
            format!("queue `{queue}` in {region} forgets messages after {hours} hours, delivered or not"),
            "raise its MessageRetentionPeriod to 14 days: that is how long an outage may last",
        ));
    }
    findings
}
