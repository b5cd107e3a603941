//! A queue is three verbs.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, QueueAttributeName,
};

use quittance_core::Class;
use serde_json::Value;

use crate::{Account, AwsError, Turns, limiter::Share};

/// Entries of a batch call, and messages of a receive: SQS's limit.
pub(crate) const BATCH: usize = 10;

/// How long a receive waits for a message, in seconds: SQS's limit. Anything less may miss messages on a quiet queue.
const LONG_POLL_SECONDS: i32 = 20;

const EXTEND: &str = "ChangeMessageVisibilityBatch";

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same over all deliveries.
    pub id: String,
    /// New at each receive; only the newest is sure to delete.
    pub handle: String,
    /// The body, as text.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// When it was sent, in milliseconds since the epoch, where that is known.
    pub sent: Option<i64>,
    /// Its place, in a FIFO queue.
    pub turn: Option<Turn>,
}

/// The place of a message in a FIFO queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Its group, within which messages come in order.
    pub group: String,
    /// Its place in the group.
    pub sequence: u128,
}

/// What a queue says of itself.
#[derive(Clone, Debug, Default)]
pub struct QueueFacts {
    /// The queue's own visibility timeout.
    pub visibility_timeout: Duration,
    /// Receives after which SQS moves a message to the dead-letter queue, where there is one.
    pub max_receive_count: Option<u32>,
    /// How long it keeps a message that nobody deletes.
    pub retention: Option<Duration>,
    /// The name of its dead-letter queue, which is in the same account and region.
    pub dead_letter_queue: Option<String>,
    /// The buckets that its policy lets announce their objects.
    pub buckets: BTreeSet<String>,
}

/// What is in a queue.
pub(crate) struct Depth {
    /// The queue's ARN.
    pub(crate) arn: String,
    /// Messages that can be received.
    pub(crate) visible: u64,
    /// Messages that somebody has received.
    pub(crate) hidden: u64,
    /// The buckets that its policy lets announce their objects.
    pub(crate) buckets: BTreeSet<String>,
    /// Whether its policy lets topics of SNS send.
    pub(crate) has_topics: bool,
}

/// An entry of a batch that was refused.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Index in the batch.
    pub index: usize,
    /// AWS's code.
    pub code: String,
    /// Whether the same may succeed later.
    pub retry: bool,
}

/// Receive, delete and extend, in batches of at most ten.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Waits up to 20 s for messages, at most ten; they are hidden from others for `visibility`.
    async fn receive(&self, visibility: Duration) -> Result<Vec<Message>, AwsError>;

    /// Deletes by handle; a message that is gone already counts as deleted.
    async fn delete(&self, handles: &[String]) -> Result<Vec<Rejected>, AwsError>;

    /// Hides each message for so long from now.
    async fn extend(&self, entries: &[(String, Duration)]) -> Result<Vec<Rejected>, AwsError>;

    /// The time between two calls of [`extend`](Self::extend), where they are spaced by more than what AWS can take.
    fn extends_every(&self) -> Duration {
        Duration::ZERO
    }
}

/// A queue at SQS.
pub struct SqsQueue {
    client: Turns<aws_sdk_sqs::Client>,
    url: String,
    /// Its share of what hides messages anew.
    extends: Option<Share>,
}

impl SqsQueue {
    /// Finds the queue by name; a URL is taken as it is.
    pub async fn open(account: &Account, region: &str, name: &str) -> Result<Self, AwsError> {
        let client = account.sqs(region);
        if name.contains("://") {
            return Ok(SqsQueue { client, url: name.to_owned(), extends: None });
        }
        let request = client.turn("GetQueueUrl").await.get_queue_url().queue_name(name);
        let found = request.send().await.map_err(|e| AwsError::api("GetQueueUrl", name, e))?;
        Ok(SqsQueue { client, url: found.queue_url.unwrap_or_default(), extends: None })
    }

    /// The same, to hold its messages: who does that shares what hides them anew with all who do.
    pub(crate) async fn holding(self) -> SqsQueue {
        SqsQueue { extends: self.client.share(EXTEND).await, ..self }
    }

    /// The account that owns the queue, as its URL says.
    pub fn account(&self) -> Option<&str> {
        SqsQueue::account_of(&self.url)
    }

    /// The account that owns the queue of that URL.
    pub(crate) fn account_of(url: &str) -> Option<&str> {
        let mut parts = url.rsplit('/');
        parts.next();
        parts.next().filter(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
    }

    /// What the queue says of itself.
    pub async fn facts(&self) -> Result<QueueFacts, AwsError> {
        let answer = self
            .client
            .turn("GetQueueAttributes")
            .await
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|e| AwsError::api("GetQueueAttributes", &self.url, e))?;
        let attributes = answer.attributes.unwrap_or_default();
        let seconds = |name| attributes.get(&name).and_then(|v| v.parse().ok()).map(Duration::from_secs);
        let visibility_timeout = seconds(QueueAttributeName::VisibilityTimeout).unwrap_or(Duration::from_secs(30));
        let retention = seconds(QueueAttributeName::MessageRetentionPeriod);
        let redrive = attributes.get(&QueueAttributeName::RedrivePolicy);
        let redrive = redrive.and_then(|policy| serde_json::from_str::<RedrivePolicy>(policy).ok());
        let dead_letter_queue = redrive.as_ref().and_then(|redrive| redrive.dead_letter_target_arn.rsplit(':').next());
        let dead_letter_queue = dead_letter_queue.filter(|name| !name.is_empty()).map(str::to_owned);
        let max_receive_count = redrive.and_then(|redrive| redrive.max_receive_count.as_u32());
        let buckets = attributes.get(&QueueAttributeName::Policy).map(|policy| buckets(policy)).unwrap_or_default();
        Ok(QueueFacts { visibility_timeout, max_receive_count, retention, dead_letter_queue, buckets })
    }

    /// What is in the queue, and who may put it there.
    pub(crate) async fn depth(&self) -> Result<Depth, AwsError> {
        let request = self.client.turn("GetQueueAttributes").await.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(QueueAttributeName::All).send().await;
        let answer = answer.map_err(|e| AwsError::api("GetQueueAttributes", &self.url, e))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default();
        let policy = attributes.get(&QueueAttributeName::Policy);
        Ok(Depth {
            arn: attributes.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default(),
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            hidden: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            buckets: policy.map(|policy| buckets(policy)).unwrap_or_default(),
            has_topics: policy.is_some_and(|policy| policy.contains(":sns:")),
        })
    }

    /// The queue of that name in the same account and region.
    pub(crate) fn beside(&self, name: &str) -> SqsQueue {
        let place = self.url.rsplit_once('/').map_or("", |(place, _)| place);
        SqsQueue { client: self.client.clone(), url: format!("{place}/{name}"), extends: None }
    }

    /// Asks for no message at all, which SQS refuses as nonsense to whoever may receive, and as forbidden to others. Where an
    /// emulator gives a message nevertheless, it is hidden from nobody.
    pub(crate) async fn prove_receive(&self) -> Result<(), AwsError> {
        let request = self.client.turn("ReceiveMessage").await.receive_message().queue_url(&self.url);
        let request = request.max_number_of_messages(0).visibility_timeout(0);
        match request.send().await.map_err(|e| AwsError::api("ReceiveMessage", &self.url, e)) {
            Err(error @ AwsError::Api { .. }) if error.class() == Class::Retry && error.aws_code().is_some() => Ok(()),
            answer => answer.map(|_| ()),
        }
    }
}

#[cfg(test)]
mod fuzz;

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    max_receive_count: NumberOrText,
    #[serde(default)]
    dead_letter_target_arn: String,
}

/// The buckets that a queue's policy names, wherever in a condition it does so.
fn buckets(policy: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let mut open = vec![&policy];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(values) => open.extend(values.values()),
            Value::String(text) => {
                let bucket =
                    text.strip_prefix("arn:").and_then(|arn| arn.split_once(":s3:::")).map(|(_, bucket)| bucket);
                found.extend(bucket.filter(|bucket| !bucket.contains(['*', '?', '/', '$'])).map(str::to_owned));
            }
            _ => {}
        }
    }
    found
}

/// SQS answers with a number; what set the policy may have written a text.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u32),
    Text(String),
}

impl NumberOrText {
    fn as_u32(&self) -> Option<u32> {
        match self {
            NumberOrText::Number(n) => Some(*n),
            NumberOrText::Text(t) => t.parse().ok(),
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn receive(&self, visibility: Duration) -> Result<Vec<Message>, AwsError> {
        let answer = self
            .client
            .turn("ReceiveMessage")
            .await
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH as i32)
            .wait_time_seconds(LONG_POLL_SECONDS)
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::SequenceNumber)
            .send()
            .await
            .map_err(|e| AwsError::api("ReceiveMessage", &self.url, e))?;
        let messages = answer.messages.unwrap_or_default().into_iter().map(|message| {
            let attribute = |name| message.attributes.as_ref().and_then(|attributes| attributes.get(&name));
            let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
            let receives = receives.and_then(|count| count.parse().ok()).unwrap_or(1);
            let sent = attribute(MessageSystemAttributeName::SentTimestamp).and_then(|sent| sent.parse().ok());
            // A standard queue may have groups too, which say nothing of order; only a FIFO queue counts.
            let sequence = attribute(MessageSystemAttributeName::SequenceNumber).and_then(|number| number.parse().ok());
            let group = attribute(MessageSystemAttributeName::MessageGroupId);
            let turn = group.zip(sequence).map(|(group, sequence)| Turn { group: group.clone(), sequence });
            Message {
                id: message.message_id.unwrap_or_default(),
                handle: message.receipt_handle.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                receives,
                sent,
                turn,
            }
        });
        Ok(messages.collect())
    }

    async fn delete(&self, handles: &[String]) -> Result<Vec<Rejected>, AwsError> {
        let entries = handles.iter().enumerate().map(|(index, handle)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle)
                .build()
                .expect("id and handle are set")
        });
        let answer = self
            .client
            .turn("DeleteMessageBatch")
            .await
            .delete_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|e| AwsError::api("DeleteMessageBatch", &self.url, e))?;
        Ok(rejected(answer.failed))
    }

    async fn extend(&self, entries: &[(String, Duration)]) -> Result<Vec<Rejected>, AwsError> {
        let entries = entries.iter().enumerate().map(|(index, (handle, visibility))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle)
                .visibility_timeout(seconds(*visibility))
                .build()
                .expect("id and handle are set")
        });
        let answer = self
            .client
            .turn(EXTEND)
            .await
            .change_message_visibility_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|e| AwsError::api(EXTEND, &self.url, e))?;
        Ok(rejected(answer.failed))
    }

    fn extends_every(&self) -> Duration {
        self.extends.as_ref().map(Share::spacing).unwrap_or_default()
    }
}

/// Batch ids are our own counters: a message that was handed out twice must not make two entries equal.
fn rejected(failed: Vec<BatchResultErrorEntry>) -> Vec<Rejected> {
    failed
        .into_iter()
        .filter_map(|entry| {
            Some(Rejected { index: entry.id.parse().ok()?, code: entry.code, retry: !entry.sender_fault })
        })
        .collect()
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
