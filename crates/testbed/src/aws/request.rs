//! What a request asks for and who asks: service, API, region and access key.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use percent_encoding::percent_decode_str;

use super::{cloudwatch, guardduty};

/// The services that are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Sqs,
    S3,
    Sts,
    CloudTrail,
    /// Asked in CBOR, as the Rust SDK does.
    CloudWatch,
    /// Asked in AWS JSON 1.0, as botocore does.
    CloudWatchJson,
    EventBridge,
    GuardDuty,
    Logs,
    Organizations,
    /// The link-local service of an instance.
    Metadata,
}

/// How a service writes requests, answers and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON 1.0, as SQS has it: with its older error codes in a header.
    SqsJson,
    /// AWS JSON 1.1.
    Json,
    RestJson,
    Cbor,
    /// Forms and XML.
    Query,
    RestXml,
    /// Errors are plain text.
    Plain,
}

impl Service {
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Sqs | Self::CloudWatchJson => Protocol::SqsJson,
            Self::CloudTrail | Self::EventBridge | Self::Logs | Self::Organizations => Protocol::Json,
            Self::CloudWatch => Protocol::Cbor,
            Self::GuardDuty => Protocol::RestJson,
            Self::Sts => Protocol::Query,
            Self::S3 => Protocol::RestXml,
            Self::Metadata => Protocol::Plain,
        }
    }

    pub(super) fn request_id_header(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-request-id",
            _ => "x-amzn-requestid",
        }
    }
}

/// A request, understood as far as every service needs it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) service: Service,
    pub(super) api: &'static str,
    pub(super) is_head: bool,
    pub(super) access_key: Option<String>,
    /// The region the request was signed for.
    pub(super) region: Option<String>,
    /// Query of the URL, or the form in the body of a query-protocol call; decoded.
    pub(super) params: HashMap<String, String>,
    /// S3: the bucket and the key, decoded; empty where the path has none.
    pub(super) bucket: String,
    pub(super) key: String,
}

const SQS_APIS: [&str; 9] = [
    "GetQueueUrl",
    "GetQueueAttributes",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "SendMessage",
    "SendMessageBatch",
];

/// The APIs that `X-Amz-Target` names, by the last part of what stands before the name.
const TARGETS: [(&str, Service, &[&str]); 6] = [
    ("AWSEvents", Service::EventBridge, &["DescribeRule", "ListRuleNamesByTarget"]),
    ("GraniteServiceVersion20100801", Service::CloudWatchJson, &cloudwatch::APIS),
    ("AmazonSQS", Service::Sqs, &SQS_APIS),
    ("AWSOrganizationsV20161128", Service::Organizations, &["ListAccounts"]),
    (
        "CloudTrail_20131101",
        Service::CloudTrail,
        &["DescribeTrails", "GetEventSelectors", "GetTrailStatus", "LookupEvents"],
    ),
    (
        "Logs_20140328",
        Service::Logs,
        &["CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "FilterLogEvents", "PutLogEvents"],
    ),
];

const STS_APIS: [&str; 3] = ["GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"];

const METADATA_HOST: &str = "169.254.169.254";

/// Parameters of S3 that name a part of an object or bucket which is not here.
const S3_SUBRESOURCES: [&str; 18] = [
    "accelerate",
    "acl",
    "attributes",
    "cors",
    "encryption",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "replication",
    "restore",
    "tagging",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
];

/// The name counted for what is not known here.
pub(super) const UNKNOWN: &str = "Unknown";

impl Call {
    pub(super) fn of(request: &Request<Bytes>) -> Self {
        let headers = request.headers();
        let mut params = parse_form(request.uri().query().unwrap_or_default());
        let credential = credential(headers, &params);
        let mut scope = credential.as_deref().unwrap_or_default().split('/');
        let access_key = scope.next().filter(|key| !key.is_empty()).map(str::to_owned);
        let region = scope.nth(1).map(str::to_owned);
        let service_name = scope.next().unwrap_or_default();
        let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());

        let mut call = Self {
            service: Service::S3,
            api: UNKNOWN,
            is_head: request.method() == Method::HEAD,
            access_key,
            region,
            params: HashMap::new(),
            bucket: String::new(),
            key: String::new(),
        };
        if request.uri().host() == Some(METADATA_HOST) {
            call.service = Service::Metadata;
            call.api = if request.method() == Method::PUT { "InstanceToken" } else { "InstanceMetadata" };
            call.key = request.uri().path().to_owned();
        } else if let Some(target) = target {
            let (service, name) = target.rsplit_once('.').unwrap_or_default();
            let service = service.rsplit('.').next().unwrap_or_default();
            let found = TARGETS.iter().find(|(target, ..)| *target == service);
            let (_, service, apis) = found.copied().unwrap_or(("", Service::Sqs, &[]));
            call.service = service;
            call.api = known(apis, name);
        } else if service_name == "monitoring" {
            call.service = Service::CloudWatch;
            call.api = cloudwatch::api(request.uri().path());
        } else if service_name == "guardduty" {
            call.service = Service::GuardDuty;
            call.api = guardduty::api(request.method(), request.uri().path());
        } else if service_name == "sts" || (service_name.is_empty() && is_form(request)) {
            call.service = Service::Sts;
            params.extend(parse_form(&String::from_utf8_lossy(request.body())));
            call.api = known(&STS_APIS, params.get("Action").map_or("", String::as_str));
        } else {
            let path = request.uri().path().trim_start_matches('/');
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            call.bucket = decode(bucket);
            // S3 decodes a key once, and a plus sign in a path is a plus sign.
            call.key = decode(key);
            call.api = s3_api(request.method(), &call, &params);
        }
        call.params = params;
        call
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }
}

fn known(apis: &[&'static str], name: &str) -> &'static str {
    apis.iter().find(|api| **api == name).copied().unwrap_or(UNKNOWN)
}

fn s3_api(method: &Method, call: &Call, params: &HashMap<String, String>) -> &'static str {
    if method == Method::GET && call.key.is_empty() && params.contains_key("notification") {
        return "GetBucketNotificationConfiguration";
    }
    if call.bucket.is_empty() || S3_SUBRESOURCES.iter().any(|name| params.contains_key(*name)) {
        return UNKNOWN;
    }
    match (method, call.key.is_empty()) {
        (&Method::GET, false) => "GetObject",
        (&Method::HEAD, false) => "HeadObject",
        (&Method::PUT, false) => "PutObject",
        (&Method::DELETE, false) => "DeleteObject",
        (&Method::GET, true) if params.get("list-type").is_some_and(|kind| kind == "2") => "ListObjectsV2",
        (&Method::HEAD, true) => "HeadBucket",
        (&Method::PUT, true) => "CreateBucket",
        _ => UNKNOWN,
    }
}

fn is_form(request: &Request<Bytes>) -> bool {
    request.method() == Method::POST
        && request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// `KEY/DATE/REGION/SERVICE/aws4_request`, from the header or from a presigned URL. The signature
/// itself is not verified.
fn credential<'a>(headers: &'a HeaderMap, params: &'a HashMap<String, String>) -> Option<Cow<'a, str>> {
    if let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        let (_, rest) = value.split_once("Credential=")?;
        return Some(Cow::Borrowed(rest.split([',', ' ']).next().unwrap_or_default()));
    }
    params.get("X-Amz-Credential").map(|value| Cow::Borrowed(value.as_str()))
}

/// Reads `a=1&b=2`, the form of URL queries and of the query protocol's bodies.
fn parse_form(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
