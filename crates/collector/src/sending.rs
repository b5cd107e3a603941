//! Runs the senders.

use std::sync::Arc;

use quittance_core::{Clock, Tag};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    CollectorError, Messages, internal,
    outputs::{InternalEnds, Start},
};

/// How long senders may take to settle after the last puller has ended.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(10);

/// What runs as long as there are senders.
pub(crate) struct Sending {
    pub(crate) starts: mpsc::UnboundedReceiver<Start>,
    /// The collector's own messages, their tag, and where they go.
    pub(crate) messages: Option<Messages>,
    pub(crate) tag: Option<Tag>,
    pub(crate) internal: InternalEnds,
    /// Stops the collector, when a sender died.
    pub(crate) stop: CancellationToken,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Sending {
    /// Runs the senders until `work`, which holds all outlets, is done and everything that can be settled is.
    pub(crate) async fn around(self, work: impl Future<Output = ()>) -> Result<(), CollectorError> {
        let Sending { mut starts, messages, tag, internal, stop, clock } = self;
        let (mut senders, mut optional) = (JoinSet::new(), JoinSet::new());
        let mut died = false;
        {
            let telling = internal::send(messages, tag, internal);
            tokio::pin!(work, telling);
            loop {
                tokio::select! {
                    biased;
                    Some(Start { sender, inlet, stop }) = starts.recv() => {
                        let set = if inlet.effort().is_some() { &mut optional } else { &mut senders };
                        set.spawn(sender.run(inlet, stop));
                    }
                    () = &mut work => break,
                    never = &mut telling => match never {},
                    // One whose place another has taken has ended.
                    Some(ended) = senders.join_next() => if let Err(panic) = ended {
                        error!(%panic, "a sender died: stopping");
                        died = true;
                        stop.cancel();
                        (&mut work).await;
                        break;
                    }
                }
            }
        }
        // The pullers and their outlets are gone, so the inlets run dry and the senders end.
        let settled = async {
            while let Some(ended) = senders.join_next().await {
                if let Err(panic) = ended {
                    error!(%panic, "sender panicked");
                }
            }
        };
        let deadline = clock.now() + SETTLE;
        tokio::select! {
            biased;
            () = settled => {}
            () = clock.sleep_until(deadline) => error!("senders did not settle in time; what they held comes again"),
        }
        let settled = async {
            while let Some(ended) = optional.join_next().await {
                if let Err(panic) = ended {
                    error!(%panic, "sender of an optional output panicked");
                }
            }
        };
        tokio::select! {
            biased;
            () = settled => {}
            () = clock.sleep_until(deadline) => warn!("optional outputs did not settle in time; what they held is lost to them"),
        }
        // What is cut off is counted before anybody asks.
        optional.shutdown().await;
        info!("collector stopped");
        if died { Err(CollectorError::SenderDied) } else { Ok(()) }
    }
}
