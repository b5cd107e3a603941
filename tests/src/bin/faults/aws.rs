//! The fake AWS as a process of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use quittance_testbed::aws::{BodyFault, FakeAws, Loss, MessageId, Place, QueueSettings, Redrive, Shape, server};
use quittance_tests::cloud::REGION;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::remote::{Order, Remote, follow};

/// What the fake AWS can be told.
#[derive(Serialize, Deserialize)]
pub(crate) enum AwsOrder {
    /// Makes a queue. With a number of receives, what is received so often becomes a dead letter, in `<name>-dead`.
    Queue { name: String, max_receives: Option<u32> },
    /// Makes a bucket that may announce its objects in a queue, and may keep their versions.
    Bucket { name: String, queue: Option<String>, shape: Shape, versions: bool, checksums: bool },
    /// Puts an object, in Base64.
    Put { bucket: String, key: String, bytes: String },
    /// Puts the same bytes, in Base64, under many keys: the prefix and a number.
    PutMany { bucket: String, prefix: String, first: u64, end: u64, bytes: String },
    /// What goes wrong with the next transfers of an object.
    Body { bucket: String, key: String, faults: Vec<BodyFault> },
    /// Sends messages.
    Send { queue: String, bodies: Vec<String> },
    /// Puts log events, each with its time in milliseconds since 1970.
    Log { group: String, events: Vec<(i64, String)> },
    /// The next calls of an API fail.
    FailNext { api: String, times: u32, status: u16, code: String },
    /// Every call of an API fails.
    FailWhile { api: String, code: String },
    /// Calls of an API fail by chance.
    FailSometimes { api: String, chance: f64, code: String },
    /// Connections of an API's calls fail by chance.
    LoseSometimes { api: String, chance: f64, loss: Loss },
    /// Calls of an API take so many milliseconds.
    Delay { api: String, millis: u64 },
    /// An API goes well again.
    Recover { api: String },
    /// The next messages received are handed out twice.
    Redeliver { queue: String, times: u32 },
    /// Everything in flight comes back, as after its visibility timeout.
    MakeVisible { queue: String },
    /// Every session that STS gave out is over.
    ExpireSessions,
    /// Nothing: only says how it stands.
    State,
    /// Says what was deleted, too.
    Forgotten,
}

/// What the fake AWS answers to any order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct AwsState {
    /// The ids of messages that came of the order.
    pub(crate) sent: Vec<String>,
    /// Its queues.
    pub(crate) queues: BTreeMap<String, Counts>,
    /// How often each API was called.
    pub(crate) calls: BTreeMap<String, u64>,
    /// The messages that were deleted, and how long the file of arrivals was at that moment.
    pub(crate) forgotten: Vec<(String, u64)>,
}

/// What a queue holds, and what became of its messages.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    pub(crate) deleted: u64,
    pub(crate) dead: u64,
}

impl Order for AwsOrder {
    type Answer = AwsState;
}

/// Starts the process; answers with its endpoint too.
pub(crate) fn start(seed: u64, arrivals: &Path) -> Result<(Remote<AwsOrder>, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("aws").arg("--from").arg(seed.to_string()).arg("--arrivals").arg(arrivals);
    Remote::start(&mut command)
}

/// The process.
pub(crate) fn run(seed: u64, arrivals: PathBuf) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _within = runtime.enter();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let aws = FakeAws::new(seed);
    aws.set_base_url(&endpoint);
    runtime.spawn(server::serve(aws.clone(), listener, CancellationToken::new()));
    let mut cloud = Cloud { aws, arrivals, queues: Vec::new(), forgotten: Arc::default() };
    follow(&endpoint, |order| cloud.obey(order))
}

struct Cloud {
    aws: FakeAws,
    arrivals: PathBuf,
    queues: Vec<String>,
    forgotten: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Cloud {
    fn obey(&mut self, order: AwsOrder) -> Result<AwsState> {
        let aws = &self.aws;
        let mut state = AwsState::default();
        match order {
            AwsOrder::Queue { name, max_receives } => self.queue(name, max_receives),
            AwsOrder::Bucket { name, queue, shape, versions, checksums } => {
                aws.create_bucket(&name);
                if let Some(queue) = queue {
                    aws.notify(&name, &queue, shape);
                }
                if versions {
                    aws.keep_versions(&name);
                }
                if checksums {
                    aws.keep_checksums(&name);
                }
            }
            AwsOrder::Put { bucket, key, bytes } => {
                let before = self.messages();
                aws.put_object(&bucket, &key, STANDARD.decode(bytes)?);
                let new = self.messages().into_iter().filter(|id| !before.contains(id));
                state.sent = new.map(|id| id.to_string()).collect();
            }
            AwsOrder::PutMany { bucket, prefix, first, end, bytes } => {
                let bytes = bytes::Bytes::from(STANDARD.decode(bytes)?);
                (first..end)
                    .for_each(|number| drop(aws.put_object(&bucket, &format!("{prefix}{number}"), bytes.clone())));
            }
            AwsOrder::Body { bucket, key, faults } => {
                faults.into_iter().for_each(|fault| aws.body_fault(&bucket, &key, fault));
            }
            AwsOrder::Send { queue, bodies } => {
                state.sent = bodies.into_iter().map(|body| aws.send(&queue, body).to_string()).collect();
            }
            AwsOrder::Log { group, events } => {
                let (at, now) = (Place::new(aws.account(), REGION), aws.now());
                for (time, message) in events {
                    aws.put_log_event(&at, &group, "stream", Timestamp::from_millisecond(time)?, now, message);
                }
            }
            AwsOrder::FailNext { api, times, status, code } => aws.fail_next(&api, times, status, &code),
            AwsOrder::FailWhile { api, code } => aws.fail_while(&api, &code),
            AwsOrder::FailSometimes { api, chance, code } => aws.fail_sometimes(&api, chance, &code),
            AwsOrder::LoseSometimes { api, chance, loss } => aws.lose_sometimes(&api, chance, loss),
            AwsOrder::Delay { api, millis } => aws.delay(&api, Duration::from_millis(millis)),
            AwsOrder::Recover { api } => aws.recover(&api),
            AwsOrder::Redeliver { queue, times } => aws.redeliver_next(&queue, times),
            AwsOrder::MakeVisible { queue } => aws.make_visible(&queue),
            AwsOrder::ExpireSessions => aws.expire_sessions(),
            AwsOrder::State => {}
            AwsOrder::Forgotten => {
                state.forgotten.clone_from(&self.forgotten.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
        for name in &self.queues {
            let counts = self.aws.counts(name);
            state.queues.insert(
                name.clone(),
                Counts {
                    visible: counts.visible,
                    in_flight: counts.in_flight,
                    deleted: counts.deleted,
                    dead: counts.dead_lettered,
                },
            );
        }
        for ((api, _), times) in self.aws.all_calls() {
            *state.calls.entry(api).or_default() += times;
        }
        Ok(state)
    }

    fn queue(&mut self, name: String, max_receives: Option<u32>) {
        let redrive = max_receives.map(|max_receive_count| {
            let queue = format!("{name}-dead");
            self.aws.create_queue(&queue, QueueSettings::default());
            Redrive { queue, max_receive_count }
        });
        self.aws.create_queue(
            &name,
            QueueSettings { redrive, visibility_timeout: Duration::from_secs(5), ..QueueSettings::default() },
        );
        let (forgotten, arrivals) = (self.forgotten.clone(), self.arrivals.clone());
        self.aws.watch_deletes(&name, move |id: MessageId, _| {
            let arrived = std::fs::metadata(&arrivals).map_or(0, |file| file.len());
            forgotten.lock().unwrap_or_else(PoisonError::into_inner).push((id.to_string(), arrived));
        });
        self.queues.push(name);
    }

    fn messages(&self) -> Vec<MessageId> {
        self.queues.iter().flat_map(|queue| self.aws.message_ids(queue)).collect()
    }
}
