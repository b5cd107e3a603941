//! A pool of connections to one destination: one that carries, and those that are being ended.
//!
//! The pool is *ready* while the destination is known to confirm. The standard pool starts in doubt, and any pool is in
//! doubt after a connection that ended badly; out of doubt it comes by a probe, an empty connection that is ended in
//! order. In doubt it takes no batch, and the engines, who see it, receive nothing.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{BoxFuture, OptionFuture},
};
use jiff::Timestamp;
use quittance_core::{
    Backoff, Batch, Dial, Inlet, Proof, Record, Sender, SenderCounts, Store, World, codes::STATE_UNREADABLE, planted,
};
use rustls::ClientConfig;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    Confirm, Destination, DevoError, Handshakes, Mode, codes,
    connection::{Connection, EndRules},
    statistics::Statistics,
    wire::Encoder,
};

/// Ends of one pool that may be under way at a time; beyond, the pool waits rather than pile up connections at a slow peer.
const MAX_ENDINGS: usize = 16;

/// The least that a connection may carry after repeated timeouts of its end.
const LEAST_BYTES: u64 = 64 << 10;

/// How long a probe waits for the peer's end before that says something about the peer.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// With acknowledgements as proof a connection is not rotated for receipts; idle it is ended all the same, before a
/// balancer does (Devo's own SDK takes 30 s for the balancer's limit).
const ACKED_IDLE: Duration = Duration::from_secs(10);

/// How often acknowledgements are looked at.
const ACKED_CHECK: Duration = Duration::from_millis(500);

/// The three pools of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Events.
    Standard,
    /// Lookups.
    Lookup,
    /// The collector's own messages.
    Internal,
}

impl PoolKind {
    /// Its name, as it stands in sender names.
    pub fn name(self) -> &'static str {
        match self {
            PoolKind::Standard => "standard",
            PoolKind::Lookup => "lookup",
            PoolKind::Internal => "internal",
        }
    }

    /// Its name at the head of a statistics line.
    pub(crate) fn title(self) -> &'static str {
        match self {
            PoolKind::Standard => "Standard",
            PoolKind::Lookup => "Lookup",
            PoolKind::Internal => "Internal",
        }
    }
}

/// Which of a destination's pools it is.
#[derive(Clone, Debug)]
pub struct PoolName {
    /// One of the three.
    pub kind: PoolKind,
    /// The output's name in the configuration.
    pub output: String,
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_senders,{}", self.kind.name(), self.output)
    }
}

/// Delivers batches to one destination, over TLS or plain TCP.
pub struct Pool {
    /// Its name in logs.
    pub name: PoolName,
    /// Where to, and how events look there.
    pub destination: Destination,
    /// Whom to trust, and with which certificate; `None` is plain TCP, which anybody on the way can read and change.
    pub tls: Option<Arc<ClientConfig>>,
    /// When to confirm.
    pub confirm: Confirm,
    /// How to connect.
    pub dial: Arc<dyn Dial>,
    /// What all pools of the process share.
    pub handshakes: Handshakes,
    /// Where the verdict on a destination is kept.
    pub store: Arc<dyn Store>,
    /// Clock and randomness.
    pub world: World,
}

/// What is known of how a destination confirms; with `mode: auto` this is learnt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// Nothing yet.
    Open,
    /// Something may be, but the state cannot be read: the weaker proof is not for now.
    Unread,
    /// It ends its half; from then on only the user can choose the weaker proof.
    Closes,
    /// It clearly does not.
    NeverEnds,
}

#[async_trait]
impl Sender for Pool {
    async fn run(self: Box<Self>, inlet: Inlet, stop: CancellationToken) {
        let verdict = self.remembered().await;
        let encoder = Encoder::new(&self.destination.host, self.destination.wire);
        let acked_check = self.world.clock.now();
        let statistics = Statistics::new(acked_check, self.world.clock.wall());
        let max_bytes = self.confirm.max_bytes;
        let (current, endings, kept) = (None, JoinSet::new(), true);
        let pool = Arc::new(*self);
        Carrier { pool, inlet, encoder, statistics, verdict, kept, max_bytes, acked_check, current, endings }
            .run(stop)
            .await;
    }
}

impl Pool {
    /// Connects once and ends in order, without an event: tells whether this destination takes our certificate,
    /// and confirms.
    pub async fn probe(&self) -> Result<(), DevoError> {
        self.counted_probe(&SenderCounts::default()).await
    }

    async fn counted_probe(&self, counts: &SenderCounts) -> Result<(), DevoError> {
        let rules = EndRules { timeout: PROBE_PATIENCE, settle: None };
        let opened = self.open().await;
        counts.connected(opened.is_ok());
        let ended = self.end(opened?, rules).await.map(drop);
        counts.parted(ended.is_ok());
        ended
    }

    /// Another pool to the same destination.
    pub fn sibling(&self, kind: PoolKind) -> Pool {
        Pool {
            name: PoolName { kind, output: self.name.output.clone() },
            destination: self.destination.clone(),
            tls: self.tls.clone(),
            confirm: self.confirm.clone(),
            dial: self.dial.clone(),
            handshakes: self.handshakes.clone(),
            store: self.store.clone(),
            world: self.world.clone(),
        }
    }

    async fn open(&self) -> Result<Connection, DevoError> {
        let clock = &*self.world.clock;
        self.handshakes.within(clock, Connection::open(&*self.dial, &self.destination, self.tls.clone(), clock)).await
    }

    async fn end(&self, connection: Connection, rules: EndRules) -> Result<Proof, DevoError> {
        let clock = &*self.world.clock;
        self.handshakes.within(clock, connection.end(clock, rules)).await
    }

    /// Probes until one succeeds; says what it showed.
    async fn prove(self: Arc<Self>, mut verdict: Verdict, counts: Arc<SenderCounts>) -> Verdict {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30), self.world.random.fork());
        loop {
            let error = match self.counted_probe(&counts).await {
                Ok(()) => return Verdict::Closes,
                Err(error) => error,
            };
            if verdict == Verdict::Unread {
                verdict = self.remembered().await;
            }
            let acks_do = match self.confirm.mode {
                Mode::Closed => false,
                Mode::Acked => true,
                Mode::Auto => matches!(verdict, Verdict::Open | Verdict::NeverEnds),
            };
            if acks_do && matches!(error, DevoError::NeverEnded { .. }) {
                return Verdict::NeverEnds;
            }
            let wait = backoff.wait();
            warn!(sender = %self.name, code = %error.code(), error = error.chain(), retry_in = ?wait, "destination does not confirm");
            self.world.clock.sleep(wait).await;
        }
    }

    /// How connections are ended, and whether acknowledgements settle receipts before that.
    fn rules(&self, verdict: Verdict) -> EndRules {
        let acked = match self.confirm.mode {
            Mode::Closed => false,
            Mode::Acked => true,
            Mode::Auto => verdict == Verdict::NeverEnds,
        };
        EndRules { timeout: self.confirm.end_timeout.0, settle: acked.then_some(self.confirm.settle.0) }
    }

    async fn remembered(&self) -> Verdict {
        match self.store.load("outputs", Record::Verdict, &self.name.output).await {
            Ok(Some(verdict)) if verdict == "closes" => Verdict::Closes,
            Ok(_) => Verdict::Open,
            Err(error) => {
                warn!(sender = %self.name, code = %STATE_UNREADABLE, error = quittance_core::chain(&error), "cannot tell how this destination confirmed before");
                Verdict::Unread
            }
        }
    }

    /// Whether it is written down.
    async fn remember(&self, verdict: Verdict) -> bool {
        let text = if verdict == Verdict::Closes { "closes" } else { "never_ends" };
        let saved = self.store.save(self.store.fence(), "outputs", Record::Verdict, &self.name.output, text).await;
        if let Err(error) = &saved {
            warn!(sender = %self.name, code = %error.code(), error = quittance_core::chain(error), "cannot keep how this destination confirms: it is tried again");
        }
        saved.is_ok()
    }
}

/// The pool at work.
struct Carrier {
    pool: Arc<Pool>,
    inlet: Inlet,
    encoder: Encoder,
    statistics: Statistics,
    verdict: Verdict,
    /// Whether the state knows it.
    kept: bool,
    /// Bytes after which a connection is ended; halved when an end timed out.
    max_bytes: u64,
    /// When acknowledgements are looked at next.
    acked_check: tokio::time::Instant,
    current: Option<Connection>,
    /// What each carried, and how it ended.
    endings: JoinSet<(u64, Result<Proof, DevoError>)>,
}

impl Carrier {
    async fn run(mut self, stop: CancellationToken) {
        let pool = self.pool.clone();
        let clock = pool.world.clock.clone();
        let hurry = self.inlet.hurry();
        // Lookup and internal connect with their first batch.
        let mut in_doubt = pool.name.kind == PoolKind::Standard;
        self.inlet.set_ready(!in_doubt);
        let mut proof = OptionFuture::from(in_doubt.then(|| self.prove()));
        let mut drained = false;
        loop {
            if drained && self.current.is_none() && self.endings.is_empty() {
                self.statistics.log(&pool.name, &self.inlet, clock.now(), clock.wall());
                debug!(sender = %pool.name, "sender ended");
                return;
            }
            let rotate = self.rotation();
            let stopping = stop.is_cancelled();
            let may_take = !drained && (stopping || (!in_doubt && self.endings.len() < MAX_ENDINGS));
            let fault = tokio::select! {
                biased;
                Some(ended) = self.endings.join_next() => self.ended(ended),
                Some(verdict) = &mut proof, if in_doubt => {
                    self.proved(verdict).await;
                    in_doubt = false;
                    proof = OptionFuture::from(None);
                    self.inlet.set_ready(true);
                    None
                }
                Some(error) = OptionFuture::from(self.current.as_mut().map(Connection::watch)) => {
                    if let Some(connection) = self.current.as_mut().filter(|_| planted("settled-on-reset")) {
                        connection.settle_broken();
                    }
                    self.current = None;
                    self.inlet.counts().parted(false);
                    Some(error)
                }
                () = clock.sleep_until(rotate.unwrap_or(self.statistics.next)), if rotate.is_some() => self.rotate(),
                () = clock.sleep_until(self.statistics.next) => {
                    self.statistics.log(&pool.name, &self.inlet, clock.now(), clock.wall());
                    self.keep_verdict().await;
                    None
                }
                () = hurry.asked() => {
                    self.end_current();
                    None
                }
                () = stop.cancelled(), if !stopping => None,
                batch = self.inlet.next(), if may_take => match batch {
                    // Nobody knows when the destination comes back: the source keeps these.
                    Some(batch) if in_doubt => {
                        if planted("settled-in-doubt") {
                            batch.receipt.delivered(Proof::Closed);
                        }
                        None
                    }
                    Some(batch) => self.carry(batch).await.err(),
                    None => {
                        drained = true;
                        self.end_current();
                        None
                    }
                }
            };
            if let Some(error) = fault {
                let (sender, code, error) = (&pool.name, error.code(), error.chain());
                match self.inlet.effort() {
                    None => warn!(%sender, %code, error, "connection lost, its batches are given again"),
                    Some(_) => warn!(%sender, %code, error, "connection of an optional output lost, with its batches"),
                }
                // The connections that are left are as good as before; ending them settles what they carry.
                self.end_current();
                if !in_doubt {
                    in_doubt = true;
                    self.inlet.set_ready(false);
                    proof = OptionFuture::from(Some(self.prove()));
                }
            }
        }
    }

    fn prove(&self) -> BoxFuture<'static, Verdict> {
        self.pool.clone().prove(self.verdict, self.inlet.counts().clone()).boxed()
    }

    async fn proved(&mut self, verdict: Verdict) {
        let Pool { name, destination, .. } = &*self.pool;
        info!(sender = %name, address = destination.address, port = destination.port, "destination confirms");
        if verdict == Verdict::NeverEnds {
            warn!(
                sender = %name,
                code = %codes::WEAK_PROOF,
                "destination does not end its half: deliveries are confirmed by acknowledged bytes alone (`acked`), \
                 which a receiver that dies with unread data can lose"
            );
        }
        if verdict != self.verdict {
            (self.verdict, self.kept) = (verdict, false);
        }
        self.keep_verdict().await;
    }

    /// A restart must know it.
    async fn keep_verdict(&mut self) {
        if !self.kept {
            self.kept = self.pool.remember(self.verdict).await;
        }
    }

    /// When something is to be done about the connection that carries, by [`rotate`](Self::rotate).
    fn rotation(&self) -> Option<tokio::time::Instant> {
        let connection = self.current.as_ref()?;
        match self.pool.rules(self.verdict).settle {
            None => Some(connection.oldest? + self.pool.confirm.interval.0),
            Some(_) if connection.is_owing() => Some(self.acked_check),
            Some(_) => Some(connection.newest? + ACKED_IDLE),
        }
    }

    fn rotate(&mut self) -> Option<DevoError> {
        let now = self.pool.world.clock.now();
        let settle = self.pool.rules(self.verdict).settle;
        match (&mut self.current, settle) {
            (Some(connection), Some(settle)) if connection.is_owing() => {
                self.acked_check = now + ACKED_CHECK;
                let broken = |source| DevoError::Broken { what: "asking for acknowledgements", source };
                connection.settle_acked(now, settle).map_err(broken).err()
            }
            _ => {
                self.end_current();
                None
            }
        }
    }

    async fn carry(&mut self, batch: Batch) -> Result<(), DevoError> {
        let clock = self.pool.world.clock.clone();
        let started = clock.now();
        if self.current.is_none() {
            let opened = self.pool.open().await;
            self.inlet.counts().connected(opened.is_ok());
            self.current = Some(opened?);
        }
        let written = self.write(&batch).await;
        let Some(connection) = self.current.as_mut().filter(|_| written.is_ok()) else {
            // After a partial write nothing more goes on that connection.
            self.current = None;
            self.inlet.counts().parted(false);
            return written;
        };
        let Batch { events, receipt, room } = batch;
        drop(room);
        let now = clock.now();
        connection.keep(receipt, now);
        self.statistics.sent(events.len() as u64, now - started);
        self.inlet.counts().sent(events.len() as u64, events.payload());
        if connection.bytes >= self.max_bytes {
            self.end_current();
        }
        Ok(())
    }

    async fn write(&mut self, batch: &Batch) -> Result<(), DevoError> {
        let clock = &self.pool.world.clock;
        let limit = self.pool.confirm.end_timeout.0;
        let Some(connection) = &mut self.current else { return Err(DevoError::PeerEnded) };
        self.encoder.start(batch.events.tags(), Timestamp::try_from(clock.wall()).unwrap_or_default());
        while let Some(portion) = self.encoder.portion(&batch.events) {
            connection.write(portion, clock.sleep(limit), limit).await?;
        }
        connection.flush(clock.sleep(limit), limit).await
    }

    /// Begins the end of the connection that carries, beside whatever comes next.
    fn end_current(&mut self) {
        if let Some(connection) = self.current.take() {
            let (pool, rules) = (self.pool.clone(), self.pool.rules(self.verdict));
            let bytes = connection.bytes;
            self.endings.spawn(async move { (bytes, pool.end(connection, rules).await) });
        }
    }

    fn ended(&mut self, ended: Result<(u64, Result<Proof, DevoError>), JoinError>) -> Option<DevoError> {
        self.inlet.counts().parted(matches!(ended, Ok((_, Ok(_)))));
        match ended {
            Ok((_, Ok(_))) => {
                self.max_bytes = self.max_bytes.saturating_mul(2).min(self.pool.confirm.max_bytes);
                None
            }
            Ok((bytes, Err(error))) => {
                if matches!(error, DevoError::NeverEnded { .. } | DevoError::Timeout { .. }) {
                    // A slow receiver gets smaller portions than it could not take, never endless repeats.
                    self.max_bytes = (self.max_bytes.min(bytes) / 2).max(LEAST_BYTES);
                }
                Some(error)
            }
            Err(panic) => Some(DevoError::Broken { what: "ending", source: std::io::Error::other(panic) }),
        }
    }
}
