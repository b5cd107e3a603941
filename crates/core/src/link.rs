//! What lies under TLS: a connection as a parameter, so that resets and ends can be simulated too.

use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connected byte stream. Shutting down its write half ends our half; a read of no bytes is the peer's end,
/// a read that fails with a reset is a reset.
pub trait Link: AsyncRead + AsyncWrite + Send + Unpin {
    /// Bytes given to the transport that the peer's has not acknowledged.
    fn unacknowledged(&self) -> io::Result<u64>;
}

/// Opens links.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// Connects to `host` and `port`.
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>>;

    /// Whether somebody stands in between who passes bytes on: an end of the link may be theirs then, and not the host's.
    fn is_relayed(&self) -> bool {
        false
    }
}
