//! One connection, from its handshake to the end that proves what was on it.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use quittance_core::{Clock, Dial, Proof, Receipt, Sleep, planted};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tokio_rustls::TlsConnector;

use crate::{
    Destination, DevoError,
    stream::{Metered, Stream},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often an end under way is looked at: the peer may take its time as long as it takes bytes.
const END_CHECK: Duration = Duration::from_millis(500);

/// What a half-close counts among the bytes to be acknowledged.
const HALF_CLOSE: u64 = 1;

/// How long our last byte may stay unacknowledged once the peer has ended: it is on its way, or was answered by a
/// reset.
const CROSSING_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked at.
const CROSSING_CHECK: Duration = Duration::from_millis(20);

/// A connection with the receipts of what was written to it.
pub(crate) struct Connection {
    stream: Stream,
    owed: VecDeque<Unconfirmed>,
    /// When the first batch was written.
    pub(crate) oldest: Option<Instant>,
    /// When the last batch was.
    pub(crate) newest: Option<Instant>,
    /// Bytes of events written, before TLS.
    pub(crate) bytes: u64,
    /// Whether an end of the transport may be another's than the peer's.
    relayed: bool,
}

/// A batch that was written whole.
struct Unconfirmed {
    receipt: Receipt,
    /// Where it ends, in bytes given to the transport.
    end: u64,
    /// Since when the peer's transport has acknowledged it all.
    acked: Option<Instant>,
}

/// How an end is proved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndRules {
    /// How long nothing may move.
    pub(crate) timeout: Duration,
    /// If acknowledged bytes are proof enough: for how long the connection must stay healthy.
    pub(crate) settle: Option<Duration>,
}

/// How far the end of a connection has come.
enum Ending {
    /// close_notify and the half-close are on their way.
    Ours,
    /// We wait for the peer's end: within TLS, if there is TLS.
    Peers,
    /// The peer said close_notify; its transport's end is still to come.
    Transport,
}

impl Connection {
    /// Connects; with `tls`, the server is verified.
    pub(crate) async fn open(
        dial: &dyn Dial,
        destination: &Destination,
        tls: Option<Arc<ClientConfig>>,
        clock: &dyn Clock,
    ) -> Result<Self, DevoError> {
        let Destination { address, port, .. } = destination;
        let name = ServerName::try_from(address.clone()).map_err(|_| DevoError::BadAddress(address.clone()))?;
        let at = || format!("{address}:{port}");
        let connect = async {
            let link = dial.dial(address, *port).await.map_err(|source| DevoError::Dial { address: at(), source })?;
            let metered = Metered { link, written: 0 };
            let Some(tls) = tls else { return Ok(Stream::Plain(metered)) };
            let stream = TlsConnector::from(tls).connect(name, metered).await;
            Ok(Stream::Tls(Box::new(stream.map_err(|source| DevoError::Handshake { address: at(), source })?)))
        };
        let stream = tokio::select! {
            biased;
            stream = connect => stream?,
            () = clock.sleep(CONNECT_TIMEOUT) => {
                return Err(DevoError::Timeout { what: "connecting", after: CONNECT_TIMEOUT });
            }
        };
        let relayed = dial.is_relayed();
        Ok(Connection { stream, owed: VecDeque::new(), oldest: None, newest: None, bytes: 0, relayed })
    }

    /// Writes `bytes`, reading the peer's side all the while. Fails when nothing is accepted until `deadline`.
    pub(crate) async fn write(
        &mut self,
        mut bytes: &[u8],
        mut deadline: Sleep,
        after: Duration,
    ) -> Result<(), DevoError> {
        self.bytes += bytes.len() as u64;
        poll_fn(|cx| {
            if let Poll::Ready(error) = self.poll_peer(cx) {
                return Poll::Ready(Err(error));
            }
            let broken = |source| DevoError::Broken { what: "writing", source };
            while !bytes.is_empty() {
                match Pin::new(&mut self.stream).poll_write(cx, bytes) {
                    Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                    Poll::Ready(Err(source)) => return Poll::Ready(Err(broken(source))),
                    Poll::Pending => {
                        return deadline.as_mut().poll(cx).map(|()| Err(DevoError::Timeout { what: "writing", after }));
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Pushes what was written into the transport.
    pub(crate) async fn flush(&mut self, mut deadline: Sleep, after: Duration) -> Result<(), DevoError> {
        poll_fn(|cx| {
            if let Poll::Ready(error) = self.poll_peer(cx) {
                return Poll::Ready(Err(error));
            }
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(done) => Poll::Ready(done.map_err(|source| DevoError::Broken { what: "writing", source })),
                Poll::Pending => {
                    deadline.as_mut().poll(cx).map(|()| Err(DevoError::Timeout { what: "writing", after }))
                }
            }
        })
        .await
    }

    /// Keeps the receipt of a batch that was written and flushed whole.
    pub(crate) fn keep(&mut self, receipt: Receipt, now: Instant) {
        self.oldest.get_or_insert(now);
        self.newest = Some(now);
        if planted("settled-when-written") {
            return receipt.delivered(Proof::Closed);
        }
        self.owed.push_back(Unconfirmed { receipt, end: self.metered().written, acked: None });
    }

    /// What a planted bug makes of a connection that broke.
    pub(crate) fn settle_broken(&mut self) {
        self.owed.drain(..).for_each(|batch| batch.receipt.delivered(Proof::Closed));
    }

    /// Whether some batch waits for its confirmation.
    pub(crate) fn is_owing(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Settles what the peer's transport acknowledged at least `settle` ago. Fails when the transport cannot say.
    pub(crate) fn settle_acked(&mut self, now: Instant, settle: Duration) -> io::Result<()> {
        let Metered { link, written } = self.metered();
        let acknowledged = written.saturating_sub(link.unacknowledged()?);
        for batch in self.owed.iter_mut().take_while(|batch| batch.end <= acknowledged) {
            batch.acked.get_or_insert(now);
        }
        while self.owed.front().is_some_and(|batch| batch.acked.is_some_and(|acked| now - acked >= settle)) {
            if let Some(batch) = self.owed.pop_front() {
                batch.receipt.delivered(Proof::Acked);
            }
        }
        Ok(())
    }

    /// Ends only when the connection is over, whatever the reason; what the peer says is read and ignored.
    pub(crate) async fn watch(&mut self) -> DevoError {
        poll_fn(|cx| self.poll_peer(cx)).await
    }

    /// Ends our half in order and waits for the peer's. `Ok` says that everything is confirmed, and how; on an error the
    /// receipts that are left are dropped, and their batches so returned.
    pub(crate) async fn end(mut self, clock: &dyn Clock, rules: EndRules) -> Result<Proof, DevoError> {
        let mut ending = Ending::Ours;
        let mut waiting = u64::MAX;
        let mut deadline = clock.now() + rules.timeout;
        let mut quiet_since = None;
        loop {
            let mut check = clock.sleep(END_CHECK);
            let step = poll_fn(|cx| match self.poll_end(&mut ending, cx) {
                Poll::Ready(Err(_)) if planted("reset-counts-as-end") => Poll::Ready(Some(Ok(()))),
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => check.as_mut().poll(cx).map(|()| None),
            });
            if let Some(done) = step.await {
                done?;
                break;
            }
            let now = clock.now();
            let unacknowledged = self.metered().link.unacknowledged().unwrap_or(u64::MAX);
            if planted("acknowledged-counts-as-end") && unacknowledged == 0 {
                break;
            }
            if let Some(settle) = rules.settle
                && !matches!(ending, Ending::Ours)
                && unacknowledged == 0
                && now - *quiet_since.get_or_insert(now) >= settle
            {
                self.owed.drain(..).for_each(|batch| batch.receipt.delivered(Proof::Acked));
                return Ok(Proof::Acked);
            }
            if unacknowledged < waiting {
                waiting = unacknowledged;
                deadline = now + rules.timeout;
            } else if now >= deadline {
                if planted("timeout-counts-as-end") {
                    break;
                }
                let after = rules.timeout;
                // A network that swallows everything says nothing of how the peer ends.
                return Err(match unacknowledged {
                    0 => DevoError::NeverEnded { after },
                    _ => DevoError::Timeout { what: "ending", after },
                });
            }
        }
        self.rule_out_crossing(clock).await?;
        self.owed.drain(..).for_each(|batch| batch.receipt.delivered(Proof::Closed));
        Ok(Proof::Closed)
    }

    /// Whether the peer's end, which was just read, answers ours. A peer that has read our end has acknowledged every byte
    /// before it, all but the half-close that may follow. If it has not, its end was under way when ours began, from a
    /// refusal, a restart, a balancer's timer; its system may still acknowledge for a while what nobody reads.
    fn is_answer(&self) -> Result<(), DevoError> {
        match self.metered().link.unacknowledged() {
            Ok(..=HALF_CLOSE) => Ok(()),
            Ok(_) => Err(DevoError::PeerEnded),
            Err(source) => Err(DevoError::Broken { what: "ending", source }),
        }
    }

    /// The half-close is acknowledged too by a peer that has read our end; an end that crosses it is followed by a reset.
    async fn rule_out_crossing(&mut self, clock: &dyn Clock) -> Result<(), DevoError> {
        let deadline = clock.now() + CROSSING_PATIENCE;
        loop {
            match self.metered().link.unacknowledged() {
                Ok(0) => return Ok(()),
                Ok(_) if clock.now() < deadline => clock.sleep(CROSSING_CHECK).await,
                Ok(_) => return Err(DevoError::PeerEnded),
                Err(source) => return Err(DevoError::Broken { what: "ending", source }),
            }
        }
    }

    fn metered(&self) -> &Metered {
        self.stream.metered()
    }

    /// The transport's end, which nobody has signed: it proves as much, if it is the peer's.
    fn is_unsigned_answer(&self) -> Result<(), DevoError> {
        if self.relayed { Err(DevoError::ProxyEnded) } else { self.is_answer() }
    }

    fn poll_end(&mut self, ending: &mut Ending, cx: &mut Context<'_>) -> Poll<Result<(), DevoError>> {
        let broken = |source| DevoError::Broken { what: "ending", source };
        loop {
            match ending {
                Ending::Ours => {
                    // An end that is there before ours is no answer to it.
                    if let Poll::Ready(error) = self.poll_peer(cx) {
                        return Poll::Ready(if planted("crossed-end-believed") { Ok(()) } else { Err(error) });
                    }
                    match Pin::new(&mut self.stream).poll_shutdown(cx) {
                        Poll::Ready(Ok(())) => *ending = Ending::Peers,
                        Poll::Ready(Err(source)) => return Poll::Ready(Err(broken(source))),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Ending::Peers => match poll_discard(&mut self.stream, cx) {
                    Poll::Ready(Ok(())) if self.stream.has_own_end() => {
                        self.is_answer()?;
                        *ending = Ending::Transport;
                    }
                    Poll::Ready(Ok(())) => return Poll::Ready(self.is_unsigned_answer()),
                    // The peer's end without a close_notify of its own, as rsyslog ends.
                    Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                        return Poll::Ready(self.is_unsigned_answer());
                    }
                    Poll::Ready(Err(source)) => return Poll::Ready(Err(broken(source))),
                    Poll::Pending => return Poll::Pending,
                },
                Ending::Transport => return poll_discard(self.stream.metered_mut(), cx).map_err(broken),
            }
        }
    }

    /// Ready when the peer has ended or broken the connection.
    fn poll_peer(&mut self, cx: &mut Context<'_>) -> Poll<DevoError> {
        poll_discard(&mut self.stream, cx).map(|end| match end {
            Ok(()) => DevoError::PeerEnded,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => DevoError::PeerEnded,
            Err(source) => DevoError::Broken { what: "reading", source },
        })
    }
}

/// Reads and forgets until the stream ends.
fn poll_discard<S: AsyncRead + Unpin>(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut bytes = [0; 1024];
    loop {
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
            Poll::Pending => return Poll::Pending,
        }
    }
}
