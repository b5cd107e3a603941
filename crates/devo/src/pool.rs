//! A pool of connections to one destination: one that carries, and those that are being ended.
//!
//! The pool is *ready* while the destination is known to confirm. It starts in doubt, and is in doubt again after
//! every connection that ended badly; out of doubt it comes by a probe, an empty connection that is ended in order.
//! In doubt it takes no batch, and the engines, who see it, receive nothing.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::OptionFuture;
use jiff::Timestamp;
use quittance_core::{Backoff, Batch, Dial, Inlet, Sender, World};
use rustls::ClientConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{Confirm, Destination, DevoError, Frame, connection::Connection};

/// Plaintext that is encoded before it is handed to TLS: several records of 16 KiB at once.
const WRITE_BYTES: usize = 64 << 10;

/// Ends that may be under way at a time; beyond, the pool waits rather than pile up connections at a slow peer.
const MAX_ENDINGS: usize = 16;

/// The least that a connection may carry after repeated timeouts of its end.
const LEAST_BYTES: u64 = 64 << 10;

/// Which of a destination's pools it is.
#[derive(Clone, Debug)]
pub struct PoolName {
    /// `standard`, `lookup` or `internal`.
    pub kind: &'static str,
    /// The output's name in the configuration.
    pub output: String,
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_senders,{}", self.kind, self.output)
    }
}

/// Delivers batches to one destination over mutual TLS.
pub struct Pool {
    /// Its name in logs.
    pub name: PoolName,
    /// Where to.
    pub destination: Destination,
    /// With which certificate.
    pub tls: Arc<ClientConfig>,
    /// When to confirm.
    pub confirm: Confirm,
    /// How to connect.
    pub dial: Arc<dyn Dial>,
    /// Clock and randomness.
    pub world: World,
}

#[async_trait]
impl Sender for Pool {
    async fn run(self: Box<Self>, inlet: Inlet, stop: CancellationToken) {
        let frame = Frame::new(&self.destination.host);
        let max_bytes = self.confirm.max_bytes;
        let pool = Arc::new(*self);
        let carrier = Carrier {
            pool,
            inlet,
            frame,
            buffer: Vec::with_capacity(2 * WRITE_BYTES),
            max_bytes,
            current: None,
            endings: JoinSet::new(),
        };
        carrier.run(stop).await;
    }
}

impl Pool {
    /// Connects once and ends in order, without an event: tells whether this destination takes our certificate,
    /// and confirms.
    pub async fn probe(&self) -> Result<(), DevoError> {
        self.open().await?.end(&*self.world.clock, self.confirm.end_timeout.0).await
    }

    async fn open(&self) -> Result<Connection, DevoError> {
        Connection::open(&*self.dial, &self.destination, self.tls.clone(), &*self.world.clock).await
    }

    /// Probes until one succeeds.
    async fn prove(self: Arc<Self>) {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30), self.world.random.fork());
        while let Err(error) = self.probe().await {
            let wait = backoff.wait();
            warn!(sender = %self.name, error = error.chain(), retry_in = ?wait, "destination does not confirm");
            self.world.clock.sleep(wait).await;
        }
    }
}

/// The pool at work.
struct Carrier {
    pool: Arc<Pool>,
    inlet: Inlet,
    frame: Frame,
    buffer: Vec<u8>,
    /// Bytes after which a connection is ended; halved when an end timed out.
    max_bytes: u64,
    current: Option<Connection>,
    endings: JoinSet<Result<(), DevoError>>,
}

impl Carrier {
    async fn run(mut self, stop: CancellationToken) {
        let pool = self.pool.clone();
        let clock = pool.world.clock.clone();
        let hurry = self.inlet.hurry();
        let mut proof = OptionFuture::from(Some(Box::pin(pool.clone().prove())));
        let mut in_doubt = true;
        let mut drained = false;
        loop {
            if drained && self.current.is_none() && self.endings.is_empty() {
                debug!(sender = %pool.name, "sender ended");
                return;
            }
            let rotate = self.current.as_ref().and_then(|c| c.oldest).map(|oldest| oldest + pool.confirm.interval.0);
            let stopping = stop.is_cancelled();
            let may_take = !drained && (stopping || (!in_doubt && self.endings.len() < MAX_ENDINGS));
            let fault = tokio::select! {
                biased;
                Some(ended) = self.endings.join_next() => self.ended(ended),
                Some(()) = &mut proof, if in_doubt => {
                    info!(sender = %pool.name, address = pool.destination.address, "destination confirms");
                    in_doubt = false;
                    proof = OptionFuture::from(None);
                    self.inlet.set_ready(true);
                    None
                }
                Some(error) = OptionFuture::from(self.current.as_mut().map(Connection::watch)) => {
                    self.current = None;
                    Some(error)
                }
                () = OptionFuture::from(rotate.map(|at| clock.sleep_until(at))).then_pending() => {
                    self.end_current();
                    None
                }
                () = hurry.asked() => {
                    self.end_current();
                    None
                }
                () = stop.cancelled(), if !stopping => None,
                batch = self.inlet.next(), if may_take => match batch {
                    // Nobody knows when the destination comes back: the source keeps these.
                    Some(_) if in_doubt => None,
                    Some(batch) => self.carry(batch).await.err(),
                    None => {
                        drained = true;
                        self.end_current();
                        None
                    }
                }
            };
            if let Some(error) = fault {
                warn!(sender = %pool.name, error = error.chain(), "connection lost, its batches are given again");
                // The connections that are left are as good as before; ending them settles what they carry.
                self.end_current();
                if !in_doubt {
                    in_doubt = true;
                    self.inlet.set_ready(false);
                    proof = OptionFuture::from(Some(Box::pin(pool.clone().prove())));
                }
            }
        }
    }

    async fn carry(&mut self, batch: Batch) -> Result<(), DevoError> {
        let clock = self.pool.world.clock.clone();
        let connection = match &mut self.current {
            Some(connection) => connection,
            None => self.current.insert(self.pool.open().await?),
        };
        let Batch { events, receipt, room } = batch;
        let now = Timestamp::try_from(clock.wall()).unwrap_or_default();
        self.frame.start(events.tags(), now);
        let limit = self.pool.confirm.end_timeout.0;
        let mut next = 0;
        while next < events.len() {
            self.buffer.clear();
            next = self.frame.append(&events, next, WRITE_BYTES, &mut self.buffer);
            if let Err(error) = connection.write(&self.buffer, clock.sleep(limit), limit).await {
                self.current = None;
                return Err(error);
            }
        }
        drop(room);
        connection.keep(receipt, clock.now());
        if connection.bytes >= self.max_bytes {
            self.end_current();
        }
        // One enormous event must not keep its memory for ever.
        if self.buffer.capacity() > 16 * WRITE_BYTES {
            self.buffer = Vec::with_capacity(2 * WRITE_BYTES);
        }
        Ok(())
    }

    /// Begins the end of the connection that carries, beside whatever comes next.
    fn end_current(&mut self) {
        if let Some(connection) = self.current.take() {
            let pool = self.pool.clone();
            self.endings.spawn(async move { connection.end(&*pool.world.clock, pool.confirm.end_timeout.0).await });
        }
    }

    fn ended(&mut self, ended: Result<Result<(), DevoError>, tokio::task::JoinError>) -> Option<DevoError> {
        match ended {
            Ok(Ok(())) => {
                self.max_bytes = (self.max_bytes * 2).min(self.pool.confirm.max_bytes);
                None
            }
            Ok(Err(error)) => {
                if matches!(error, DevoError::Timeout { .. }) {
                    // A slow receiver gets smaller portions, never endless repeats.
                    self.max_bytes = (self.max_bytes / 2).max(LEAST_BYTES);
                }
                Some(error)
            }
            Err(panic) => Some(DevoError::Broken { what: "ending", source: std::io::Error::other(panic) }),
        }
    }
}

/// An absent future never ends, instead of ending with `None`.
trait ThenPending {
    async fn then_pending(self);
}

impl<F: Future<Output = ()>> ThenPending for OptionFuture<F> {
    async fn then_pending(self) {
        if self.await.is_none() {
            std::future::pending().await
        }
    }
}
