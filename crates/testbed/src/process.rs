//! A process that can die between any two things that it does.
//!
//! Whatever a collector does outside of itself passes its process: calls of AWS, connections, the store, sleep. A dead
//! process does nothing any more, whatever of it is still polled: its calls never end and nothing of it is written.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use quittance_core::{
    Change, Clock, Dial, Discarded, EventId, Fence, Link, Quarantined, Record, SetAside, Sleep, Store, StoreError,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::Instant,
};

use crate::aws::FakeAws;

/// How long AWS still works on what a dead process had asked for.
const LAST_CALL: Duration = Duration::from_secs(1);

/// A process, alive until it is killed.
pub struct Process {
    alive: AtomicBool,
    /// What it did so far.
    points: AtomicU64,
    /// It dies when it is about to do this.
    last: AtomicU64,
    died: Notify,
    /// What is to happen when it does the thing with this number.
    awaited: Mutex<Option<(u64, Then)>>,
    rng: Mutex<fastrand::Rng>,
}

/// What is to happen within a thing that a process does.
type Then = Box<dyn FnOnce() + Send>;

impl Process {
    /// A process that lives; what AWS makes of the calls that its death interrupts follows from `seed`.
    pub fn new(seed: u64) -> Arc<Process> {
        Arc::new(Process {
            alive: AtomicBool::new(true),
            points: AtomicU64::new(0),
            last: AtomicU64::new(u64::MAX),
            died: Notify::new(),
            awaited: Mutex::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        })
    }

    /// How many things it has done: calls begun and ended, reads, writes, ends, waits that were over.
    pub fn points(&self) -> u64 {
        self.points.load(Ordering::Relaxed)
    }

    /// It dies instead of doing the thing with this number, counted from 1.
    pub fn die_at(&self, point: u64) {
        self.last.store(point, Ordering::Relaxed);
    }

    /// Calls `then` when it does the thing with this number, counted from 1. It must not wait.
    pub fn at(&self, point: u64, then: impl FnOnce() + Send + 'static) {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = Some((point, Box::new(then)));
    }

    /// It dies now.
    pub fn kill(&self) {
        self.alive.store(false, Ordering::Relaxed);
        self.died.notify_waiters();
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Ends when it is dead.
    pub async fn died(&self) {
        loop {
            let died = self.died.notified();
            if !self.is_alive() {
                return;
            }
            died.await;
        }
    }

    /// It does one thing more, if it still lives.
    fn goes_on(&self) -> bool {
        if !self.is_alive() {
            return false;
        }
        let point = self.points.fetch_add(1, Ordering::Relaxed) + 1;
        if point >= self.last.load(Ordering::Relaxed) {
            self.kill();
        }
        let then = self.awaited.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(at, _)| *at <= point);
        if let Some((_, then)) = then {
            then();
        }
        self.is_alive()
    }

    /// A point before `work` and one after it.
    async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        self.point().await;
        let done = self.while_alive(work).await;
        self.point().await;
        done
    }

    async fn point(&self) {
        if !self.goes_on() {
            std::future::pending().await
        }
    }

    /// Nothing of `work` is done once the process is dead.
    async fn while_alive<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| if self.is_alive() { work.as_mut().poll(cx) } else { Poll::Pending }).await
    }

    /// The way to `aws` of this process.
    pub fn http_client(self: &Arc<Self>, aws: &FakeAws) -> SharedHttpClient {
        SharedHttpClient::new(Calls { process: self.clone(), aws: aws.http_client() })
    }

    /// Connections of this process.
    pub fn dial(self: &Arc<Self>, dial: impl Dial + 'static) -> Arc<dyn Dial> {
        Arc::new(Dials { process: self.clone(), dial })
    }

    /// The store, as this process uses it.
    pub fn store(self: &Arc<Self>, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Stored { process: self.clone(), store })
    }

    /// The clock, as this process waits by it.
    pub fn clock(self: &Arc<Self>, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        Arc::new(Timed { process: self.clone(), clock })
    }
}

#[derive(Clone)]
struct Calls {
    process: Arc<Process>,
    aws: SharedHttpClient,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Calls")
    }
}

impl HttpClient for Calls {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let aws = self.aws.http_connector(settings, components);
        SharedHttpConnector::new(CallsOf { process: self.process.clone(), aws })
    }
}

struct CallsOf {
    process: Arc<Process>,
    aws: SharedHttpConnector,
}

impl std::fmt::Debug for CallsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallsOf")
    }
}

impl HttpConnector for CallsOf {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (process, aws) = (self.process.clone(), self.aws.clone());
        HttpConnectorFuture::new(Box::pin(async move {
            process.point().await;
            let mut asked = Asked { process: process.clone(), answer: Some(Box::pin(aws.call(request))) };
            let answer = poll_fn(|cx| asked.poll(cx)).await;
            process.point().await;
            answer
        }))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, ConnectorError>> + Send>>;

/// A request that is on its way: AWS may carry it out although nobody is there any more to hear of it.
struct Asked {
    process: Arc<Process>,
    answer: Option<Answer>,
}

impl Asked {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<HttpResponse, ConnectorError>> {
        if !self.process.is_alive() {
            return Poll::Pending;
        }
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        let answer = answer.as_mut().poll(cx);
        if answer.is_ready() {
            self.answer = None;
        }
        answer
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.process.is_alive()
            && let Some(answer) = self.answer.take()
            && self.process.rng.lock().unwrap_or_else(PoisonError::into_inner).bool()
        {
            tokio::spawn(tokio::time::timeout(LAST_CALL, answer));
        }
    }
}

struct Dials<D> {
    process: Arc<Process>,
    dial: D,
}

#[async_trait]
impl<D: Dial> Dial for Dials<D> {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let link = self.process.within(self.dial.dial(host, port)).await?;
        Ok(Box::new(Linked { process: self.process.clone(), link }))
    }
}

struct Linked {
    process: Arc<Process>,
    link: Box<dyn Link>,
}

impl AsyncRead for Linked {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.process.is_alive() {
            return Poll::Pending;
        }
        // To look whether there is something is not to do something.
        let read = Pin::new(&mut *self.link).poll_read(cx, buf);
        if read.is_pending() || self.process.goes_on() { read } else { Poll::Pending }
    }
}

impl AsyncWrite for Linked {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.process.goes_on() { Pin::new(&mut *self.link).poll_write(cx, bytes) } else { Poll::Pending }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.process.is_alive() { Pin::new(&mut *self.link).poll_flush(cx) } else { Poll::Pending }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.process.goes_on() { Pin::new(&mut *self.link).poll_shutdown(cx) } else { Poll::Pending }
    }
}

impl Link for Linked {
    fn unacknowledged(&self) -> io::Result<u64> {
        self.link.unacknowledged()
    }
}

struct Stored {
    process: Arc<Process>,
    store: Arc<dyn Store>,
}

#[async_trait]
impl Store for Stored {
    async fn load(&self, scope: &str, record: Record, key: &str) -> Result<Option<String>, StoreError> {
        self.process.within(self.store.load(scope, record, key)).await
    }

    async fn list(&self, scope: &str, record: Record) -> Result<Vec<(String, String)>, StoreError> {
        self.process.within(self.store.list(scope, record)).await
    }

    async fn save(&self, fence: Fence, scope: &str, record: Record, key: &str, value: &str) -> Result<(), StoreError> {
        self.process.within(self.store.save(fence, scope, record, key, value)).await
    }

    async fn remove(&self, fence: Fence, scope: &str, record: Record, key: &str) -> Result<(), StoreError> {
        self.process.within(self.store.remove(fence, scope, record, key)).await
    }

    async fn commit(&self, fence: Fence, scope: &str, changes: Vec<Change>) -> Result<(), StoreError> {
        self.process.within(self.store.commit(fence, scope, changes)).await
    }

    async fn remembered(&self, scope: &str, cursor: &str, hour: i64) -> Result<Vec<EventId>, StoreError> {
        self.process.within(self.store.remembered(scope, cursor, hour)).await
    }

    async fn remembered_hours(&self, scope: &str, cursor: &str) -> Result<Vec<(i64, u64)>, StoreError> {
        self.process.within(self.store.remembered_hours(scope, cursor)).await
    }

    async fn quarantine(&self, fence: Fence, item: &Quarantined) -> Result<(), StoreError> {
        self.process.within(self.store.quarantine(fence, item)).await
    }

    async fn discard_before(&self, fence: Fence, then: SystemTime) -> Result<Discarded, StoreError> {
        self.process.within(self.store.discard_before(fence, then)).await
    }

    async fn set_aside(&self) -> Result<SetAside, StoreError> {
        self.process.within(self.store.set_aside()).await
    }

    fn fence(&self) -> Fence {
        self.store.fence()
    }
}

struct Timed {
    process: Arc<Process>,
    clock: Arc<dyn Clock>,
}

impl Clock for Timed {
    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let (process, sleep) = (self.process.clone(), self.clock.sleep_until(deadline));
        Box::pin(async move {
            sleep.await;
            process.point().await;
        })
    }
}
