//! What a connection writes to: TLS over a link, or the link itself.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use quittance_core::Link;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// A link with TLS or without.
pub(crate) enum Stream {
    Tls(Box<TlsStream<Metered>>),
    Plain(Metered),
}

impl Stream {
    /// What lies below.
    pub(crate) fn metered(&self) -> &Metered {
        match self {
            Stream::Tls(stream) => stream.get_ref().0,
            Stream::Plain(metered) => metered,
        }
    }

    /// The same.
    pub(crate) fn metered_mut(&mut self) -> &mut Metered {
        match self {
            Stream::Tls(stream) => stream.get_mut().0,
            Stream::Plain(metered) => metered,
        }
    }

    /// Whether the peer says an end of its own within the stream, before the transport's.
    pub(crate) fn has_own_end(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Plain(metered) => Pin::new(metered).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Plain(metered) => Pin::new(metered).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Plain(metered) => Pin::new(metered).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Plain(metered) => Pin::new(metered).poll_shutdown(cx),
        }
    }
}

/// A link that counts what was given to it: where a batch ends is known in what the transport carries.
pub(crate) struct Metered {
    pub(crate) link: Box<dyn Link>,
    pub(crate) written: u64,
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_read(cx, buf)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut *self.link).poll_write(cx, buf);
        self.count(done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut *self.link).poll_write_vectored(cx, bufs);
        self.count(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.link.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_shutdown(cx)
    }
}

impl Metered {
    fn count(&mut self, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = &done {
            self.written += *written as u64;
        }
        done
    }
}
