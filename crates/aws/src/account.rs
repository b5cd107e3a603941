//! An AWS account as a user names it, and the clients that work in it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::sdk_config::StalledStreamProtectionConfig;
use quittance_core::Clock;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::{AwsError, CallLimit, Limiters, receiver::Receivers};

/// How to sign in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Credentials {
    /// Access key id, or `file:` and the file that holds it.
    #[schemars(extend("writeOnly" = true, "examples" = ["AKIA..."]))]
    pub access_key: String,
    /// Secret access key, or `file:` and the file that holds it.
    #[schemars(with = "String", extend("writeOnly" = true, "examples" = ["file:/run/secrets/access_secret"]))]
    pub access_secret: SecretString,
}

/// What is needed to work in an account.
pub struct AccountSettings {
    /// The input's `id`: its address in units and logs.
    pub id: String,
    /// How to sign in.
    pub credentials: Credentials,
    /// Where AWS is, if not at AWS.
    pub endpoint_url: Option<String>,
    /// The connector that all clients share.
    pub http: SharedHttpClient,
    /// Time: signatures, credentials' ends and stalls are measured by it.
    pub clock: Arc<dyn Clock>,
    /// The limiters that all accounts of a process share.
    pub limiters: Limiters,
    /// The user's own bounds of calls.
    pub call_limits: Vec<CallLimit>,
}

/// A signed-in account. Clients are made once for each service and region.
pub struct Account {
    id: String,
    base: SdkConfig,
    /// An endpoint that is not AWS's own knows buckets only by path.
    path_style: bool,
    clients: Mutex<Clients>,
    receivers: Receivers,
    number: OnceCell<String>,
    limiters: Limiters,
    call_limits: Vec<CallLimit>,
}

#[derive(Default)]
struct Clients {
    sqs: HashMap<String, aws_sdk_sqs::Client>,
    s3: HashMap<String, aws_sdk_s3::Client>,
}

impl Account {
    /// Prepares the account; nothing is asked of AWS.
    pub async fn new(settings: AccountSettings) -> Self {
        let keys = aws_credential_types::Credentials::new(
            settings.credentials.access_key,
            settings.credentials.access_secret.expose_secret(),
            None,
            None,
            "configuration",
        );
        // The SDK's own retries are off: the engines wait and try again by one rule, which the ledger and the logs see.
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(settings.http)
            .time_source(SdkClock(settings.clock))
            .retry_config(RetryConfig::disabled())
            .app_name(aws_config::AppName::new("quittance").expect("a plain word is an app name"));
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let base = loader.load().await;
        let path_style = base.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        Account {
            id: settings.id,
            base,
            path_style,
            clients: Mutex::default(),
            receivers: Receivers::default(),
            number: OnceCell::new(),
            limiters: settings.limiters,
            call_limits: settings.call_limits,
        }
    }

    /// The input's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The account's number, as AWS knows it. Asked once.
    pub async fn number(&self) -> Result<String, AwsError> {
        let ask = async || {
            let client = aws_sdk_sts::Client::new(&self.config("us-east-1"));
            let answer = client.get_caller_identity().send().await;
            let identity = answer.map_err(|e| AwsError::api("GetCallerIdentity", &self.id, e))?;
            Ok(identity.account.unwrap_or_default())
        };
        self.number.get_or_try_init(ask).await.cloned()
    }

    /// The receivers of its queues.
    pub(crate) fn receivers(&self) -> &Receivers {
        &self.receivers
    }

    /// The limiters that all accounts share.
    pub fn limiters(&self) -> &Limiters {
        &self.limiters
    }

    /// The user's own bounds of calls.
    pub fn call_limits(&self) -> &[CallLimit] {
        &self.call_limits
    }

    /// What a client of any service in `region` is made from.
    pub fn config(&self, region: &str) -> SdkConfig {
        let config = self.base.to_builder().region(Region::new(region.to_owned())).timeout_config(timeouts(60));
        config.build()
    }

    /// The SQS client of a region.
    pub fn sqs(&self, region: &str) -> aws_sdk_sqs::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.sqs.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_sqs::config::Builder::from(&self.base)
                .region(Region::new(region.to_owned()))
                // It wakes again and again during a long poll; the attempt's timeout does its work.
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .timeout_config(timeouts(45))
                .build();
            aws_sdk_sqs::Client::from_conf(config)
        });
        client.clone()
    }

    /// The S3 client of a region.
    pub fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.s3.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.base)
                .region(Region::new(region.to_owned()))
                .force_path_style(self.path_style)
                .stalled_stream_protection(
                    StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(30)).build(),
                )
                .timeout_config(timeouts(60))
                .build();
            aws_sdk_s3::Client::from_conf(config)
        });
        client.clone()
    }
}

/// The SDK has no timeout of its own beyond connecting; a black hole would hold a call for ever.
fn timeouts(attempt: u64) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(attempt))
        .build()
}

/// Our clock, as the SDK wants it. It sleeps by tokio, as we do.
struct SdkClock(Arc<dyn Clock>);

impl fmt::Debug for SdkClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkClock")
    }
}

impl TimeSource for SdkClock {
    fn now(&self) -> SystemTime {
        self.0.wall()
    }
}
