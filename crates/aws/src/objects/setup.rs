//! Proves that a unit of the `objects` engine can work: that its queue is there and may be read.

use std::sync::Arc;

use async_trait::async_trait;
use quittance_core::{Class, Finding, Setup, Severity};

use crate::{Account, SqsQueue, objects::ObjectsSettings};

/// The setup of an [`ObjectsPuller`](super::ObjectsPuller).
pub struct ObjectsSetup {
    account: Arc<Account>,
    settings: ObjectsSettings,
}

impl ObjectsSetup {
    /// A setup for `settings` in `account`.
    pub fn new(account: Arc<Account>, settings: ObjectsSettings) -> Self {
        ObjectsSetup { account, settings }
    }
}

#[async_trait]
impl Setup for ObjectsSetup {
    async fn check(&self) -> Vec<Finding> {
        let ObjectsSettings { queue, region, .. } = &self.settings;
        let facts = async { SqsQueue::open(&self.account, region, queue).await?.facts().await };
        match facts.await {
            Ok(_) => Vec::new(),
            // Whatever passes by itself is the puller's to wait for.
            Err(error) if error.class() != Class::NeedsPerson => Vec::new(),
            Err(error) => vec![Finding {
                severity: Severity::Error,
                problem: format!("queue `{queue}` in {region} cannot be used: {}", error.chain()),
                fix: "check the queue's name and region, and that the credentials allow sqs:GetQueueUrl, sqs:GetQueueAttributes, \
                      sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on it"
                    .to_owned(),
            }],
        }
    }
}
