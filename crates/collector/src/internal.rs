//! The collector's own warnings and statistics as events, to a table that the user names.
//!
//! They are outside the ledger, dropped when there is no room, and never about the senders that carry them.

use std::convert::Infallible;

use bytes::Bytes;
use quittance_core::{Budget, Debt, EventsBuilder, Ledger, Outlet, Tag, Tags, UnitId, debts};
use tokio::sync::mpsc;

use crate::outputs::InternalEnds;

/// Messages that wait; more are dropped.
const WAITING: usize = 1024;

/// Memory for messages on their way, in bytes.
const ROOM: usize = 1 << 20;

/// Where log lines are put that shall become events. It never waits.
#[derive(Clone)]
pub struct MessageSink(mpsc::Sender<String>);

impl MessageSink {
    /// Offers a message; without room it is dropped.
    pub fn offer(&self, message: String) {
        _ = self.0.try_send(message);
    }
}

/// Messages for a collector to send.
pub struct Messages(mpsc::Receiver<String>);

/// The two ends for one collector.
pub fn messages() -> (MessageSink, Messages) {
    let (sink, messages) = mpsc::channel(WAITING);
    (MessageSink(sink), Messages(messages))
}

/// Sends messages to the internal pools until it is dropped.
pub(crate) async fn send(messages: Option<Messages>, tag: Option<Tag>, pools: InternalEnds) -> Infallible {
    let (Some(Messages(mut messages)), Some(tag)) = (messages, tag) else { return std::future::pending().await };
    let (budget, ledger) = (Budget::new(ROOM), Ledger::default().unit(&UnitId::new(&["internal"])));
    // What does not arrive is not given again, so nobody listens.
    let (debts, _) = debts();
    let tags = Tags::default();
    let id = tags.id(&tag);
    let mut builder = EventsBuilder::new(tags);
    while let Some(first) = messages.recv().await {
        let mut buffer = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            let start = buffer.len();
            buffer.extend_from_slice(message.as_bytes());
            builder.push(start, buffer.len(), id);
            next = messages.try_recv().ok();
        }
        let debt = Debt { item: 0, events: 0..builder.len() as u64 };
        // Held no longer than this, so that a pool that is gone can end.
        let outlet = Outlet::new(pools.now().into(), budget.clone(), ledger.clone());
        tokio::select! {
            biased;
            () = outlet.emit(builder.finish(Bytes::from(buffer)), debt, outlet.all(), &debts) => {}
            () = pools.changed() => {}
        }
    }
    std::future::pending().await
}
