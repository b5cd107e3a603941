//! SQS as AWS JSON 1.0 speaks it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::error::ApiError;
use super::queue::{self, Delivery, Grouped, Queue};
use super::request::{Call, UNKNOWN};
use super::{ACCOUNT, FakeAws, lock, md5};

/// The longest body, 1 MiB.
const LONGEST_BODY: usize = 1024 * 1024;

/// How many entries a batch may have.
const BATCH: usize = 10;

/// The longest visibility timeout, in seconds.
const LONGEST_VISIBILITY: i64 = 43_200;

impl FakeAws {
    pub(super) fn queue_named(&self, name: &str) -> Result<Arc<Queue>, ApiError> {
        lock(&self.0.queues).get(name).cloned().ok_or_else(|| {
            ApiError::new(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        })
    }

    /// A queue by its URL, of which only the path counts, as in AWS.
    fn queue_at(&self, url: &str) -> Result<Arc<Queue>, ApiError> {
        let mut parts = url.rsplit('/');
        let name = parts.next().unwrap_or_default();
        let account = parts.next().unwrap_or_default();
        self.queue_named(if account == ACCOUNT { name } else { "" })
    }

    pub(super) async fn answer_sqs(&self, call: &Call, body: &Bytes) -> Result<Response<Body>, ApiError> {
        match call.api {
            "GetQueueUrl" => self.get_queue_url(&read(body)?),
            "GetQueueAttributes" => self.get_queue_attributes(&read(body)?),
            "ReceiveMessage" => self.receive_message(&read(body)?).await,
            "DeleteMessage" => {
                let request: DeleteMessage<'_> = read(body)?;
                self.queue_at(&request.queue_url)?.delete(&request.receipt_handle)?;
                Ok(no_content())
            }
            "DeleteMessageBatch" => self.delete_message_batch(&read(body)?),
            "ChangeMessageVisibility" => {
                let request: ChangeMessageVisibility<'_> = read(body)?;
                let timeout = visibility(Some(request.visibility_timeout), Duration::ZERO)?;
                self.queue_at(&request.queue_url)?.change_visibility(&request.receipt_handle, timeout)?;
                Ok(no_content())
            }
            "ChangeMessageVisibilityBatch" => self.change_message_visibility_batch(&read(body)?),
            "SendMessage" => self.send_message(read(body)?),
            "SendMessageBatch" => self.send_message_batch(read(body)?),
            api => {
                debug_assert_eq!(api, UNKNOWN);
                Err(ApiError::new(400, "UnknownOperationException", "Not an operation that is here."))
            }
        }
    }

    fn get_queue_url(&self, request: &GetQueueUrl<'_>) -> Result<Response<Body>, ApiError> {
        if request.queue_owner_aws_account_id.as_deref().is_some_and(|owner| owner != ACCOUNT) {
            self.queue_named("")?;
        }
        let queue = self.queue_named(&request.queue_name)?;
        write(&serde_json::json!({ "QueueUrl": self.queue_url(&queue.name) }))
    }

    fn get_queue_attributes(&self, request: &GetQueueAttributes<'_>) -> Result<Response<Body>, ApiError> {
        let queue = self.queue_at(&request.queue_url)?;
        let mut attributes = attributes(&queue);
        let known = |name: &String| {
            name == "All" || attributes.contains_key(name.as_str()) || OTHER_ATTRIBUTES.contains(&name.as_str())
        };
        if let Some(name) = request.attribute_names.iter().find(|name| !known(name)) {
            let message = format!("Unknown Attribute {name}.");
            return Err(ApiError::new(400, "InvalidAttributeName", message));
        }
        if !request.attribute_names.iter().any(|name| name == "All") {
            attributes.retain(|name, _| request.attribute_names.iter().any(|asked| asked == name));
        }
        if attributes.is_empty() {
            return write(&serde_json::json!({}));
        }
        write(&serde_json::json!({ "Attributes": attributes }))
    }

    async fn receive_message(&self, request: &ReceiveMessage<'_>) -> Result<Response<Body>, ApiError> {
        let queue = self.queue_at(&request.queue_url)?;
        let max = within("MaxNumberOfMessages", request.max_number_of_messages.unwrap_or(1), 1..=10)?;
        let wait = within("WaitTimeSeconds", request.wait_time_seconds.unwrap_or(0), 0..=20)?;
        let visibility = visibility(request.visibility_timeout, queue.settings.visibility_timeout)?;
        let max = usize::try_from(max).unwrap_or(1);
        let deliveries = queue.receive(&self.0.clock, max, visibility, Duration::from_secs(wait)).await?;

        let names = || request.message_system_attribute_names.iter().chain(&request.attribute_names);
        let asked = |name: &str| names().any(|asked| asked == "All" || asked == name);
        let asked = Asked {
            receive_count: asked("ApproximateReceiveCount"),
            first_receive: asked("ApproximateFirstReceiveTimestamp"),
            sent: asked("SentTimestamp"),
            sender: asked("SenderId"),
            source: asked("DeadLetterQueueSourceArn"),
            group: asked("MessageGroupId"),
            deduplication: asked("MessageDeduplicationId"),
            sequence: asked("SequenceNumber"),
        };
        let messages: Vec<_> = deliveries.iter().map(|delivery| asked.message(delivery)).collect();
        write(&Received { messages })
    }

    fn delete_message_batch(&self, request: &DeleteMessageBatch<'_>) -> Result<Response<Body>, ApiError> {
        let queue = self.queue_at(&request.queue_url)?;
        check_batch(request.entries.iter().map(|entry| &*entry.id))?;
        let results = request.entries.iter().map(|entry| {
            let done = self
                .entry_fault("DeleteMessageBatch")
                .and_then(|()| queue.delete(&entry.receipt_handle).map_err(BatchError::sender));
            (&*entry.id, done)
        });
        write(&Batch::of(results, |id, ()| Successful { id }))
    }

    fn change_message_visibility_batch(
        &self,
        request: &ChangeMessageVisibilityBatch<'_>,
    ) -> Result<Response<Body>, ApiError> {
        let queue = self.queue_at(&request.queue_url)?;
        check_batch(request.entries.iter().map(|entry| &*entry.id))?;
        let results = request.entries.iter().map(|entry| {
            let done = self.entry_fault("ChangeMessageVisibilityBatch").and_then(|()| {
                visibility(entry.visibility_timeout, Duration::ZERO)
                    .and_then(|timeout| queue.change_visibility(&entry.receipt_handle, timeout))
                    .map_err(BatchError::sender)
            });
            (&*entry.id, done)
        });
        write(&Batch::of(results, |id, ()| Successful { id }))
    }

    fn send_message(&self, request: SendMessage<'_>) -> Result<Response<Body>, ApiError> {
        let queue = self.queue_at(&request.queue_url)?;
        check_message(&request.message_body, request.delay_seconds)?;
        let grouped =
            grouped(&queue, &request.message_body, request.message_group_id, request.message_deduplication_id)?;
        let message = queue.send(&self.0.clock, request.message_body, grouped);
        let mut answer = serde_json::json!({
            "MessageId": message.id.to_string(),
            "MD5OfMessageBody": message.md5_hex(),
        });
        if let Some(number) = message.sequence_number() {
            answer["SequenceNumber"] = number.into();
        }
        write(&answer)
    }

    fn send_message_batch(&self, request: SendMessageBatch<'_>) -> Result<Response<Body>, ApiError> {
        let queue = self.queue_at(&request.queue_url)?;
        check_batch(request.entries.iter().map(|entry| &*entry.id))?;
        let length: usize = request.entries.iter().map(|entry| entry.message_body.len()).sum();
        if length > LONGEST_BODY {
            return Err(ApiError::new(
                400,
                "AWS.SimpleQueueService.BatchRequestTooLong",
                "Batch requests cannot be longer than 1048576 bytes.",
            ));
        }
        let (ids, bodies): (Vec<_>, Vec<_>) =
            request.entries.into_iter().map(|entry| (entry.id.clone(), entry)).unzip();
        let results = ids.iter().zip(bodies).map(|(id, entry)| {
            let SendEntry { message_body: body, delay_seconds, message_group_id, message_deduplication_id, .. } = entry;
            let done = self.entry_fault("SendMessageBatch").and_then(|()| {
                check_message(&body, delay_seconds)
                    .and_then(|()| grouped(&queue, &body, message_group_id, message_deduplication_id))
                    .map_err(BatchError::sender)
            });
            (&**id, done.map(|grouped| queue.send(&self.0.clock, body, grouped)))
        });
        write(&Batch::of(results, |id, message| Sent {
            id,
            message_id: message.id.to_string(),
            md5: message.md5_hex(),
            sequence_number: message.sequence_number(),
        }))
    }

    fn entry_fault(&self, api: &str) -> Result<(), BatchError> {
        match self.0.faults.next_entry(api) {
            None => Ok(()),
            Some(fault) => Err(BatchError {
                error: ApiError::new(400, fault.code, "A fault injected by the test bed."),
                sender_fault: fault.sender_fault,
            }),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl<'a> {
    #[serde(borrow)]
    queue_name: Cow<'a, str>,
    #[serde(borrow, rename = "QueueOwnerAWSAccountId")]
    queue_owner_aws_account_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueAttributes<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessage<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessageBatch<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    entries: Vec<DeleteEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteEntry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeMessageVisibility<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
    visibility_timeout: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeMessageVisibilityBatch<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    entries: Vec<ChangeEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeEntry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    message_body: String,
    delay_seconds: Option<i64>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessageBatch<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    entries: Vec<SendEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEntry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    message_body: String,
    delay_seconds: Option<i64>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Received<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<ReceivedMessage<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage<'a> {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

/// Which attributes of messages a receive wants.
struct Asked {
    receive_count: bool,
    first_receive: bool,
    sent: bool,
    sender: bool,
    source: bool,
    group: bool,
    deduplication: bool,
    sequence: bool,
}

impl Asked {
    fn message<'a>(&self, delivery: &'a Delivery) -> ReceivedMessage<'a> {
        let message = &delivery.message;
        let mut attributes = BTreeMap::new();
        if self.receive_count {
            attributes.insert("ApproximateReceiveCount", delivery.handle.receive_count.to_string());
        }
        if self.first_receive {
            attributes.insert("ApproximateFirstReceiveTimestamp", delivery.first_received_ms.to_string());
        }
        if self.sent {
            attributes.insert("SentTimestamp", message.sent_ms.to_string());
        }
        if self.sender {
            attributes.insert("SenderId", ACCOUNT.to_owned());
        }
        if self.source
            && let Some(source) = &delivery.dead_letter_source
        {
            attributes.insert("DeadLetterQueueSourceArn", source.to_string());
        }
        if let Some(fifo) = &message.fifo {
            if self.group {
                attributes.insert("MessageGroupId", fifo.grouped.group.clone());
            }
            if self.deduplication {
                attributes.insert("MessageDeduplicationId", fifo.grouped.deduplication.clone());
            }
            if self.sequence {
                attributes.insert("SequenceNumber", fifo.sequence_number());
            }
        }
        ReceivedMessage {
            message_id: message.id.to_string(),
            receipt_handle: delivery.handle.to_string(),
            md5_of_body: message.md5_hex(),
            body: &message.body,
            attributes,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a, T> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    successful: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<FailedEntry<'a>>,
}

impl<'a, T> Batch<'a, T> {
    fn of<R>(
        results: impl Iterator<Item = (&'a str, Result<R, BatchError>)>,
        success: impl Fn(&'a str, R) -> T,
    ) -> Self {
        let mut batch = Self { successful: Vec::new(), failed: Vec::new() };
        for (id, result) in results {
            match result {
                Ok(result) => batch.successful.push(success(id, result)),
                Err(BatchError { error, sender_fault }) => {
                    batch.failed.push(FailedEntry { id, code: error.code, message: error.message, sender_fault })
                }
            }
        }
        batch
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Successful<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sent<'a> {
    id: &'a str,
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailedEntry<'a> {
    id: &'a str,
    code: String,
    message: String,
    sender_fault: bool,
}

/// Why one entry of a batch failed.
struct BatchError {
    error: ApiError,
    sender_fault: bool,
}

impl BatchError {
    fn sender(error: ApiError) -> Self {
        Self { error, sender_fault: true }
    }
}

/// Attributes that a queue can have but that none has here.
const OTHER_ATTRIBUTES: [&str; 9] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
];

fn attributes(queue: &Queue) -> BTreeMap<&'static str, String> {
    let counts = queue.counts();
    let settings = &queue.settings;
    let created = (queue.created_ms / 1000).to_string();
    let mut attributes = BTreeMap::from([
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("CreatedTimestamp", created.clone()),
        ("DelaySeconds", "0".to_owned()),
        ("LastModifiedTimestamp", created),
        ("MaximumMessageSize", LONGEST_BODY.to_string()),
        ("MessageRetentionPeriod", settings.retention.as_secs().to_string()),
        ("QueueArn", queue.arn()),
        ("ReceiveMessageWaitTimeSeconds", "0".to_owned()),
        ("SqsManagedSseEnabled", "true".to_owned()),
        ("VisibilityTimeout", settings.visibility_timeout.as_secs().to_string()),
    ]);
    if queue.is_fifo() {
        attributes.insert("FifoQueue", "true".to_owned());
        attributes.insert("ContentBasedDeduplication", settings.content_based_deduplication.to_string());
        attributes.insert("DeduplicationScope", "queue".to_owned());
        attributes.insert("FifoThroughputLimit", "perQueue".to_owned());
    }
    if !settings.buckets.is_empty() {
        let buckets: Vec<String> = settings.buckets.iter().map(|bucket| format!("arn:aws:s3:::{bucket}")).collect();
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": queue.arn(), "Condition": { "ArnEquals": { "aws:SourceArn": buckets } },
        }] });
        attributes.insert("Policy", policy.to_string());
    }
    if let Some(redrive) = &settings.redrive {
        let policy = serde_json::json!({
            "deadLetterTargetArn": queue::arn(&redrive.queue),
            "maxReceiveCount": redrive.max_receive_count,
        });
        attributes.insert("RedrivePolicy", policy.to_string());
    }
    attributes
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))
}

fn write(answer: &impl Serialize) -> Result<Response<Body>, ApiError> {
    let body = serde_json::to_vec(answer).map_err(|error| ApiError::new(500, "InternalFailure", error.to_string()))?;
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

fn no_content() -> Response<Body> {
    Response::new(Body::empty())
}

fn within(name: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Result<u64, ApiError> {
    if let Ok(value) = u64::try_from(value)
        && range.contains(&value.cast_signed())
    {
        return Ok(value);
    }
    Err(ApiError::new(
        400,
        "InvalidParameterValue",
        format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {} and {}, if provided.",
            range.start(),
            range.end()
        ),
    ))
}

fn visibility(seconds: Option<i64>, default: Duration) -> Result<Duration, ApiError> {
    match seconds {
        None => Ok(default),
        Some(seconds) => within("VisibilityTimeout", seconds, 0..=LONGEST_VISIBILITY).map(Duration::from_secs),
    }
}

fn check_message(body: &str, delay: Option<i64>) -> Result<(), ApiError> {
    if delay.unwrap_or(0) != 0 {
        let message = "Delayed messages are not supported here.";
        return Err(ApiError::new(400, "AWS.SimpleQueueService.UnsupportedOperation", message));
    }
    if body.is_empty() {
        let message = "The request must contain the parameter MessageBody.";
        return Err(ApiError::new(400, "MissingParameter", message));
    }
    if body.len() > LONGEST_BODY {
        let message = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.";
        return Err(ApiError::new(400, "InvalidParameterValue", message));
    }
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if !body.chars().all(allowed) {
        let message = "The message contains characters outside the allowed set.";
        return Err(ApiError::new(400, "InvalidMessageContents", message));
    }
    Ok(())
}

/// The group of a message and what makes it itself, which a FIFO queue wants and no other takes.
fn grouped(
    queue: &Queue,
    body: &str,
    group: Option<String>,
    deduplication: Option<String>,
) -> Result<Option<Grouped>, ApiError> {
    if !queue.is_fifo() {
        return match deduplication {
            None => Ok(None),
            Some(_) => Err(ApiError::new(
                400,
                "InvalidParameterValue",
                "The request include parameter MessageDeduplicationId which is not valid for this queue type.",
            )),
        };
    }
    let Some(group) = group.filter(|group| !group.is_empty()) else {
        let message = "The request must contain the parameter MessageGroupId.";
        return Err(ApiError::new(400, "MissingParameter", message));
    };
    let by_content = || queue.settings.content_based_deduplication.then(|| md5::to_hex(md5::digest(body.as_bytes())));
    let Some(deduplication) = deduplication.or_else(by_content) else {
        return Err(ApiError::new(
            400,
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ));
    };
    Ok(Some(Grouped { group, deduplication }))
}

fn check_batch<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), ApiError> {
    let error = |code: &str, message: &str| Err(ApiError::new(400, format!("AWS.SimpleQueueService.{code}"), message));
    if ids.len() == 0 {
        return error("EmptyBatchRequest", "There should be at least one entry in the request.");
    }
    if ids.len() > BATCH {
        return error("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.");
    }
    let mut seen = HashSet::new();
    for id in ids {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || id.len() > 80 || !id.bytes().all(valid) {
            return error(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores, and \
                 can be at most 80 letters long.",
            );
        }
        if !seen.insert(id) {
            return error("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.");
        }
    }
    Ok(())
}
