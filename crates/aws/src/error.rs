//! What can go wrong at AWS, and what it asks for.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use quittance_core::{Class, Code, Failure, StoreError, codes::PANICKED};
use quittance_formats::FormatError;

use crate::{
    codes,
    credentials::{SignInError, find},
};

/// Characters of a message of AWS that are repeated.
const LONGEST_MESSAGE: usize = 500;

/// An error of the AWS side; the operation that failed is named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsError {
    /// An API call was refused or did not come through.
    #[error("{operation} on `{target}` failed{}", answer(code.as_deref(), *status))]
    Api {
        /// The API's name of the operation.
        operation: &'static str,
        /// Queue, or bucket and key.
        target: String,
        /// The error code of AWS, where it gave one.
        code: Option<String>,
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        /// What to do about it.
        class: Class,
        /// What AWS said, or the SDK's error where nothing was answered.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There were no credentials to make a call with: STS refused, or was not reached.
    #[error("{operation} on `{target}` was not asked: we could not sign in")]
    SignIn {
        /// The API's name of the operation that was to be asked.
        operation: &'static str,
        /// Queue, or bucket and key; a role, where it was to be assumed.
        target: String,
        /// What to do about it.
        class: Class,
        /// Why: the call to STS that failed, or what the machine has.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The machine has no credentials of its own, or none that can be had.
    #[error("the machine's own credentials cannot be had{}", answer(code.as_deref(), None))]
    Ambient {
        /// The error code of AWS, where it gave one.
        code: Option<String>,
        /// What to do about it.
        class: Class,
        /// What the SDK found.
        source: CredentialsError,
    },
    /// An API gave the token of the page that was asked for: to follow it would never end.
    #[error("{operation} answered with the token that it was asked with")]
    RepeatedToken {
        /// The API's name of the operation.
        operation: &'static str,
    },
    /// An answer that is well otherwise does not hold all that was asked for.
    #[error("{operation} left out `{target}`")]
    Incomplete {
        /// The API's name of the operation.
        operation: &'static str,
        /// What is missing.
        target: String,
    },
    /// An API no longer takes a token that it gave: what it leads to must be asked for from its beginning.
    #[error("{operation} no longer takes its own token")]
    RefusedToken {
        /// The API's name of the operation.
        operation: &'static str,
        /// What it answered.
        source: Box<AwsError>,
    },
    /// A proxy is not understood. The text is not repeated: it may hold a password.
    #[error("the proxy is not understood: expected `http://[user:password@]host:port`")]
    Proxy {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificates to trust cannot be used.
    #[error("the CA bundle `{}` cannot be used: {problem}", path.display())]
    CaBundle {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An object's transfer broke and could not be resumed.
    #[error("reading `{object}` broke at byte {at}")]
    Transfer {
        /// Bucket and key.
        object: String,
        /// Bytes of the object that had arrived.
        at: u64,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An object changed while it was read.
    #[error("`{object}` was overwritten while it was read")]
    Overwritten {
        /// Bucket and key.
        object: String,
    },
    /// Reading it panicked, which is a bug of ours that this content shows. What the panic said may quote the content.
    #[error("reading `{object}` panicked")]
    Panicked {
        /// Bucket and key, or the message.
        object: String,
    },
    /// Nothing can be asked for by that name.
    #[error("`{object}` cannot be asked for: {problem}")]
    Impossible {
        /// Bucket and key.
        object: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An object's bytes are not those of its checksum.
    #[error("`{object}` did not match its checksum")]
    Checksum {
        /// Bucket and key.
        object: String,
        /// The SDK's error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An object is of a format that cannot be read.
    #[error("`{object}` is {format}, which cannot be read")]
    Unsupported {
        /// Bucket and key.
        object: String,
        /// The format.
        format: &'static str,
    },
    /// An object holds events that are too long to be sent.
    #[error("`{object}` holds {events} events longer than `max_event_bytes` ({max_event_bytes})")]
    Oversized {
        /// Bucket and key.
        object: String,
        /// How many.
        events: u64,
        /// The limit.
        max_event_bytes: usize,
    },
    /// An object that several services could read is of none of them.
    #[error("`{object}` is taken by no service that reads its queue")]
    Unclaimed {
        /// Bucket and key.
        object: String,
    },
    /// What was dealt with cannot be remembered.
    #[error("the state cannot be written")]
    State {
        /// Why.
        source: StoreError,
    },
    /// The bytes of an object are not what its kind holds.
    #[error("`{object}` cannot be decoded")]
    Decode {
        /// Bucket and key.
        object: String,
        /// Where and why.
        source: FormatError,
    },
}

impl AwsError {
    /// Names the failed `operation` on `target`.
    pub fn api<E>(operation: &'static str, target: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        // The SDK wraps it like a fault of the network.
        if let Some(sign_in) = find::<SignInError>(&error).cloned() {
            let class = sign_in.class();
            return AwsError::SignIn { operation, target: target.into(), class, source: sign_in.into() };
        }
        let code = error.code().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        AwsError::Api {
            operation,
            target: target.into(),
            class: class(code.as_deref(), status),
            source: match error.message() {
                Some(message) => said(message).into(),
                None => error.into(),
            },
            code,
            status,
        }
    }

    /// What the SDK's own chain of sources said.
    pub(crate) fn ambient(source: CredentialsError) -> Self {
        let code = code_of_sts(&source);
        let class = match (&source, &code) {
            (CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_), _) => {
                Class::NeedsPerson
            }
            (_, Some(code)) => class(Some(code), None),
            _ => Class::Retry,
        };
        AwsError::Ambient { code, class, source }
    }

    /// What to do about it.
    pub fn class(&self) -> Class {
        match self {
            AwsError::Api { class, .. } | AwsError::SignIn { class, .. } | AwsError::Ambient { class, .. } => *class,
            _ => Class::Retry,
        }
    }

    /// What kind of problem it is when it is met while events are taken; what a setup finds is told by [`crate::refusal`].
    pub fn code(&self) -> &'static Code {
        match self {
            AwsError::Api { class, status, .. } => match (class, status) {
                (Class::NeedsPerson, _) => &codes::REFUSED_NOW,
                (Class::Throttled, _) => &codes::THROTTLED,
                (Class::SignIn, _) => &codes::EXPIRED,
                (Class::Retry, None) => &codes::UNREACHABLE,
                (Class::Retry, Some(_)) => &codes::SERVER,
            },
            AwsError::SignIn { class: Class::NeedsPerson, .. } => &codes::SIGN_IN_REFUSED,
            AwsError::Ambient { class: Class::NeedsPerson, .. } => &codes::NO_CREDENTIALS,
            AwsError::SignIn { .. } | AwsError::Ambient { .. } => &codes::SIGN_IN_LATER,
            AwsError::RepeatedToken { .. } | AwsError::Incomplete { .. } | AwsError::RefusedToken { .. } => {
                &codes::TOKEN
            }
            AwsError::Proxy { .. } | AwsError::CaBundle { .. } | AwsError::Tls { .. } => &codes::CONNECTOR,
            AwsError::Transfer { .. } | AwsError::Checksum { .. } => &codes::TRANSFER,
            AwsError::Overwritten { .. } => &codes::OVERWRITTEN,
            AwsError::Oversized { .. } => &codes::TOO_LONG,
            AwsError::Unsupported { .. }
            | AwsError::Unclaimed { .. }
            | AwsError::Impossible { .. }
            | AwsError::Decode { .. } => &codes::NOT_READ,
            AwsError::Panicked { .. } => &PANICKED,
            AwsError::State { source } => source.code(),
        }
    }

    /// The API's name of the operation that failed, where one did.
    pub fn operation(&self) -> &'static str {
        match self {
            AwsError::Api { operation, .. }
            | AwsError::SignIn { operation, .. }
            | AwsError::RepeatedToken { operation }
            | AwsError::Incomplete { operation, .. }
            | AwsError::RefusedToken { operation, .. } => operation,
            _ => "",
        }
    }

    /// AWS's own code, where it gave one.
    pub fn aws_code(&self) -> Option<&str> {
        match self {
            AwsError::Api { code, .. } | AwsError::Ambient { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether it says something of one window alone, which is asked for anew: its token is of no use any more, or not all of
    /// it could be had.
    pub fn is_of_window(&self) -> bool {
        match self {
            AwsError::RepeatedToken { .. } | AwsError::RefusedToken { .. } | AwsError::Incomplete { .. } => true,
            AwsError::Api { code: Some(code), .. } => code.starts_with("InvalidNextToken"),
            _ => false,
        }
    }

    /// The error and its causes on one line.
    pub fn chain(&self) -> String {
        quittance_core::chain(self)
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        Failure { code: error.code(), class: error.class(), error: error.into() }
    }
}

/// AWS's own words, for a line of a log: the first line of them, since a refused signature is followed by everything that
/// was signed, session tokens among it.
fn said(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars().take(LONGEST_MESSAGE).collect::<String>().escape_debug().to_string()
}

/// The answer that an error code asks for. A code says more than a status: AWS throttles with 400 too.
fn class(code: Option<&str>, status: Option<u16>) -> Class {
    let code = code.map(|c| c.trim_start_matches("AWS.SimpleQueueService."));
    match code {
        Some(
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "ProvisionedThroughputExceededException"
            | "KMS.ThrottlingException"
            | "OverLimit",
        ) => Class::Throttled,
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired") => Class::SignIn,
        Some("RequestTimeout" | "RequestTimeoutException" | "InternalError" | "ServiceUnavailable") => Class::Retry,
        Some(code) if code.starts_with("KMS.") => Class::NeedsPerson,
        Some(
            "NonExistentQueue"
            | "QueueDoesNotExist"
            | "NoSuchBucket"
            | "ResourceNotFoundException"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "AuthFailure"
            | "RequestTimeTooSkewed"
            | "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "InvalidObjectState"
            | "InvalidAddress"
            | "InvalidSecurity"
            | "UnsupportedOperation"
            | "RegionDisabledException"
            | "InvalidIdentityToken"
            | "InvalidIdentityTokenException"
            | "IDPRejectedClaim"
            | "PackedPolicyTooLarge"
            | "AWSOrganizationsNotInUseException"
            | "OptInRequired"
            | "SubscriptionRequiredException"
            | "MissingAuthenticationToken"
            | "ValidationError",
        ) => Class::NeedsPerson,
        _ => match status {
            // 407 is a proxy that wants other credentials.
            Some(403 | 407) => Class::NeedsPerson,
            Some(429 | 503) => Class::Throttled,
            _ => Class::Retry,
        },
    }
}

/// What STS said to the SDK, for a web identity or a role of a profile.
fn code_of_sts(error: &CredentialsError) -> Option<String> {
    let web = find::<AssumeRoleWithWebIdentityError>(error).and_then(ProvideErrorMetadata::code);
    let role = find::<AssumeRoleError>(error).and_then(ProvideErrorMetadata::code);
    web.or(role).map(str::to_owned)
}

/// What was answered: AWS's code, or the status alone, as of a proxy that speaks for itself.
fn answer(code: Option<&str>, status: Option<u16>) -> String {
    match (code, status) {
        (Some(code), _) => format!(" ({})", code.escape_debug()),
        (None, Some(status)) => format!(" (HTTP {status})"),
        (None, None) => String::new(),
    }
}
