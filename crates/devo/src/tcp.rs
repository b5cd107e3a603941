//! Links over TCP.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use async_trait::async_trait;
use quittance_core::{Dial, Link};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Dials TCP with the options that catch a dead peer.
pub struct TcpDial {
    /// How long sent bytes may stay unacknowledged before the kernel gives the connection up.
    pub user_timeout: std::time::Duration,
}

impl Default for TcpDial {
    fn default() -> Self {
        TcpDial { user_timeout: std::time::Duration::from_secs(60) }
    }
}

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let socket = socket2::SockRef::from(&stream);
        socket.set_tcp_keepalive(
            &socket2::TcpKeepalive::new()
                .with_time(std::time::Duration::from_secs(15))
                .with_interval(std::time::Duration::from_secs(5))
                .with_retries(4),
        )?;
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        Ok(Box::new(TcpLink(stream)))
    }
}

struct TcpLink(TcpStream);

impl Link for TcpLink {
    fn unacknowledged(&self) -> io::Result<u64> {
        outq::bytes(&self.0)
    }
}

impl AsyncRead for TcpLink {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpLink {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

/// The send queue of a socket (`SIOCOUTQ`, tcp(7)): the one system call here that has no safe wrapper.
#[allow(unsafe_code, reason = "ioctl has no safe wrapper for SIOCOUTQ")]
mod outq {
    use std::{io, os::fd::AsRawFd};

    pub(super) fn bytes(socket: &impl AsRawFd) -> io::Result<u64> {
        let mut queued: libc::c_int = 0;
        // SAFETY: the descriptor is open as long as `socket` is borrowed, and TIOCOUTQ (the same number as
        // SIOCOUTQ) writes one int to the address given, which outlives the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut queued) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(u64::try_from(queued).unwrap_or(0)) }
    }
}
