//! What a sink can be connected by: TCP, or a simulated link that can also be reset.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the system may take to tell us of an end that it has received.
const TOLD_WITHIN: Duration = Duration::from_millis(2);

/// A stream under TLS that can end by a reset as well as in order.
///
/// Shutting its writing down is the orderly end (TCP's FIN).
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send {
    /// Whether dropping it resets it: the peer sees an error rather than an end, and what is under
    /// way or unread is lost. The sink sets this first, and takes it back only after an orderly end,
    /// so that a task that is dropped or panics never gives a false receipt.
    fn reset_on_drop(&self, reset: bool);

    /// Whether the peer's end has come, read or not.
    fn peer_has_ended(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }
}

impl Connection for TcpStream {
    fn reset_on_drop(&self, reset: bool) {
        // Only a socket that is gone refuses this.
        let _ = if reset {
            self.set_zero_linger()
        } else {
            #[expect(deprecated, reason = "deprecated for values that block; none does not")]
            self.set_linger(None)
        };
    }

    async fn peer_has_ended(&self) -> bool {
        let ready = timeout(TOLD_WITHIN, self.ready(Interest::READABLE)).await;
        ready.is_ok_and(|ready| ready.is_ok_and(|ready| ready.is_read_closed()))
    }
}

/// For tests of what comes above: a pipe knows no reset, its peer sees a broken pipe or an end.
impl Connection for DuplexStream {
    fn reset_on_drop(&self, _reset: bool) {}
}
