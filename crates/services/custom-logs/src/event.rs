//! What is sent of an event.

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::groups::Group;

/// What is sent of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventFormat {
    /// The message alone, without the line end that it may have.
    #[default]
    Message,
    /// A JSON object: `owner`, `logGroup`, `logStream`, `id`, `timestamp`, `ingestionTime` (both in milliseconds since the
    /// epoch) and `message`, named as in CloudWatch's own subscriptions.
    Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    owner: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    id: &'a str,
    timestamp: Option<i64>,
    ingestion_time: Option<i64>,
    message: &'a str,
}

impl EventFormat {
    /// Appends an event of a group to `bytes`.
    pub(crate) fn write(self, event: &FilteredLogEvent, group: &Group, bytes: &mut Vec<u8>) {
        let message = event.message().unwrap_or_default();
        if self == EventFormat::Message {
            bytes.extend_from_slice(message.trim_end_matches(['\r', '\n']).as_bytes());
            return;
        }
        let envelope = Envelope {
            owner: &group.account,
            log_group: &group.name,
            log_stream: event.log_stream_name().unwrap_or_default(),
            id: event.event_id().unwrap_or_default(),
            timestamp: event.timestamp(),
            ingestion_time: event.ingestion_time(),
            message,
        };
        serde_json::to_writer(bytes, &envelope).expect("texts and numbers are JSON, and memory takes every write");
    }
}
