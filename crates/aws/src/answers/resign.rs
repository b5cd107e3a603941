//! Signing a request again, as the SDK signed it, with other credentials.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::{identity::Identity, orchestrator::HttpRequest};

const BODY_HASH: &str = "x-amz-content-sha256";

/// What a signature brings itself.
const OF_SIGNATURE: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

/// What the signature of a request covers, as its `Authorization` says.
pub(crate) struct Scope<'r> {
    pub(crate) access_key: &'r str,
    region: &'r str,
    pub(crate) service: &'r str,
    headers: &'r str,
}

impl<'r> Scope<'r> {
    pub(crate) fn of(request: &'r HttpRequest) -> Option<Scope<'r>> {
        let rest = request.headers().get("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name| rest.split(", ").find_map(|part| part.strip_prefix(name));
        let mut credential = part("Credential=")?.split('/');
        let (access_key, _date) = (credential.next()?, credential.next()?);
        Some(Scope {
            access_key,
            region: credential.next()?,
            service: credential.next()?,
            headers: part("SignedHeaders=")?,
        })
    }
}

/// Signs `request` with `credentials` at `time`. Not everything can be: a body that is not in memory, an unknown scheme.
pub(crate) fn resign(mut request: HttpRequest, credentials: Credentials, time: SystemTime) -> Option<HttpRequest> {
    let instructions = {
        let scope = Scope::of(&request)?;
        let mut settings = SigningSettings::default();
        if scope.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = Identity::from(credentials);
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service)
            .time(time)
            .settings(settings)
            .build()
            .ok()?;
        let is_signed =
            |name: &str| scope.headers.split(';').any(|signed| signed == name) && !OF_SIGNATURE.contains(&name);
        let headers = request.headers().iter().filter(|(name, _)| is_signed(name));
        let body = match request.headers().get(BODY_HASH) {
            Some(hash) => SignableBody::Precomputed(hash.to_owned()),
            None => SignableBody::Bytes(request.body().bytes()?),
        };
        let signable = SignableRequest::new(request.method(), request.uri(), headers, body).ok()?;
        sign(signable, &parameters.into()).ok()?.into_parts().0
    };
    for name in OF_SIGNATURE {
        request.headers_mut().remove(name);
    }
    let (headers, _) = instructions.into_parts();
    for header in headers {
        request.headers_mut().insert(header.name(), header.value().to_owned());
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_async::time::StaticTimeSource;
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        result::ConnectorError,
    };

    use super::*;

    /// Takes requests, and answers none.
    #[derive(Clone, Debug, Default)]
    struct Taken(Arc<Mutex<Vec<HttpRequest>>>);

    impl HttpConnector for Taken {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.0.lock().unwrap().push(request);
            HttpConnectorFuture::ready(Err(ConnectorError::user("taken".into())))
        }
    }

    /// What the SDK signed, we sign alike: in each of AWS's protocols, with odd keys, headers and bodies.
    #[tokio::test]
    async fn a_request_is_signed_as_the_sdk_signs_it() {
        let taken = Taken::default();
        let connector = SharedHttpConnector::new(taken.clone());
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
        let credentials = Credentials::new("ASIAKEY", "secret", Some("token/+=".to_owned()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .time_source(StaticTimeSource::new(time))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let s3 = aws_sdk_s3::Client::new(&config);
        s3.get_object().bucket("logs").key("a b/ü+%25//../x").range("bytes=7-").if_match("e").send().await.unwrap_err();
        s3.list_objects_v2().bucket("logs.with.dots").prefix("a/b c&d=").send().await.unwrap_err();
        s3.get_bucket_location().bucket("logs").send().await.unwrap_err();
        let sqs = aws_sdk_sqs::Client::new(&config);
        sqs.receive_message().queue_url("https://sqs/1/q").wait_time_seconds(20).send().await.unwrap_err();
        let sts = aws_sdk_sts::Client::new(&config);
        sts.assume_role().role_arn("a:b/c d").role_session_name("ü").send().await.unwrap_err();
        aws_sdk_organizations::Client::new(&config).list_accounts().next_token("t").send().await.unwrap_err();

        let requests = std::mem::take(&mut *taken.0.lock().unwrap());
        assert_eq!(requests.len(), 6);
        for request in requests {
            let other = Credentials::new("ASIAOTHER", "other", Some("another".to_owned()), None, "test");
            let otherwise = resign(request.try_clone().unwrap(), other, time).unwrap();
            assert_ne!(otherwise.headers().get("authorization"), request.headers().get("authorization"));
            let again = resign(otherwise, credentials.clone(), time).unwrap();
            let headers = |request: &HttpRequest| {
                let mut all: Vec<_> =
                    request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                all.sort();
                all
            };
            assert_eq!(headers(&again), headers(&request), "{}", request.uri());
        }
    }
}
