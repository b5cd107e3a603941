//! A connection in memory that behaves as TCP where it matters to a receipt: a half can be ended, a reset loses what was
//! under way, the peer's transport acknowledges what fits in its buffer whether it is ever read or not.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use quittance_core::{Dial, Link};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sink::{Connection, Sink};

/// Bytes that the receiving transport takes, and so acknowledges, before anyone reads them.
const RECEIVE_BUFFER: usize = 64 << 10;
/// Bytes that the sending transport takes beyond those.
const SEND_BUFFER: usize = 64 << 10;

/// One end of a connection in memory.
pub struct SimLink {
    shared: Arc<Mutex<Shared>>,
    side: usize,
    reset_on_drop: Mutex<bool>,
}

#[derive(Default)]
struct Shared {
    /// What each side has written and the other not yet read.
    pipes: [Pipe; 2],
    reset: bool,
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// Its writer has ended its half.
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

/// A connected pair.
pub fn link() -> (SimLink, SimLink) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let end = |side| SimLink { shared: shared.clone(), side, reset_on_drop: Mutex::new(false) };
    (end(0), end(1))
}

impl SimLink {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn reset(&mut self) {
        self.reset = true;
        for pipe in &mut self.pipes {
            pipe.bytes.clear();
            pipe.wake();
        }
    }
}

impl Drop for SimLink {
    fn drop(&mut self) {
        let reset = *self.reset_on_drop.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shared = self.shared();
        let unread = !shared.pipes[1 - self.side].bytes.is_empty();
        // As a kernel does: closing with unread data, or before the peer has ended, answers what comes with a reset.
        if reset || unread {
            shared.reset();
            return;
        }
        shared.pipes[self.side].ended = true;
        shared.pipes.iter_mut().for_each(Pipe::wake);
    }
}

impl AsyncRead for SimLink {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.shared();
        if shared.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let pipe = &mut shared.pipes[1 - self.side];
        if pipe.bytes.is_empty() {
            if pipe.ended {
                return Poll::Ready(Ok(()));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let (head, _) = pipe.bytes.as_slices();
        let taken = head.len().min(buf.remaining());
        buf.put_slice(&head[..taken]);
        pipe.bytes.drain(..taken);
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimLink {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut shared = self.shared();
        if shared.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let pipe = &mut shared.pipes[self.side];
        if pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = (RECEIVE_BUFFER + SEND_BUFFER).saturating_sub(pipe.bytes.len());
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = room.min(bytes.len());
        pipe.bytes.extend(&bytes[..taken]);
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.shared();
        if shared.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let pipe = &mut shared.pipes[self.side];
        pipe.ended = true;
        pipe.wake();
        Poll::Ready(Ok(()))
    }
}

impl Link for SimLink {
    fn unacknowledged(&self) -> io::Result<u64> {
        let waiting = self.shared().pipes[self.side].bytes.len();
        Ok(waiting.saturating_sub(RECEIVE_BUFFER) as u64)
    }
}

impl Connection for SimLink {
    fn reset_on_drop(&self, reset: bool) {
        *self.reset_on_drop.lock().unwrap_or_else(PoisonError::into_inner) = reset;
    }
}

/// Dials a sink in memory, whatever host and port are asked for.
pub struct SimDial {
    /// The sink.
    pub sink: Sink,
    /// Its TLS.
    pub tls: Arc<ServerConfig>,
}

#[async_trait]
impl Dial for SimDial {
    async fn dial(&self, _: &str, _: u16) -> io::Result<Box<dyn Link>> {
        let (ours, theirs) = link();
        let (sink, tls) = (self.sink.clone(), self.tls.clone());
        tokio::spawn(async move { sink.receive(theirs, tls).await });
        Ok(Box::new(ours))
    }
}

/// The same without TLS, as a relay is reached.
pub struct PlainDial {
    /// The sink.
    pub sink: Sink,
}

#[async_trait]
impl Dial for PlainDial {
    async fn dial(&self, _: &str, _: u16) -> io::Result<Box<dyn Link>> {
        let (ours, theirs) = link();
        let sink = self.sink.clone();
        tokio::spawn(async move { sink.receive(theirs, None).await });
        Ok(Box::new(ours))
    }
}
