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
            let (count, bytes) = (events.len() as u64, events.payload());
            let written = tokio::task::spawn_blocking(move || {
                let mut out = stdout().lock();
                for event in events.iter() {
                    write!(out, "{}: ", events.tags()[usize::from(event.tag)])?;
                    // A terminal must not obey what stands in an event.
                    out.write_all(clean(event.bytes).as_bytes())?;
                    out.write_all(b"\n")?;
                }
                out.flush()
            });
            match written.await {
                Ok(Ok(())) => {
                    inlet.counts().sent(count, bytes);
                    batch.receipt.delivered(Proof::Closed);
                }
                Ok(Err(error)) => warn!(%error, "cannot write to standard output"),
                Err(error) => warn!(%error, "writing to standard output failed"),
            }
        }
    }
}

/// The text of an event with a space for every character that does something instead of being seen.
fn clean(event: &[u8]) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let acts = |c: char| (c.is_control() && c != '\t') || turns(c);
    String::from_utf8_lossy(event).chars().map(|c| if acts(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let odd = "a\tb\n<14>c\u{1b}[31m\u{9b}2J\u{202e}d\0".as_bytes();
        assert_eq!(clean(&[odd, b"\xff\x9b"].concat()), "a\tb <14>c [31m 2J d \u{fffd}\u{fffd}");
    }
}
