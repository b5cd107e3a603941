//! One TLS connection, from its handshake to the end that proves what was on it.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use quittance_core::{Clock, Dial, Link, Proof, Receipt, Sleep};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Destination, DevoError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often an end under way is looked at: the peer may take its time as long as it takes bytes.
const END_CHECK: Duration = Duration::from_secs(1);

/// A connection with the receipts of what was written to it.
pub(crate) struct Connection {
    stream: TlsStream<Box<dyn Link>>,
    receipts: Vec<Receipt>,
    /// When the first batch was written.
    pub(crate) oldest: Option<Instant>,
    /// Plaintext bytes written.
    pub(crate) bytes: u64,
}

/// How far the end of a connection has come.
enum Ending {
    /// close_notify and the half-close are on their way.
    Ours,
    /// We wait for the peer's end within TLS.
    Peers,
    /// The peer said close_notify; its transport's end is still to come.
    Transport,
}

impl Connection {
    /// Connects, and verifies the server.
    pub(crate) async fn open(
        dial: &dyn Dial,
        destination: &Destination,
        tls: Arc<ClientConfig>,
        clock: &dyn Clock,
    ) -> Result<Self, DevoError> {
        let Destination { address, port, .. } = destination;
        let name = ServerName::try_from(address.clone()).map_err(|_| DevoError::BadAddress(address.clone()))?;
        let at = || format!("{address}:{port}");
        let connect = async {
            let link = dial.dial(address, *port).await.map_err(|source| DevoError::Dial { address: at(), source })?;
            TlsConnector::from(tls)
                .connect(name, link)
                .await
                .map_err(|source| DevoError::Handshake { address: at(), source })
        };
        let stream = tokio::select! {
            stream = connect => stream?,
            () = clock.sleep(CONNECT_TIMEOUT) => {
                return Err(DevoError::Timeout { what: "connecting", after: CONNECT_TIMEOUT });
            }
        };
        Ok(Connection { stream, receipts: Vec::new(), oldest: None, bytes: 0 })
    }

    /// Writes `bytes` and pushes them into the transport, reading the peer's side all the while.
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
            loop {
                let mut stream = Pin::new(&mut self.stream);
                let progress = if bytes.is_empty() {
                    match stream.poll_flush(cx) {
                        Poll::Ready(done) => return Poll::Ready(done.map_err(broken)),
                        Poll::Pending => Poll::Pending,
                    }
                } else {
                    stream.as_mut().poll_write(cx, bytes)
                };
                match progress {
                    Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                    Poll::Ready(Err(source)) => return Poll::Ready(Err(broken(source))),
                    Poll::Pending => {
                        return deadline.as_mut().poll(cx).map(|()| Err(DevoError::Timeout { what: "writing", after }));
                    }
                }
            }
        })
        .await
    }

    /// Keeps the receipt of a batch that was written whole.
    pub(crate) fn keep(&mut self, receipt: Receipt, now: Instant) {
        self.oldest.get_or_insert(now);
        self.receipts.push(receipt);
    }

    /// Ends only when the connection is over, whatever the reason; what the peer says is read and ignored.
    pub(crate) async fn watch(&mut self) -> DevoError {
        poll_fn(|cx| self.poll_peer(cx)).await
    }

    /// Ends our half in order and waits for the peer's. `Ok` proves that the peer has read everything; on an error
    /// the receipts are dropped, and their batches so returned.
    pub(crate) async fn end(mut self, clock: &dyn Clock, timeout: Duration) -> Result<(), DevoError> {
        let mut ending = Ending::Ours;
        let mut waiting = u64::MAX;
        let mut deadline = clock.now() + timeout;
        loop {
            let mut check = clock.sleep(END_CHECK);
            let step = poll_fn(|cx| match self.poll_end(&mut ending, cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => check.as_mut().poll(cx).map(|()| None),
            });
            match step.await {
                Some(done) => {
                    done?;
                    break;
                }
                None => {
                    let unacknowledged = self.stream.get_ref().0.unacknowledged().unwrap_or(u64::MAX);
                    if unacknowledged < waiting {
                        waiting = unacknowledged;
                        deadline = clock.now() + timeout;
                    } else if clock.now() >= deadline {
                        return Err(DevoError::Timeout { what: "the peer's end", after: timeout });
                    }
                }
            }
        }
        self.receipts.drain(..).for_each(|receipt| receipt.delivered(Proof::Closed));
        Ok(())
    }

    fn poll_end(&mut self, ending: &mut Ending, cx: &mut Context<'_>) -> Poll<Result<(), DevoError>> {
        let broken = |source| DevoError::Broken { what: "ending", source };
        loop {
            match ending {
                Ending::Ours => match Pin::new(&mut self.stream).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => *ending = Ending::Peers,
                    Poll::Ready(Err(source)) => return Poll::Ready(Err(broken(source))),
                    Poll::Pending => return self.poll_peer(cx).map(Err),
                },
                Ending::Peers => match poll_discard(&mut self.stream, cx) {
                    Poll::Ready(Ok(())) => *ending = Ending::Transport,
                    // The peer's end without a close_notify of its own, as rsyslog ends: a FIN proves as much.
                    Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(())),
                    Poll::Ready(Err(source)) => return Poll::Ready(Err(broken(source))),
                    Poll::Pending => return Poll::Pending,
                },
                Ending::Transport => return poll_discard(self.stream.get_mut().0, cx).map_err(broken),
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
