//! Answers of AWS that stand in a file: the connector of an account that reaches nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;

/// The number of an account that is not known.
const NOBODY: &str = "000000000000";

/// What is answered next.
#[derive(Clone, Default)]
pub(crate) struct Canned(Arc<Mutex<Answer>>);

#[derive(Default)]
struct Answer {
    account: String,
    /// Given once: a token in it leads to nothing more.
    page: Option<Vec<u8>>,
}

impl Canned {
    /// Answers the next question for events with `page`, and that we work in `account`.
    pub(crate) fn put(&self, account: &str, page: &[u8]) {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *answer = Answer { account: account.to_owned(), page: Some(page.to_vec()) };
    }

    /// Whether it was not asked for.
    pub(crate) fn is_left(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).page.is_some()
    }

    fn answer(&self, request: &HttpRequest) -> (&'static str, Vec<u8>) {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let path = request.uri().split('?').next().unwrap_or_default();
        let nothing = || b"{}".to_vec();
        let amz = "application/x-amz-json-1.1";
        if target.ends_with(".LookupEvents") || target.ends_with(".FilterLogEvents") {
            (amz, answer.page.take().unwrap_or_else(nothing))
        } else if path.ends_with("/findings/get") {
            ("application/json", answer.page.take().unwrap_or_else(nothing))
        } else if path.ends_with("/findings") {
            ("application/json", br#"{"findingIds":["sample"]}"#.to_vec())
        } else {
            let number = if answer.account.is_empty() { NOBODY } else { &answer.account };
            let identity = format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::{number}:user/sample</Arn><UserId>AIDASAMPLE</UserId><Account>{number}</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            );
            ("text/xml", identity.into_bytes())
        }
    }
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canned")
    }
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (kind, body) = self.answer(&request);
        let status = 200_u16.try_into().map_err(|_| ConnectorError::user("no status".into()));
        HttpConnectorFuture::ready(status.map(|status| {
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", kind);
            response
        }))
    }
}
