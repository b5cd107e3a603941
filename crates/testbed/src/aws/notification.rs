//! What AWS sends to a queue about an object, in every shape it may have there.

use std::sync::atomic::Ordering;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::clock::iso;
use super::queue::MessageId;
use super::{ACCOUNT, FakeAws, REGION};

/// The way by which a notification comes from a bucket to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shape {
    /// S3 to SQS: `{"Records":[…]}`, keys form-urlencoded.
    S3Event,
    /// S3 to SNS to SQS: the S3 event as a string in an SNS envelope.
    SnsWrapped,
    /// S3 to SNS to SQS with raw delivery: as [`Shape::S3Event`].
    SnsRaw,
    /// S3 to EventBridge to SQS: `Object Created`, keys as they are.
    EventBridge,
    /// CloudTrail's own message about a file it delivered, in an SNS envelope, keys as they are.
    CloudTrailSns,
    /// The same with raw delivery.
    CloudTrailRaw,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 6] =
        [Self::S3Event, Self::SnsWrapped, Self::SnsRaw, Self::EventBridge, Self::CloudTrailSns, Self::CloudTrailRaw];
}

/// What stands unescaped in the keys of S3 events.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*').remove(b'/');

impl FakeAws {
    /// The body of a message which says that this object was created now.
    pub fn notification(&self, shape: Shape, bucket: &str, key: &str, size: u64, etag: &str) -> String {
        self.notification_in(shape, REGION, bucket, key, size, etag)
    }

    /// As [`FakeAws::notification`], for a bucket in any region.
    pub fn notification_in(
        &self,
        shape: Shape,
        region: &str,
        bucket: &str,
        key: &str,
        size: u64,
        etag: &str,
    ) -> String {
        self.announcement(shape, region, bucket, key, size, etag, None)
    }

    /// The same, for one version of an object.
    #[allow(clippy::too_many_arguments, reason = "it says all that a notification does")]
    pub(super) fn announcement(
        &self,
        shape: Shape,
        region: &str,
        bucket: &str,
        key: &str,
        size: u64,
        etag: &str,
        version: Option<&str>,
    ) -> String {
        let object = Created { region, bucket, key, size, etag, version };
        match shape {
            Shape::S3Event | Shape::SnsRaw => self.s3_event(&object),
            Shape::SnsWrapped => {
                self.sns_envelope("s3-events", Some("Amazon S3 Notification"), &self.s3_event(&object))
            }
            Shape::EventBridge => self.event_bridge(&object),
            Shape::CloudTrailSns => self.sns_envelope("cloudtrail", None, &cloudtrail(&object)),
            Shape::CloudTrailRaw => cloudtrail(&object),
        }
    }

    /// The body of the message that is sent once when such notifications are set up, if there is one.
    pub fn test_event(&self, shape: Shape, bucket: &str) -> Option<String> {
        let event = || {
            format!(
                r#"{{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"{}","Bucket":{},"RequestId":"{:016X}","HostId":"aGVsbG8="}}"#,
                iso(self.now()),
                quoted(bucket),
                self.random_u128() as u64,
            )
        };
        let validation = "CloudTrail validation message.";
        match shape {
            Shape::S3Event | Shape::SnsRaw => Some(event()),
            Shape::SnsWrapped => Some(self.sns_envelope("s3-events", Some("Amazon S3 Notification"), &event())),
            Shape::EventBridge => None,
            Shape::CloudTrailSns => Some(self.sns_envelope("cloudtrail", None, validation)),
            Shape::CloudTrailRaw => Some(validation.to_owned()),
        }
    }

    fn s3_event(&self, object: &Created<'_>) -> String {
        let Created { region, bucket, key, size, etag, version } = *object;
        let version = version.map_or(String::new(), |version| format!(r#""versionId":"{version}","#));
        let encoded = utf8_percent_encode(key, KEY).to_string().replace("%20", "+");
        format!(
            concat!(
                r#"{{"Records":[{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"{region}","#,
                r#""eventTime":"{time}","eventName":"ObjectCreated:Put","#,
                r#""userIdentity":{{"principalId":"AWS:AROAEXAMPLE"}},"#,
                r#""requestParameters":{{"sourceIPAddress":"192.0.2.10"}},"#,
                r#""responseElements":{{"x-amz-request-id":"{request:016X}","x-amz-id-2":"aGVsbG8="}},"#,
                r#""s3":{{"s3SchemaVersion":"1.0","configurationId":"logs","#,
                r#""bucket":{{"name":{bucket},"ownerIdentity":{{"principalId":"A3EXAMPLE"}},"arn":{arn}}},"#,
                r#""object":{{"key":{key},"size":{size},"eTag":"{etag}",{version}"sequencer":"{sequencer}"}}}}}}]}}"#,
            ),
            region = region,
            time = iso(self.now()),
            request = self.random_u128() as u64,
            bucket = quoted(bucket),
            arn = quoted(&format!("arn:aws:s3:::{bucket}")),
            key = quoted(&encoded),
            size = size,
            etag = etag,
            version = version,
            sequencer = self.next_sequencer(),
        )
    }

    fn event_bridge(&self, object: &Created<'_>) -> String {
        let Created { region, bucket, key, size, etag, version } = *object;
        let version = version.map_or(String::new(), |version| format!(r#""version-id":"{version}","#));
        format!(
            concat!(
                r#"{{"version":"0","id":"{id}","detail-type":"Object Created","source":"aws.s3","#,
                r#""account":"{account}","time":"{time:.0}","region":"{region}","resources":[{arn}],"#,
                r#""detail":{{"version":"0","bucket":{{"name":{bucket}}},"#,
                r#""object":{{"key":{key},"size":{size},"etag":"{etag}",{version}"sequencer":"{sequencer}"}},"#,
                r#""request-id":"{request:016X}","requester":"{account}","#,
                r#""source-ip-address":"192.0.2.10","reason":"PutObject"}}}}"#,
            ),
            id = MessageId(self.random_u128()),
            account = ACCOUNT,
            time = self.now(),
            region = region,
            arn = quoted(&format!("arn:aws:s3:::{bucket}")),
            bucket = quoted(bucket),
            key = quoted(key),
            size = size,
            etag = etag,
            version = version,
            sequencer = self.next_sequencer(),
            request = self.random_u128() as u64,
        )
    }

    fn sns_envelope(&self, topic: &str, subject: Option<&str>, message: &str) -> String {
        let subject = subject.map_or(String::new(), |subject| format!("  \"Subject\" : \"{subject}\",\n"));
        format!(
            "{{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \"{id}\",\n  \
             \"TopicArn\" : \"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}\",\n{subject}  \"Message\" : {message},\n  \
             \"Timestamp\" : \"{time}\",\n  \"SignatureVersion\" : \"1\",\n  \"Signature\" : \"RVhBTVBMRQ==\",\n  \
             \"SigningCertURL\" : \"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-0.pem\",\n  \
             \"UnsubscribeURL\" : \"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe\"\n}}",
            id = MessageId(self.random_u128()),
            message = quoted(message),
            time = iso(self.now()),
        )
    }

    fn next_sequencer(&self) -> String {
        format!("{:016X}", self.0.sequence.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// An object of which a notification tells.
struct Created<'a> {
    region: &'a str,
    bucket: &'a str,
    key: &'a str,
    size: u64,
    etag: &'a str,
    version: Option<&'a str>,
}

fn cloudtrail(object: &Created<'_>) -> String {
    format!(r#"{{"s3Bucket":{},"s3ObjectKey":[{}]}}"#, quoted(object.bucket), quoted(object.key))
}

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
