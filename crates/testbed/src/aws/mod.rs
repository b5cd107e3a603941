//! A fake AWS for tests and the demo: SQS, S3, STS, CloudTrail, CloudWatch's logs and metrics, and GuardDuty, as official
//! SDKs speak to them.
//!
//! The same [`FakeAws`] answers over TCP ([`server::serve`]) and inside the process
//! ([`FakeAws::http_client`] with [`FakeAws::time_source`]), where it runs in virtual time: it waits only by `tokio::time`, and
//! every random choice comes from the seed it was made with.

mod body;
mod bucket;
mod calls;
mod cbor;
mod client;
mod clock;
mod cloudtrail;
mod cloudwatch;
mod credentials;
mod error;
mod faults;
mod filter_pattern;
mod guardduty;
mod json;
mod log_groups;
mod logs;
mod md5;
mod metadata;
mod metrics;
mod notification;
mod organization;
mod paging;
mod place;
mod queue;
mod queues;
mod quota;
mod request;
mod rules;
mod s3;
mod selectors;
pub mod server;
mod sqs;
mod sts;
mod xml;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};

pub use body::{Body, BodyFault};
pub use bucket::Access;
pub use credentials::Assumed;
pub use faults::Loss;
pub use metrics::{Metric, QueryFault, Sample};
pub use notification::Shape;
pub use place::Place;
pub use queue::{MessageId, QueueCounts, QueueSettings, Redrive};

use bucket::Bucket;
use calls::Calls;
use clock::Clock;
use cloudtrail::Trails;
use credentials::Credentials;
use error::ApiError;
use faults::{Fault, Faults};
use guardduty::Detectors;
use log_groups::LogGroups;
use metrics::Metrics;
use paging::Paging;
use queue::Queue;
use quota::Quotas;
use request::{Call, Service};
use rules::Rules;
use selectors::Recordings;

/// The account that owns every queue, bucket and user here, and whatever was not put into another one.
pub const ACCOUNT: &str = "111122223333";

/// The region of everything that was not put into another one.
pub const REGION: &str = "us-east-1";

/// A whole fake AWS. Clones share one state.
#[derive(Clone)]
pub struct FakeAws(Arc<Shared>);

struct Shared {
    clock: Clock,
    rng: Mutex<fastrand::Rng>,
    requests: AtomicU64,
    sequence: AtomicU64,
    base_url: Mutex<String>,
    calls: Calls,
    faults: Faults,
    credentials: Credentials,
    /// The accounts of the organization, and whether each is active.
    members: Mutex<Vec<(String, bool)>>,
    /// The role of the instance that callers run on, if they run on one.
    instance_role: Mutex<Option<String>>,
    quotas: Quotas,
    metrics: Mutex<Metrics>,
    detectors: Mutex<Detectors>,
    queues: Mutex<HashMap<String, Arc<Queue>>>,
    buckets: Mutex<HashMap<String, Bucket>>,
    paging: Paging,
    trails: Trails,
    recordings: Recordings,
    rules: Rules,
    log_groups: LogGroups,
}

impl std::fmt::Debug for FakeAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeAws")
    }
}

impl FakeAws {
    /// An empty AWS whose random choices all follow from `seed`; its clock starts at the present time.
    pub fn new(seed: u64) -> Self {
        Self::new_at(seed, jiff::Timestamp::now())
    }

    /// As [`FakeAws::new`], with a clock that starts at `start`: the same seed and start give the
    /// same bytes.
    pub fn new_at(seed: u64, start: jiff::Timestamp) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        Self(Arc::new(Shared {
            clock: Clock::starting_at(start),
            faults: Faults::new(rng.fork()),
            rng: Mutex::new(rng),
            requests: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            base_url: Mutex::new(format!("https://sqs.{REGION}.amazonaws.com")),
            calls: Calls::default(),
            credentials: Credentials::default(),
            members: Mutex::default(),
            instance_role: Mutex::default(),
            quotas: Quotas::default(),
            metrics: Mutex::default(),
            detectors: Mutex::default(),
            queues: Mutex::default(),
            buckets: Mutex::default(),
            paging: Paging::default(),
            trails: Trails::default(),
            recordings: Recordings::default(),
            rules: Rules::default(),
            log_groups: LogGroups::default(),
        }))
    }

    /// The account number of everything here.
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// The present time of this AWS: its start plus the time that `tokio::time` has counted since.
    pub fn now(&self) -> jiff::Timestamp {
        self.0.clock.now()
    }

    /// Sets what queue URLs begin with, `http://HOST:PORT`, without a slash at the end.
    pub fn set_base_url(&self, url: impl Into<String>) {
        *lock(&self.0.base_url) = url.into();
    }

    /// How often `api` (`"ReceiveMessage"`, `"GetObject"`, …) was called, whatever came of it.
    pub fn calls(&self, api: &str) -> u64 {
        self.0.calls.of(api)
    }

    /// How often `api` ended so: `"ok"`, `"lost"`, or an error code as the SDK shows it, such as
    /// `"AccessDenied"` or `"AWS.SimpleQueueService.NonExistentQueue"`.
    pub fn calls_with(&self, api: &str, outcome: &str) -> u64 {
        self.0.calls.with(api, outcome)
    }

    /// Every count of calls by API and outcome.
    pub fn all_calls(&self) -> std::collections::BTreeMap<(String, String), u64> {
        self.0.calls.all()
    }

    /// Answers one request as AWS would.
    ///
    /// A connection that a fault ends without an answer is marked by the extension
    /// [`ConnectionLost`]; whoever carries the answer breaks the connection then.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Body> {
        let call = Call::of(&request);
        let request_id = self.next_request_id();
        let answered = match self.admit(&call).await {
            Ok(lost) => {
                let answered = match call.service {
                    Service::Sqs => self.answer_sqs(&call, request.body()).await,
                    Service::S3 => self.answer_s3(&call, request).await,
                    Service::Sts => self.answer_sts(&call),
                    Service::Organizations => self.answer_organizations(&call, request.body()),
                    Service::Metadata => self.answer_metadata(&call),
                    Service::CloudTrail => self.answer_cloudtrail(&call, request.body()),
                    Service::EventBridge => self.answer_eventbridge(&call, request.body()),
                    Service::Logs => self.answer_logs(&call, request.body()),
                    Service::CloudWatch | Service::CloudWatchJson => self.answer_cloudwatch(&call, &request),
                    Service::GuardDuty => self.answer_guardduty(&call, &request),
                };
                if lost { Err(Refusal::Lost) } else { answered.map_err(Refusal::Error) }
            }
            Err(refusal) => Err(refusal),
        };
        let mut response = match answered {
            Ok(response) => {
                self.0.calls.count(call.api, "ok");
                response
            }
            Err(Refusal::Error(error)) => {
                self.0.calls.count(call.api, &error.code);
                call.service.render(&error, &request_id, call.is_head)
            }
            Err(Refusal::Lost) => {
                self.0.calls.count(call.api, "lost");
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(ConnectionLost);
                response
            }
        };
        if let Ok(value) = request_id.parse() {
            response.headers_mut().insert(call.service.request_id_header(), value);
        }
        if let Ok(value) = clock::http_date(self.now()).parse() {
            response.headers_mut().insert(http::header::DATE, value);
        }
        response
    }

    /// Credentials first, then quotas, then scripted faults. `Ok(true)`: do it, and lose the answer.
    async fn admit(&self, call: &Call) -> Result<bool, Refusal> {
        if let Some(delay) = self.0.faults.delay(call.api) {
            tokio::time::sleep(delay).await;
        }
        if call.service == Service::Metadata && lock(&self.0.instance_role).is_none() {
            return Err(Refusal::Lost);
        }
        self.0.credentials.check(call).map_err(Refusal::Error)?;
        self.0.quotas.admit(call, self.place_of(call)).map_err(Refusal::Error)?;
        match self.0.faults.next(call.api) {
            None => Ok(false),
            Some(Fault::Error { status, code, message }) => {
                let error = ApiError::scripted(call.service, status, code);
                Err(Refusal::Error(match message {
                    Some(message) => error.saying(&message),
                    None => error,
                }))
            }
            Some(Fault::Lose(Loss::Request)) => Err(Refusal::Lost),
            Some(Fault::Lose(Loss::Answer)) => Ok(true),
            Some(Fault::Lose(Loss::Hang)) => std::future::pending().await,
        }
    }

    fn next_request_id(&self) -> String {
        let number = self.0.requests.fetch_add(1, Ordering::Relaxed);
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    fn random_u128(&self) -> u128 {
        lock(&self.0.rng).u128(..)
    }
}

/// Marks a response that must not be sent: the connection ends instead.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLost;

enum Refusal {
    Error(ApiError),
    Lost,
}

/// A test that panics while it holds a lock must not turn every later look into a second panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
