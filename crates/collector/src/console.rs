//! Standard output as a destination, for trying things out: a line an event, its tag before it.

use std::io::{Write, stdout};

use async_trait::async_trait;
use quittance_core::{Inlet, Proof, Sender};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Writes events to standard output; what was written and flushed counts as delivered.
pub(crate) struct Console;

#[async_trait]
impl Sender for Console {
    async fn run(self: Box<Self>, mut inlet: Inlet, _stop: CancellationToken) {
        inlet.set_ready(true);
        while let Some(batch) = inlet.next().await {
            let events = batch.events;
            let written = tokio::task::spawn_blocking(move || {
                let mut out = stdout().lock();
                for event in events.iter() {
                    write!(out, "{}: ", events.tags()[usize::from(event.tag)])?;
                    // A terminal must not obey what stands in an event.
                    let clean = |b: &u8| if b.is_ascii_control() && *b != b'\t' { b' ' } else { *b };
                    out.write_all(&event.bytes.iter().map(clean).collect::<Vec<u8>>())?;
                    out.write_all(b"\n")?;
                }
                out.flush()
            });
            match written.await {
                Ok(Ok(())) => batch.receipt.delivered(Proof::Closed),
                Ok(Err(error)) => warn!(%error, "cannot write to standard output"),
                Err(error) => warn!(%error, "writing to standard output failed"),
            }
        }
    }
}
