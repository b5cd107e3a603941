//! What a queue's message says of objects in S3: every shape in which a notification may come.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::tagging::is_region;

/// An object that was created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRef {
    /// Bucket name.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
    /// The key as the notification has it, where decoding changed it: some stores that are not AWS's send it plain.
    pub raw_key: Option<String>,
    /// The bucket's region, where the notification says it.
    pub region: Option<String>,
    /// When it was created, in milliseconds since the epoch, where the notification says it.
    pub created: Option<i64>,
    /// The version of it, where the bucket keeps versions and the notification says which.
    pub version: Option<String>,
    /// Its entity tag without quotes, where the notification says it.
    pub etag: Option<String>,
}

impl ObjectRef {
    /// An object of which a notification says nothing else.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        ObjectRef { bucket: bucket.into(), key: key.into(), ..ObjectRef::default() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.escape_debug(), self.key.escape_debug())?;
        // What holds other events has another address.
        match &self.version {
            Some(version) => write!(f, "?versionId={}", version.escape_debug()),
            None => Ok(()),
        }
    }
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// Objects were created; `others` counts entries about something else (deleted, tagged, archived, restored).
    Objects {
        /// What to read.
        created: Vec<ObjectRef>,
        /// Entries that ask for nothing.
        others: usize,
    },
    /// Nothing to read, by design: a test event, a subscription's confirmation.
    Control(&'static str),
    /// Nothing that speaks of objects.
    Unknown(&'static str),
}

/// Envelopes that may lie around a notification: SNS in SNS is as deep as it gets.
const MAX_ENVELOPES: u32 = 3;

/// Reads a message's body. Told by its shape, never by where it came from.
pub fn notification(body: &str) -> Notification {
    unwrap(body, MAX_ENVELOPES)
}

#[derive(Deserialize)]
struct Shapes<'a> {
    #[serde(rename = "Records", borrow)]
    records: Option<&'a RawValue>,
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Type")]
    sns_type: Option<String>,
    #[serde(rename = "Message")]
    sns_message: Option<String>,
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    region: Option<String>,
    time: Option<String>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(rename = "s3Bucket")]
    s3_bucket: Option<String>,
    #[serde(rename = "s3ObjectKey")]
    s3_object_key: Option<Vec<String>>,
}

fn unwrap(body: &str, envelopes: u32) -> Notification {
    // CloudTrail's own greeting when a trail is created; plain words, not JSON.
    if body.trim() == "CloudTrail validation message." {
        return Notification::Control("CloudTrail validation message");
    }
    let Ok(shapes) = serde_json::from_str::<Shapes<'_>>(body) else {
        return Notification::Unknown("not a JSON object of a known shape");
    };
    if let Some(records) = shapes.records {
        return s3_event(records.get());
    }
    if shapes.event.as_deref() == Some("s3:TestEvent") {
        return Notification::Control("s3:TestEvent");
    }
    if let (Some(bucket), Some(keys)) = (shapes.s3_bucket, shapes.s3_object_key) {
        let created = keys.into_iter().map(|key| ObjectRef::new(bucket.clone(), key));
        return Notification::Objects { created: created.collect(), others: 0 };
    }
    match shapes.sns_type.as_deref() {
        Some("Notification") => {
            return match shapes.sns_message {
                Some(message) if envelopes > 0 => unwrap(&message, envelopes - 1),
                Some(_) => Notification::Unknown("too many SNS envelopes"),
                None => Notification::Unknown("an SNS envelope without a message"),
            };
        }
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => {
            return Notification::Control("SNS subscription confirmation");
        }
        _ => {}
    }
    if shapes.source.as_deref() == Some("aws.s3") {
        let created = shapes.time.as_deref().and_then(instant);
        return event_bridge(shapes.detail_type.as_deref(), shapes.region, created, shapes.detail);
    }
    Notification::Unknown("a JSON object that names no S3 object")
}

#[derive(Deserialize)]
struct S3Record {
    #[serde(rename = "eventName")]
    event_name: Option<String>,
    #[serde(rename = "awsRegion")]
    region: Option<String>,
    #[serde(rename = "eventTime")]
    time: Option<String>,
    s3: Option<S3Part>,
}

#[derive(Deserialize)]
struct S3Part {
    bucket: Named,
    object: Keyed,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Keyed {
    key: String,
    #[serde(rename = "versionId", alias = "version-id")]
    version: Option<String>,
    #[serde(rename = "eTag", alias = "etag")]
    etag: Option<String>,
}

impl ObjectRef {
    fn said(bucket: Named, key: String, said: Keyed, region: Option<String>) -> Self {
        let Keyed { version, etag, .. } = said;
        ObjectRef {
            bucket: bucket.name,
            key,
            // Whoever may send a message may write anything into it.
            region: region.filter(|region| is_region(region.as_bytes())),
            // What was there before a bucket kept versions has the version "null", and so has what others write there.
            version: version.filter(|version| !version.is_empty() && version != "null"),
            etag: etag.map(|etag| etag.trim_matches('"').to_owned()),
            ..ObjectRef::default()
        }
    }
}

fn s3_event(records: &str) -> Notification {
    let Ok(records) = serde_json::from_str::<Vec<S3Record>>(records) else {
        return Notification::Unknown("`Records` that are not S3's");
    };
    let (mut created, mut others) = (Vec::new(), 0);
    for record in records {
        let name = record.event_name.as_deref().map(|name| name.strip_prefix("s3:").unwrap_or(name));
        // Any other event asks for nothing, a restored object's too: it was announced when it was made. Who names no event
        // means the object.
        let readable = |name: &str| name.starts_with("ObjectCreated");
        match record.s3 {
            Some(s3) if name.is_none_or(readable) => {
                let key = form_decode(&s3.object.key);
                let raw_key = Some(s3.object.key.clone()).filter(|raw| *raw != key);
                let at = record.time.as_deref().and_then(instant);
                let object = ObjectRef::said(s3.bucket, key, s3.object, record.region);
                created.push(ObjectRef { raw_key, created: at, ..object });
            }
            Some(_) => others += 1,
            None => return Notification::Unknown("`Records` that are not S3's"),
        }
    }
    Notification::Objects { created, others }
}

/// A time as AWS writes it, in milliseconds since the epoch.
pub(crate) fn instant(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[derive(Deserialize)]
struct Detail {
    bucket: Named,
    object: Keyed,
}

fn event_bridge(
    detail_type: Option<&str>,
    region: Option<String>,
    created: Option<i64>,
    detail: Option<&RawValue>,
) -> Notification {
    match detail_type {
        Some("Object Created") => {
            let Some(detail) = detail.and_then(|d| serde_json::from_str::<Detail>(d.get()).ok()) else {
                return Notification::Unknown("an EventBridge event of S3 without bucket or key");
            };
            // Unlike S3's own events, the key here is plain: a plus is a plus.
            let key = detail.object.key.clone();
            let object = ObjectRef { created, ..ObjectRef::said(detail.bucket, key, detail.object, region) };
            Notification::Objects { created: vec![object], others: 0 }
        }
        _ => Notification::Objects { created: Vec::new(), others: 1 },
    }
}

/// Keys in S3's own events are form-encoded: a plus is a space. Decoded once, so `%2B` is a plus.
pub(crate) fn form_decode(key: &str) -> String {
    let spaced = key.replace('+', " ");
    match percent_encoding::percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        // Not UTF-8 once decoded: some stores send the key raw.
        Err(_) => key.to_owned(),
    }
}

/// What a message's body holds if the body itself is the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An event, taken out of SNS envelopes.
    Event(String),
    /// None, by design.
    Control(&'static str),
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "TopicArn")]
    topic: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
    #[serde(rename = "Service")]
    service: Option<String>,
    #[serde(rename = "Event")]
    event: Option<String>,
}

/// Takes the event out of a body. Whatever is not known to be something else is an event.
pub fn payload(body: String) -> Payload {
    let mut body = body;
    for _ in 0..=MAX_ENVELOPES {
        if body.trim().is_empty() {
            return Payload::Control("a body of nothing");
        }
        // Most bodies are neither, and are not worth a parser.
        let looks_so = body.contains("\"TopicArn\"") || body.contains("\"s3:TestEvent\"");
        let Some(envelope) = looks_so.then(|| serde_json::from_str::<Envelope>(&body).ok()).flatten() else { break };
        if envelope.service.as_deref() == Some("Amazon S3") && envelope.event.as_deref() == Some("s3:TestEvent") {
            return Payload::Control("s3:TestEvent");
        }
        match (envelope.topic, envelope.kind.as_deref(), envelope.message) {
            (Some(_), Some("Notification"), Some(message)) => body = message,
            (Some(_), Some("SubscriptionConfirmation" | "UnsubscribeConfirmation"), _) => {
                return Payload::Control("SNS subscription confirmation");
            }
            _ => break,
        }
    }
    Payload::Event(body)
}
