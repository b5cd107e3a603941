//! Errors of the APIs, and how each service's protocol writes them.

use http::{HeaderValue, Response, StatusCode};

use super::body::Body;
use super::cloudwatch;
use super::request::{Protocol, Service};
use super::xml;

/// An error as AWS would answer it.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// Headers that belong to this error, such as a bucket's region.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl ApiError {
    pub(super) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), headers: Vec::new() }
    }

    /// A fault that a test asked for.
    pub(super) fn scripted(service: Service, status: Option<u16>, code: String) -> Self {
        let code = if service == Service::Sqs { sqs_query_code(&code).unwrap_or(code) } else { code };
        let status = status.unwrap_or_else(|| usual_status(service.protocol(), &code));
        Self::new(status, code, "A fault injected by the test bed.")
    }

    pub(super) fn saying(mut self, message: &str) -> Self {
        message.clone_into(&mut self.message);
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The status that AWS answers with a code.
fn usual_status(protocol: Protocol, code: &str) -> u16 {
    match code {
        // AWS JSON 1.1 says by the status only whose fault it is.
        _ if protocol == Protocol::Json => match code {
            "ServiceUnavailableException" => 503,
            "InternalFailure" | "InternalServerError" | "InternalServiceError" => 500,
            _ => 400,
        },
        "SlowDown" | "ServiceUnavailable" | "ServiceUnavailableException" => 503,
        "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerErrorException"
        | "InternalServiceError" => 500,
        "AccessDenied"
        | "AccessDeniedException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidObjectState"
        | "RequestTimeTooSkewed"
        | "MissingAuthenticationToken" => 403,
        "ExpiredToken" if protocol != Protocol::RestXml => 403,
        "NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" => 404,
        "PreconditionFailed" => 412,
        "InvalidRange" => 416,
        "PermanentRedirect" => 301,
        _ => 400,
    }
}

/// SQS errors have a name in the model and an older one, sent in a header, that the SDK goes by.
const SQS_NAMES: [(&str, &str); 17] = [
    ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
    ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
    ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"),
    ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"),
    ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"),
    ("KmsAccessDenied", "KMS.AccessDeniedException"),
    ("KmsDisabled", "KMS.DisabledException"),
    ("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException"),
    ("KmsInvalidState", "KMS.InvalidStateException"),
    ("KmsNotFound", "KMS.NotFoundException"),
    ("KmsOptInRequired", "KMS.OptInRequired"),
    ("KmsThrottled", "KMS.ThrottlingException"),
];

fn sqs_query_code(model_name: &str) -> Option<String> {
    let (_, code) = SQS_NAMES.iter().find(|(name, _)| *name == model_name)?;
    Some((*code).to_owned())
}

fn sqs_model_name(query_code: &str) -> &str {
    SQS_NAMES.iter().find(|(_, code)| *code == query_code).map_or(query_code, |(name, _)| name)
}

impl Service {
    /// Writes an error in the protocol of the service.
    pub(super) fn render(self, error: &ApiError, request_id: &str, is_head: bool) -> Response<Body> {
        let (content_type, text) = match self.protocol() {
            Protocol::SqsJson if self == Self::CloudWatchJson => {
                ("application/x-amz-json-1.0", cloudwatch::error_body(error, self))
            }
            Protocol::SqsJson => (
                "application/x-amz-json-1.0",
                serde_json::json!({
                    "__type": format!("com.amazonaws.sqs#{}", sqs_model_name(&error.code)),
                    "message": error.message,
                })
                .to_string()
                .into_bytes(),
            ),
            Protocol::Cbor => ("application/cbor", cloudwatch::error_body(error, self)),
            Protocol::RestJson => (
                "application/json",
                serde_json::json!({ "__type": error.code, "message": error.message }).to_string().into_bytes(),
            ),
            Protocol::Json => (
                "application/x-amz-json-1.1",
                serde_json::json!({ "__type": error.code, "message": error.message }).to_string().into_bytes(),
            ),
            Protocol::RestXml => (
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
                     <RequestId>{request_id}</RequestId></Error>",
                    xml::escape(&error.code),
                    xml::escape(&error.message),
                )
                .into_bytes(),
            ),
            Protocol::Plain => ("text/plain", error.message.clone().into_bytes()),
            Protocol::Query => (
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{}</Type>\
                     <Code>{}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                    fault_side(error.status),
                    xml::escape(&error.code),
                    xml::escape(&error.message),
                )
                .into_bytes(),
            ),
        };
        // An answer to HEAD, and one that says "not modified", has no body.
        let body = if is_head || error.status == 304 { Body::empty() } else { Body::from(text) };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self == Self::CloudWatch {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        if self == Self::GuardDuty
            && let Ok(value) = error.code.parse()
        {
            headers.insert("x-amzn-errortype", value);
        }
        if matches!(self.protocol(), Protocol::SqsJson | Protocol::Cbor)
            && let Ok(value) = format!("{};{}", error.code, fault_side(error.status)).parse()
        {
            headers.insert("x-amzn-query-error", value);
        }
        for (name, value) in &error.headers {
            if let Ok(value) = value.parse() {
                headers.insert(*name, value);
            }
        }
        response
    }
}

fn fault_side(status: u16) -> &'static str {
    if status >= 500 { "Receiver" } else { "Sender" }
}
