//! What every answer of AWS tells besides its content: AWS's time, and whether our credentials are over.
//!
//! This stands between the SDK and its connector, the one place that every client of every service goes through.

mod operation;
mod resign;
mod skew;

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use quittance_core::{Answer, CallCounts, Clock};
use tracing::info;

pub(crate) use skew::Skew;

use crate::{Way, credentials::Kept};

/// Errors of AWS are short; what is longer comes from something else.
const ERROR_BYTES: usize = 64 << 10;

/// Codes that other credentials may answer: those that say so, and those of a key that was deleted or is of another time.
const REFUSALS: [&str; 8] = [
    "ExpiredToken",
    "TokenRefreshRequired",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "security token included in the request is expired",
];

/// Codes that come with the status of a mistake, and say that a call came too soon.
const THROTTLES: [&str; 6] = [
    "Throttl",
    "TooManyRequests",
    "RequestLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "OverLimit",
];

/// Listens to the answers that a client of `inner` gets, and asks once more where our credentials were over.
pub(crate) fn listening(inner: SharedHttpClient, skew: Arc<Skew>, kept: Option<Kept>, way: &Way) -> SharedHttpClient {
    let (clock, calls) = (way.clock.clone(), way.limiters.calls().clone());
    SharedHttpClient::new(Listening { inner, ears: Arc::new(Ears { skew, kept, clock, calls }) })
}

struct Listening {
    inner: SharedHttpClient,
    ears: Arc<Ears>,
}

struct Ears {
    skew: Arc<Skew>,
    kept: Option<Kept>,
    clock: Arc<dyn Clock>,
    calls: Arc<CallCounts>,
}

impl HttpClient for Listening {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(ListeningConnector { inner, ears: self.ears.clone() })
    }
}

struct ListeningConnector {
    inner: SharedHttpConnector,
    ears: Arc<Ears>,
}

impl HttpConnector for ListeningConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, ears) = (self.inner.clone(), self.ears.clone());
        HttpConnectorFuture::new(async move {
            let again = ears.kept.as_ref().and_then(|_| request.try_clone());
            let operation = operation::of(&request);
            let (mut answer, refusal) = ears.ask(&inner, request, &operation).await?;
            if refusal == Some(Refusal::Credentials)
                && let Some(request) = again
                && let Some(request) = ears.sign_again(request).await
            {
                (answer, _) = ears.ask(&inner, request, &operation).await?;
            }
            Ok(answer)
        })
    }
}

/// What an answer refuses for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Other credentials may help.
    Credentials,
    /// It came too soon.
    Throttled,
    Other,
}

impl Ears {
    /// Sends a request, and counts what came of it.
    async fn ask(
        &self,
        inner: &SharedHttpConnector,
        request: HttpRequest,
        operation: &str,
    ) -> Result<(HttpResponse, Option<Refusal>), ConnectorError> {
        let asked = async {
            let mut answer = inner.call(request).await?;
            self.hear(&answer);
            let refusal = refusal(&mut answer).await?;
            Ok((answer, refusal))
        };
        let asked = asked.await;
        let came = match &asked {
            Ok((_, None)) => Answer::Good,
            Ok((_, Some(Refusal::Throttled))) => Answer::Throttled,
            _ => Answer::Bad,
        };
        self.calls.called(operation, came);
        asked
    }

    fn hear(&self, answer: &HttpResponse) {
        if let Some(date) = answer.headers().get("date") {
            self.skew.hear(date, &*self.clock);
        }
    }

    /// The request, signed with other credentials than it was, if there are any.
    async fn sign_again(&self, request: HttpRequest) -> Option<HttpRequest> {
        let refused = resign::Scope::of(&request)?.access_key.to_owned();
        let other = self.kept.as_ref()?.instead_of(&refused).await?;
        info!(credentials = ?self.kept.as_ref()?, "AWS took its credentials for over: signed in again");
        resign::resign(request, other, self.skew.now(&*self.clock))
    }
}

/// Whether an answer refuses, and why. The body is still there afterwards.
async fn refusal(answer: &mut HttpResponse) -> Result<Option<Refusal>, ConnectorError> {
    match answer.status().as_u16() {
        0..400 => return Ok(None),
        400 | 401 | 403 => {}
        429 | 503 => return Ok(Some(Refusal::Throttled)),
        _ => return Ok(Some(Refusal::Other)),
    }
    let mut body = ByteStream::new(std::mem::replace(answer.body_mut(), SdkBody::taken()));
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await {
        bytes.extend_from_slice(&part.map_err(|error| ConnectorError::io(error.into()))?);
        if bytes.len() > ERROR_BYTES {
            bytes.truncate(ERROR_BYTES);
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let in_headers = |code: &str| answer.headers().iter().any(|(_, value)| value.contains(code));
    let has = |codes: &[&str]| codes.iter().any(|code| text.contains(code) || in_headers(code));
    let refusal = match (has(&REFUSALS), has(&THROTTLES)) {
        (true, _) => Refusal::Credentials,
        (_, true) => Refusal::Throttled,
        _ => Refusal::Other,
    };
    *answer.body_mut() = SdkBody::from(bytes);
    Ok(Some(refusal))
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listening")
    }
}

impl fmt::Debug for ListeningConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListeningConnector")
    }
}
