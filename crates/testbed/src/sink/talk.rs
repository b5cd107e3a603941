//! What a sink reads from: TLS over a connection, or the connection itself.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::Connection;

/// A connection, with TLS or without.
pub(super) enum Talk<C> {
    Tls(Box<TlsStream<C>>),
    Plain(C),
}

impl<C: Connection> Talk<C> {
    /// What lies below.
    pub(super) fn connection(&mut self) -> &mut C {
        match self {
            Talk::Tls(stream) => stream.get_mut().0,
            Talk::Plain(connection) => connection,
        }
    }

    /// The certificate that the client has shown.
    pub(super) fn shown_certificate(&self) -> Option<Vec<u8>> {
        match self {
            Talk::Tls(stream) => Some(stream.get_ref().1.peer_certificates()?.first()?.as_ref().to_vec()),
            Talk::Plain(_) => None,
        }
    }

    /// Has TLS say `close_notify` with the next flush.
    pub(super) fn say_goodbye(&mut self) {
        if let Talk::Tls(stream) = self {
            stream.get_mut().1.send_close_notify();
        }
    }
}

impl<C: Connection> AsyncRead for Talk<C> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Talk::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Talk::Plain(connection) => Pin::new(connection).poll_read(cx, buf),
        }
    }
}

impl<C: Connection> AsyncWrite for Talk<C> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Talk::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Talk::Plain(connection) => Pin::new(connection).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Talk::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Talk::Plain(connection) => Pin::new(connection).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Talk::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Talk::Plain(connection) => Pin::new(connection).poll_shutdown(cx),
        }
    }
}
