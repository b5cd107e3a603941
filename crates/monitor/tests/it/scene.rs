//! A collector with one unit, whose source and destination a test plays.

use std::{borrow::Cow, convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use quittance_core::{
    Answer, Budget, CallCounts, Code, Debt, Ended, EventsBuilder, Failure, Family, Finding, Health, Inlet, Ledger,
    NoStore, Proof, Puller, PullerContext, Random, Setup, Severity, Supervisor, SystemClock, Tag, Tags, Unit, UnitId,
    Watchdog, World, debts, optional_output, output,
};
use quittance_monitor::{Certificate, Monitor, Page, Probes, Problems, SenderView, Subject};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Events of one batch: tag and text.
pub(crate) type Given = Vec<(&'static str, String)>;

static REFUSED: Code =
    Code::new(Family::Setup, 999, "refused", "Somebody took it away.", "Allow `sqs:ReceiveMessage` again.");

/// A source that gives what the test says.
struct Source {
    given: Mutex<mpsc::UnboundedReceiver<Given>>,
    finding: Option<Finding>,
}

#[async_trait]
impl Setup for Source {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        Ok(self.finding.clone().into_iter().collect())
    }
}

#[async_trait]
impl Puller for Source {
    async fn run(&self, context: PullerContext) -> Ended {
        let (debts, _settlements) = debts();
        let tags = Tags::default();
        let mut given = self.given.lock().await;
        loop {
            tokio::select! {
                () = context.stop.cancelled() => return Ended::Stopped,
                Some(events) = given.recv() => {
                    context.outlet.vitals().answered();
                    context.outlet.vitals().behind("", Duration::from_secs(720));
                    let (mut buffer, mut builder) = (Vec::new(), EventsBuilder::new(tags.clone()));
                    for (tag, text) in events {
                        let start = buffer.len();
                        buffer.extend_from_slice(text.as_bytes());
                        builder.push(start, buffer.len(), tags.id(&Tag::new(tag).unwrap()));
                    }
                    let debt = Debt { item: 0, events: 0..builder.len() as u64 };
                    let outlet = &context.outlet;
                    outlet.emit(builder.finish(Bytes::from(buffer)), debt, outlet.all(), &debts).await;
                }
            }
        }
    }
}

/// What a test plays with.
pub(crate) struct Scene {
    pub(crate) inlet: Inlet,
    pub(crate) health: Arc<Health>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) problems: Problems,
    pub(crate) source: mpsc::UnboundedSender<Given>,
    /// Of the probes.
    pub(crate) address: SocketAddr,
    /// Of the page.
    pub(crate) page: SocketAddr,
    /// Of the optional output: nobody takes anything from it.
    _other: Inlet,
    _tasks: Vec<JoinHandle<Infallible>>,
}

/// How a scene is made.
pub(crate) struct Setting {
    pub(crate) unhealthy_after: Duration,
    pub(crate) token: Option<&'static str>,
    /// Whether the unit's setup warns.
    pub(crate) warns: bool,
    /// Whether there is an optional output beside, with room for 1 KiB.
    pub(crate) optional: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Setting { unhealthy_after: Duration::from_secs(3600), token: None, warns: false, optional: false }
    }
}

impl Setting {
    pub(crate) async fn scene(self) -> Scene {
        let (end, inlet) = output("devo_1");
        let health = Arc::<Health>::default();
        let (optional, other) = optional_output("siem", 1 << 10);
        let outputs: Arc<[_]> = std::iter::once(end).chain(self.optional.then_some(optional)).collect();
        let supervisor = Supervisor {
            outputs: outputs.clone(),
            budget: Budget::new(64 << 20),
            ledger: Arc::new(Ledger::default()),
            health: health.clone(),
            store: Arc::new(NoStore),
            world: World { clock: Arc::new(SystemClock), random: Random::seeded(1) },
            watch: Duration::from_secs(45),
            stop: CancellationToken::new(),
        };
        let (ledger, clock) = (supervisor.ledger.clone(), supervisor.world.clock.clone());
        let unhealthy_after = self.unhealthy_after;
        let (watched, outputs_of_watchdog) = (ledger.clone(), outputs.clone());
        let watchdog =
            Watchdog { health: health.clone(), ledger: watched, outputs: outputs_of_watchdog, clock, unhealthy_after };
        let (source, given) = mpsc::unbounded_channel();
        let finding = self.warns.then(|| Finding {
            code: &REFUSED,
            severity: Severity::Warning,
            problem: "queue `<b>q</b>` refuses us".to_owned(),
            fix: Cow::Borrowed(REFUSED.solution),
        });
        let reads = Arc::new(Source { given: Mutex::new(given), finding });
        let id = UnitId::new(&["aws", "1", "unit"]);
        let unit = Unit { id, source: String::new(), tag: String::new(), setup: reads.clone(), puller: reads };
        let (problems, calls) = (Problems::default(), Arc::<CallCounts>::default());
        calls.called("ReceiveMessage", Answer::Good);
        calls.called("ReceiveMessage", Answer::Throttled);
        calls.called("GetObject", Answer::Bad);
        let readiness: Vec<_> = outputs.iter().map(|output| output.readiness()).collect();
        let subject = Subject {
            id: "12345".to_owned(),
            name: "aws01".to_owned(),
            ledger,
            health: health.clone(),
            senders: readiness.iter().map(|sender| SenderView { pool: "standard", sender: sender.clone() }).collect(),
            outputs: readiness,
            calls,
            store: Arc::new(NoStore),
            certificates: vec![Certificate {
                output: "devo_1".to_owned(),
                not_after: std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000),
            }],
            configuration: "globals:\n  page_token: (hidden)\n".to_owned(),
        };
        let clock = Arc::new(SystemClock);
        let monitor = Monitor::new(subject, problems.clone(), clock);
        let (probes, address) = listen().await;
        let (listener, page) = listen().await;
        let shown =
            Page { monitor: monitor.clone(), token: self.token.map(|token| SecretString::from(token.to_owned())) };
        let looking = monitor.clone();
        tokio::spawn(supervisor.run(vec![unit]));
        let _tasks = vec![
            tokio::spawn(watchdog.run()),
            tokio::spawn(Probes(monitor.clone()).serve(probes)),
            tokio::spawn(shown.serve(listener)),
            tokio::spawn(async move { looking.run().await }),
        ];
        Scene { inlet, _other: other, health, monitor, problems, source, address, page, _tasks }
    }
}

impl Scene {
    /// The unit gives events, and their output confirms them.
    pub(crate) async fn deliver(&mut self, events: Given) {
        self.give(events);
        let batch = self.inlet.next().await.unwrap();
        self.inlet.counts().sent(batch.events.len() as u64, batch.events.payload());
        batch.receipt.delivered(Proof::Closed);
    }

    /// The unit gives events.
    pub(crate) fn give(&self, events: Given) {
        self.source.send(events).unwrap();
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An answer.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks with these lines after the first one, of which `Host` must be one.
pub(crate) async fn ask(address: SocketAddr, head: &str) -> Got {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// The status and the body of an answer.
pub(crate) async fn get(address: SocketAddr, first: &str) -> (u16, String) {
    let got = ask(address, &format!("{first}\r\nHost: localhost")).await;
    (got.status, got.body)
}

pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(20), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(patience.await.is_ok(), "never: {what}");
}
