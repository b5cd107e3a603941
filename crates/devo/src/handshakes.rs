//! How many connections of a process are being opened or ended at a time.

use std::{pin::pin, sync::Arc, time::Duration};

use quittance_core::Clock;
use tokio::sync::Semaphore;

/// Enough for every pool of a collector at once; few enough that a thousand pools, whose destination comes back, do not
/// shake hands all in one moment.
const AT_A_TIME: usize = 64;

/// A handshake or an end takes a few round trips. Whoever takes longer waits for a slow peer, which costs nothing, and must
/// not keep others from theirs.
const PATIENCE: Duration = Duration::from_secs(5);

/// The handshake budget of a process: one that all its pools share. Those that wait come in turn.
#[derive(Clone, Debug)]
pub struct Handshakes(Arc<Semaphore>);

impl Default for Handshakes {
    fn default() -> Self {
        Handshakes::new(AT_A_TIME)
    }
}

impl Handshakes {
    /// A budget for so many connections at a time, not counting those whose peer lets us wait for more than 5 seconds.
    pub fn new(at_a_time: usize) -> Self {
        Handshakes(Arc::new(Semaphore::new(at_a_time.max(1))))
    }

    /// Opens or ends a connection when its turn comes.
    pub(crate) async fn within<T>(&self, clock: &dyn Clock, work: impl Future<Output = T>) -> T {
        // It is never closed.
        let turn = self.0.acquire().await.ok();
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = clock.sleep(PATIENCE) => drop(turn),
        }
        work.await
    }
}
