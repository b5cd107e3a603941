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
        Ok(Box::new(TcpLink(self.connect(host, port).await?)))
    }
}

impl TcpDial {
    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
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
        Ok(stream)
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        time::Duration,
    };

    use tokio::net::TcpListener;

    use super::{TcpDial, outq};

    /// Bytes are with us or with the peer, and the kernel counts both: the peer's side is asked by another call.
    #[test]
    fn what_is_not_acknowledged_is_what_the_peer_does_not_have() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(outq::bytes(&ours).unwrap(), 0);
        ours.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(bytes) = ours.write(&[7; 1 << 16]) {
            written += bytes as u64;
        }
        let settles = |left: &dyn Fn() -> bool| {
            (0..5000).any(|_| {
                left() || {
                    std::thread::sleep(Duration::from_millis(1));
                    false
                }
            })
        };
        let there = || rustix::io::ioctl_fionread(&peer).unwrap();
        assert!(settles(&|| outq::bytes(&ours).unwrap() + there() == written), "{written} bytes were written");
        assert!(outq::bytes(&ours).unwrap() > 0, "the peer has taken all {written} bytes");
        let mut all = vec![0; usize::try_from(written).unwrap()];
        peer.read_exact(&mut all).unwrap();
        assert!(settles(&|| outq::bytes(&ours).unwrap() == 0), "all was read");
        assert!(all.iter().all(|byte| *byte == 7));
    }

    /// vectordotdev/vector#4933: without them, bytes are sent again and again to a peer that is gone.
    #[tokio::test]
    async fn the_kernel_gives_up_a_peer_that_says_nothing_any_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dial = TcpDial { user_timeout: Duration::from_secs(7) };
        let stream = dial.connect("127.0.0.1", listener.local_addr().unwrap().port()).await.unwrap();
        let socket = socket2::SockRef::from(&stream);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(7)));
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(15));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        assert!(stream.nodelay().unwrap());
        assert_eq!(TcpDial::default().user_timeout, Duration::from_secs(60));
    }
}
