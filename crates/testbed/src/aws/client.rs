//! The official SDK's connector to a [`FakeAws`] in the same process: no sockets, virtual time.
//!
//! The SDK sleeps by `tokio::time` but reads the system's clock, which does not move with it: in
//! virtual time it needs [`FakeAws::time_source`] too, above all for its guard against stalled bodies.

use std::io;
use std::time::SystemTime;

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use super::{ConnectionLost, FakeAws};

impl FakeAws {
    /// An HTTP client for an SDK configuration, whatever endpoint that names.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(self.clone()))
    }

    /// The clock of this AWS for an SDK configuration.
    pub fn time_source(&self) -> SharedTimeSource {
        SharedTimeSource::new(InProcess(self.clone()))
    }
}

#[derive(Clone, Debug)]
struct InProcess(FakeAws);

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl TimeSource for InProcess {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let aws = self.0.clone();
        HttpConnectorFuture::new(Box::pin(carry(aws, request)))
    }
}

async fn carry(aws: FakeAws, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    // Read to its end: the SDK takes a body that nobody reads for a stalled upload.
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    let response = aws.handle(http::Request::from_parts(parts, body)).await;
    if response.extensions().get::<ConnectionLost>().is_some() {
        return Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()));
    }
    let response = response.map(|body| match body.into_small() {
        Ok(bytes) => SdkBody::from(bytes),
        Err(body) => SdkBody::from_body_1_x(body),
    });
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}
