//! The sender's side of the framework.

use async_trait::async_trait;

use tokio_util::sync::CancellationToken;

use crate::Inlet;

/// Delivers batches to one destination.
///
/// It probes the destination before it calls its inlet ready, settles a receipt only on proof, drops it in every
/// other case, and keeps no copy of an event: the engine gives it again.
#[async_trait]
pub trait Sender: Send {
    /// Runs until the inlet is empty for good and every delivery is settled. Once `stop` is cancelled, what cannot be
    /// delivered now is returned instead of waiting for a destination that may never come back.
    async fn run(self: Box<Self>, inlet: Inlet, stop: CancellationToken);
}
