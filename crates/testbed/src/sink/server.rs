//! Accepts connections and plays the receiver on each, faults included.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::faults::Fault;
use super::frames::{Frames, Item};
use super::refusal::refusing;
use super::talk::Talk;
use super::{Connection, Sink, lock};

const READ_AT_ONCE: usize = 64 << 10;
/// How long a client's FIN may follow its `close_notify` before the sink ends its own half anyway.
const FIN_PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a failed accept, which is for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

impl Sink {
    /// Serves a listener until `stop`, one task a connection. Then the listener is closed, and every
    /// connection still open is reset, as those of a receiver that dies. Without TLS it is a relay's plain TCP.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: impl Into<Option<Arc<ServerConfig>>>,
        stop: CancellationToken,
    ) {
        let tls = tls.into();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (sink, tls) = (self.clone(), tls.clone());
                        connections.spawn(async move { sink.receive(stream, tls).await });
                    }
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(listener);
        connections.shutdown().await;
    }

    /// Plays the receiver on one connection to its end. Dropping the future resets the connection.
    pub async fn receive<C: Connection>(&self, connection: C, tls: impl Into<Option<Arc<ServerConfig>>>) {
        self.count(|counts| counts.totals.connections += 1);
        connection.reset_on_drop(true);
        if self.is_down() {
            return;
        }
        let _open = Open::new(self);
        let reset = lock(&self.0.open).clone();
        tokio::select! {
            () = reset.cancelled() => {}
            () = self.converse(connection, tls.into()) => {}
        }
    }

    async fn converse<C: Connection>(&self, connection: C, tls: Option<Arc<ServerConfig>>) {
        let mut stream = match tls {
            None => Talk::Plain(connection),
            Some(tls) => match self.shake_hands(connection, tls).await {
                Some(stream) => Talk::Tls(Box::new(stream)),
                None => return,
            },
        };
        let shown = stream.shown_certificate();
        self.count(|counts| counts.clients.extend(shown));
        let mut fault = lock(&self.0.script).of_empty();
        let ended = match self.read_all(&mut stream, &mut fault).await {
            Reading::EndedByClient => match fault {
                Some(Fault::ResetAtEnd) => return,
                Some(Fault::NeverEnds) => pending().await,
                Some(Fault::SlowEnd(delay)) => {
                    sleep(delay).await;
                    self.end(&mut stream).await
                }
                _ => self.end(&mut stream).await,
            },
            Reading::Left => leave(&mut stream).await,
            Reading::Closing => close(&mut stream).await,
            Reading::Broken => return,
        };
        if ended.is_ok() {
            stream.connection().reset_on_drop(false);
        }
    }

    async fn shake_hands<C: Connection>(&self, connection: C, tls: Arc<ServerConfig>) -> Option<TlsStream<C>> {
        let config = if lock(&self.0.script).refuses() { Arc::new(refusing(&tls).ok()?) } else { tls };
        let accepting = TlsAcceptor::from(config).accept(connection);
        match accepting.into_fallible().await {
            Ok(stream) => Some(stream),
            Err((_, mut connection)) => {
                self.count(|counts| counts.totals.refused += 1);
                // The alert that says why has been written; the FIN lets it be read.
                let _ = connection.shutdown().await;
                connection.reset_on_drop(false);
                None
            }
        }
    }

    /// Reads and counts to the client's end or to the fault's moment.
    async fn read_all<C: Connection>(&self, stream: &mut Talk<C>, fault: &mut Option<Fault>) -> Reading {
        let mut frames = Frames::new();
        let mut buffer = vec![0; READ_AT_ONCE];
        let mut unparsed = 0..0;
        let mut total = 0;
        let mut carrying = false;
        // A standing fault has begun already and is not begun anew by the first byte.
        let standing = fault.is_some();
        let reading = loop {
            let limit = match *fault {
                Some(Fault::ResetAfter(bytes)) if total >= bytes => break Reading::Broken,
                Some(Fault::CloseAfter(bytes)) if total >= bytes => break Reading::Left,
                Some(Fault::LeaveAfter(bytes)) if total >= bytes => break Reading::Closing,
                Some(Fault::StallAfter(bytes, duration)) if total >= bytes => {
                    sleep(duration).await;
                    *fault = None;
                    continue;
                }
                Some(Fault::BlackHole) => pending().await,
                Some(
                    Fault::ResetAfter(bytes)
                    | Fault::CloseAfter(bytes)
                    | Fault::LeaveAfter(bytes)
                    | Fault::StallAfter(bytes, _),
                ) => bytes - total,
                // A tenth of a second's worth, paid for below.
                Some(Fault::SlowReader(rate)) => (rate / 10).max(1),
                _ => u64::MAX,
            };
            if unparsed.is_empty() {
                let read = stream.read(&mut buffer).await;
                match read {
                    Ok(0) => break Reading::EndedByClient,
                    Ok(read) => unparsed = 0..read,
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                        self.count(|counts| counts.totals.unannounced += 1);
                        break Reading::EndedByClient;
                    }
                    Err(_) => break Reading::Broken,
                }
                if !carrying {
                    carrying = true;
                    if !standing {
                        *fault = lock(&self.0.script).of_carrying();
                        continue;
                    }
                }
            }
            let taken = unparsed.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
            let bytes = &buffer[unparsed.start..unparsed.start + taken];
            unparsed.start += taken;
            total += taken as u64;
            let watch = lock(&self.0.watcher.0).clone();
            let parsed = self.count(|counts| {
                counts.totals.received += taken as u64;
                let parsed = frames.feed(bytes, |item| {
                    if let (Some(watch), Item::Event(event)) = (&watch, &item) {
                        watch(event.tag, event.message);
                    }
                    counts.item(item);
                });
                if let Err(undecodable) = parsed {
                    counts.malformed(undecodable.to_string().as_bytes());
                }
                parsed
            });
            if parsed.is_err() {
                break Reading::Broken;
            }
            if let Some(Fault::SlowReader(rate)) = *fault {
                sleep(Duration::from_secs_f64(taken as f64 / rate.max(1) as f64)).await;
            }
        };
        self.count(|counts| {
            counts.totals.torn += u64::from(frames.torn());
            counts.totals.empty += u64::from(!carrying);
        });
        reading
    }

    /// The orderly end after the client's: by now everything has been counted.
    async fn end<C: Connection>(&self, stream: &mut Talk<C>) -> io::Result<()> {
        // A client whose FIN never comes is answered all the same.
        match timeout(FIN_PATIENCE, drain(stream.connection())).await {
            Ok(drained) => drained?,
            Err(_elapsed) => {}
        }
        self.count(|counts| counts.totals.ended += 1);
        stream.shutdown().await
    }
}

/// How the reading of a connection came to its end.
enum Reading {
    /// The client ended its half.
    EndedByClient,
    /// The sink is to end in order while the client still writes.
    Left,
    /// The sink is to close its socket.
    Closing,
    /// Only a reset is left.
    Broken,
}

/// Ends the sink's half and throws away what still comes: closing a socket with unread data would
/// reset it.
async fn leave<C: Connection>(stream: &mut Talk<C>) -> io::Result<()> {
    stream.shutdown().await?;
    drain(stream.connection()).await
}

/// Says `close_notify`, and leaves the rest to the system that closes the socket.
async fn close<C: Connection>(stream: &mut Talk<C>) -> io::Result<()> {
    if stream.connection().peer_has_ended().await {
        return Err(ErrorKind::ConnectionReset.into());
    }
    stream.say_goodbye();
    stream.flush().await
}

async fn drain(connection: &mut impl Connection) -> io::Result<()> {
    let mut scratch = vec![0; READ_AT_ONCE];
    while connection.read(&mut scratch).await? > 0 {}
    Ok(())
}

/// Counts a connection as open while it lives.
struct Open<'a>(&'a Sink);

impl<'a> Open<'a> {
    fn new(sink: &'a Sink) -> Self {
        sink.count(|counts| counts.totals.open += 1);
        Self(sink)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.count(|counts| counts.totals.open -= 1);
    }
}
