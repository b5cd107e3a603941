//! An AWS account as a user names it, and the clients that work in it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, identity::IdentityCache, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::sdk_config::StalledStreamProtectionConfig;
use quittance_core::Clock;
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout},
};

use crate::{
    AwsError, CallLimit, Credentials, Endpoints, Filters, Limiters, PlanError, Role, SignIn,
    answers::{Skew, listening},
    credentials::{Chain, Signer, Source, ambient, session_name},
    partition::main_region,
    receiver::Receivers,
    samples::Canned,
    turns::{Order, Turns},
};

/// STS is asked while calls wait for it.
const STS_SECONDS: u64 = 10;

/// How long a call that is bounded waits to hear whose it is, and how long that is not asked again if nothing was heard.
const PATIENCE: Duration = Duration::from_secs(5);
const NOT_AGAIN: Duration = Duration::from_secs(300);

/// What is needed to work in an account with its own keys.
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

/// The way to AWS, which the accounts of an input share.
#[derive(Clone)]
pub struct Way {
    /// The connector that all clients share.
    pub http: SharedHttpClient,
    /// Time: signatures, credentials' ends and stalls are measured by it.
    pub clock: Arc<dyn Clock>,
    /// Where AWS is, if not at AWS.
    pub endpoints: Endpoints,
    /// The region that is asked about an account as a whole, STS first of all.
    pub region: String,
    /// The limiters that all accounts of a process share.
    pub limiters: Limiters,
    /// The user's own bounds of calls.
    pub call_limits: Vec<CallLimit>,
}

/// A signed-in account. Clients are made once for each service and region.
#[derive(Clone)]
pub struct Account {
    id: String,
    way: Way,
    /// What every client starts from, without a signer.
    plain: SdkConfig,
    /// The same, signed.
    base: SdkConfig,
    skew: Arc<Skew>,
    /// An endpoint that is not AWS's own knows buckets only by path.
    path_style: bool,
    clients: Arc<Mutex<Clients>>,
    receivers: Arc<Receivers>,
    identity: Arc<Identity>,
    filters: Arc<Filters>,
    /// Its answers, if it reaches nothing.
    canned: Option<Canned>,
}

/// Who an account's calls are made by, once that was asked.
pub(crate) struct Identity {
    id: String,
    /// For STS.
    config: SdkConfig,
    caller: OnceCell<Caller>,
    /// When it may be asked again for the sake of bounds.
    again: tokio::sync::Mutex<Option<Instant>>,
}

/// Who an account's calls are made by, as AWS knows it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account's number.
    pub account: String,
    /// The ARN of the user, or of the role and its session.
    pub arn: String,
    /// AWS's own id of the user, or of the role, with `:` and the name of the session.
    pub id: String,
}

#[derive(Default)]
struct Clients {
    sqs: HashMap<String, Turns<aws_sdk_sqs::Client>>,
    s3: HashMap<String, Turns<aws_sdk_s3::Client>>,
}

impl Account {
    /// Prepares an account with its own keys; nothing is asked of AWS.
    pub async fn new(settings: AccountSettings) -> Self {
        let AccountSettings { id, credentials, endpoint_url, http, clock, limiters, call_limits } = settings;
        let (endpoints, region) = (Endpoints::all_at(endpoint_url), main_region("aws").to_owned());
        let way = Way { http, clock, endpoints, region, limiters, call_limits };
        Account::of(id, credentials.into(), way).await
    }

    /// Prepares an account that is reached as `sign_in` says; nothing is asked of AWS.
    pub async fn sign_in(id: String, sign_in: &SignIn, way: Way) -> Result<Self, PlanError> {
        Ok(Account::of(id, sign_in.chain()?, way).await)
    }

    async fn of(id: String, chain: Chain, way: Way) -> Self {
        let plain = plain(&way).await;
        let skew = Arc::new(Skew::new(&id));
        let signer = match &chain.source {
            Source::Keys(keys) => Signer::keys(keys),
            Source::Ambient => {
                let http = listening(way.http.clone(), skew.clone(), None, &way);
                let time = SharedTimeSource::new(SdkClock(way.clock.clone()));
                Signer::kept(ambient(&way.region, http, time, way.clock.clone()).await)
            }
        };
        let unsigned = Account::with(id, way, plain, signer, skew);
        chain.roles.iter().fold(unsigned, |account, role| account.in_role(account.id.clone(), role))
    }

    /// Prepares the account that `role` lives in, reached from this one.
    pub fn in_role(&self, id: String, role: &Role) -> Account {
        let mut sts = self.base.to_builder();
        sts.set_timeout_config(Some(timeouts(STS_SECONDS)));
        let signer = Signer::in_role(role, &session_name(&id), &sts.build(), self.way.clock.clone());
        let skew = if id == self.id { self.skew.clone() } else { Arc::new(Skew::new(&id)) };
        let account = Account::with(id, self.way.clone(), self.plain.clone(), signer, skew);
        Account { filters: self.filters.clone(), canned: self.canned.clone(), ..account }
    }

    /// The same account, for units whose events pass these filters.
    pub fn filtered(&self, filters: Arc<Filters>) -> Account {
        Account { filters, ..self.clone() }
    }

    /// An account that reaches nothing, for units that judge samples.
    pub async fn of_samples(clock: Arc<dyn Clock>) -> Account {
        let canned = Canned::default();
        let account = Account::new(AccountSettings {
            id: "samples".to_owned(),
            credentials: Credentials { access_key: "AKIASAMPLE".to_owned(), access_secret: "none".into() },
            endpoint_url: Some("http://samples.invalid".to_owned()),
            http: SharedHttpClient::new(canned.clone()),
            clock,
            limiters: Limiters::default(),
            call_limits: Vec::new(),
        });
        Account { canned: Some(canned), ..account.await }
    }

    /// Its answers, if it reaches nothing.
    pub(crate) fn canned(&self) -> Option<&Canned> {
        self.canned.as_ref()
    }

    /// What events of units that are made with it pass.
    pub(crate) fn filters(&self) -> &Arc<Filters> {
        &self.filters
    }

    fn with(id: String, way: Way, plain: SdkConfig, signer: Signer, skew: Arc<Skew>) -> Account {
        let http = listening(way.http.clone(), skew.clone(), signer.kept.clone(), &way);
        let base = plain.to_builder().http_client(http).credentials_provider(signer.provider.clone()).build();
        let path_style = way.endpoints.of("s3", "").is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let path_style = path_style || plain.endpoint_url().is_some();
        way.limiters.expect(&way.call_limits);
        let config = in_region(&base, &way.endpoints, &way.region).timeout_config(timeouts(60)).build();
        let (caller, again) = (OnceCell::new(), tokio::sync::Mutex::default());
        let identity = Arc::new(Identity { id: id.clone(), config, caller, again });
        let (clients, receivers, filters) = (Arc::default(), Arc::default(), Arc::default());
        Account { id, way, plain, base, skew, path_style, clients, receivers, identity, filters, canned: None }
    }

    /// Whether objects are not in AWS's own S3.
    pub(crate) fn has_other_store(&self) -> bool {
        self.path_style
    }

    /// The input's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The account's number, as AWS knows it. Asked once.
    pub async fn number(&self) -> Result<String, AwsError> {
        self.caller().await.map(|caller| caller.account.clone())
    }

    /// Who its calls are made by, if that was asked and answered.
    pub fn known_caller(&self) -> Option<&Caller> {
        self.identity.caller.get()
    }

    /// Who its calls are made by. Asked once.
    pub async fn caller(&self) -> Result<&Caller, AwsError> {
        self.identity.caller().await
    }

    /// The receivers of its queues.
    pub(crate) fn receivers(&self) -> &Receivers {
        &self.receivers
    }

    /// The limiters that all accounts share.
    pub fn limiters(&self) -> &Limiters {
        &self.way.limiters
    }

    /// The user's own bounds of calls.
    pub fn call_limits(&self) -> &[CallLimit] {
        &self.way.call_limits
    }

    /// The region that is asked about the account as a whole.
    pub fn region(&self) -> &str {
        &self.way.region
    }

    /// The clock that it goes by.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.way.clock
    }

    /// AWS's time less ours, in seconds, as its last answer told; the SDK's signatures are corrected by it.
    pub fn clock_skew_seconds(&self) -> i64 {
        self.skew.seconds()
    }

    /// How far our clock is from AWS's.
    pub(crate) fn skew(&self) -> &Arc<Skew> {
        &self.skew
    }

    /// What a client of any service in `region` is made from.
    pub fn config(&self, region: &str) -> SdkConfig {
        self.in_region(region).timeout_config(timeouts(60)).build()
    }

    fn in_region(&self, region: &str) -> aws_types::sdk_config::Builder {
        in_region(&self.base, &self.way.endpoints, region)
    }

    /// What calls in `region` wait for that have no quota of ours.
    pub(crate) fn order(&self, region: &str) -> Order {
        let Way { limiters, call_limits, clock, .. } = &self.way;
        Order {
            limiters: limiters.clone(),
            limits: call_limits.clone(),
            identity: self.identity.clone(),
            region: region.to_owned(),
            clock: clock.clone(),
        }
    }

    /// Waits until `api` may be called in `region` by the user's bounds: for calls that are too few for a quota of ours.
    pub async fn turn(&self, region: &str, api: &'static str) {
        self.order(region).turn(api).await;
    }

    /// The SQS client of a region.
    pub fn sqs(&self, region: &str) -> Turns<aws_sdk_sqs::Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.sqs.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_sqs::config::Builder::from(&self.in_region(region).build())
                // It wakes again and again during a long poll; the attempt's timeout does its work.
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .timeout_config(timeouts(45))
                .build();
            Turns::new(aws_sdk_sqs::Client::from_conf(config), self.order(region))
        });
        client.clone()
    }

    /// The S3 client of a region.
    pub fn s3(&self, region: &str) -> Turns<aws_sdk_s3::Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.s3.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.in_region(region).build())
                .force_path_style(self.path_style)
                .stalled_stream_protection(
                    StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(30)).build(),
                )
                .timeout_config(timeouts(60))
                .build();
            Turns::new(aws_sdk_s3::Client::from_conf(config), self.order(region))
        });
        client.clone()
    }
}

impl Identity {
    async fn caller(&self) -> Result<&Caller, AwsError> {
        let ask = async || {
            let answer = aws_sdk_sts::Client::new(&self.config).get_caller_identity().send().await;
            let identity = answer.map_err(|e| AwsError::api("GetCallerIdentity", &self.id, e))?;
            Ok(Caller {
                account: identity.account.unwrap_or_default(),
                arn: identity.arn.unwrap_or_default(),
                id: identity.user_id.unwrap_or_default(),
            })
        };
        self.caller.get_or_try_init(ask).await
    }

    /// Whose calls are counted together: those of the account with this number, or of the input alone where AWS cannot be
    /// asked which one it is.
    pub(crate) async fn counted_as(&self, clock: &dyn Clock) -> &str {
        let known = || self.caller.get().map(|caller| &*caller.account);
        if let Some(number) = known() {
            return number;
        }
        let mut again = self.again.lock().await;
        if again.is_none_or(|at| clock.now() >= at) && known().is_none() {
            let asked = timeout(PATIENCE, self.caller()).await;
            *again = (!matches!(asked, Ok(Ok(_)))).then(|| clock.now() + NOT_AGAIN);
        }
        known().unwrap_or(&self.id)
    }
}

fn in_region(base: &SdkConfig, endpoints: &Endpoints, region: &str) -> aws_types::sdk_config::Builder {
    let config = base.to_builder().region(Region::new(region.to_owned()));
    match endpoints.is_custom() {
        true => config.service_config(endpoints.in_region(region)),
        false => config,
    }
}

/// What every client of an input starts from.
async fn plain(way: &Way) -> SdkConfig {
    // The SDK's own retries are off: the engines wait and try again by one rule, which the ledger and the logs see. Its
    // cache of identities is off too: it would forget some of many, and knows nothing of renewing early.
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(way.region.clone()))
        .no_credentials()
        .http_client(way.http.clone())
        .time_source(SdkClock(way.clock.clone()))
        .retry_config(RetryConfig::disabled())
        .identity_cache(IdentityCache::no_cache())
        .app_name(aws_config::AppName::new("quittance").expect("a plain word is an app name"));
    if way.endpoints.fips {
        loader = loader.use_fips(true);
    }
    if way.endpoints.dual_stack {
        loader = loader.use_dual_stack(true);
    }
    let config = loader.load().await;
    match way.endpoints.is_custom() {
        // What the environment says of endpoints is not asked where the configuration says something.
        true => {
            let mut config = config.to_builder().service_config(way.endpoints.in_region(&way.region));
            config.set_endpoint_url(None);
            config.build()
        }
        false => config,
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
