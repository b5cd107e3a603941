//! What a receiver can do wrong, and when it is to do it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One thing that goes wrong on one connection. Bytes are those inside TLS, counted from the
/// connection's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Resets the connection once so many bytes were read; what had arrived unread is lost.
    ResetAfter(u64),
    /// Ends the connection in order (`close_notify`, FIN) once so many bytes were read, and throws
    /// away the rest, as a balancer does that goes away.
    CloseAfter(u64),
    /// Says `close_notify` and closes its socket once so many bytes were read, as any process does that wants no more: where
    /// something is unread its system resets the connection, and so it does with what comes later. A client that has ended
    /// before gets a reset too, for its end would be answered by a lie.
    LeaveAfter(u64),
    /// Stops reading for a while once so many bytes were read.
    StallAfter(u64, Duration),
    /// Never reads again and never answers, its kernel's acknowledgements apart.
    BlackHole,
    /// Reads everything and never ends its own half.
    NeverEnds,
    /// Answers the client's end only after a delay.
    SlowEnd(Duration),
    /// Reads everything and answers the client's end with a reset.
    ResetAtEnd,
    /// Refuses the client's certificate, with TLS 1.3 after the client's handshake has succeeded.
    Refuse,
    /// Reads no more than so many bytes a second.
    SlowReader(u64),
}

/// Which connection gets which fault.
#[derive(Debug, Default)]
pub(super) struct Script {
    queue: VecDeque<Option<Fault>>,
    always: Option<Fault>,
}

impl Script {
    pub(super) fn extend(&mut self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.queue.extend(faults);
    }

    pub(super) fn set_always(&mut self, fault: Option<Fault>) {
        self.always = fault;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Whether the connection that is being accepted is to be refused. A refused connection cannot
    /// tell whether it would have carried events, so it counts as one that does.
    pub(super) fn refuses(&mut self) -> bool {
        match self.queue.front() {
            Some(Some(Fault::Refuse)) => {
                self.queue.pop_front();
                true
            }
            Some(_) => false,
            None => self.always == Some(Fault::Refuse),
        }
    }

    /// The fault of a connection that carries nothing, or nothing yet.
    pub(super) fn of_empty(&self) -> Option<Fault> {
        if self.queue.is_empty() { self.always } else { None }
    }

    /// The fault of a connection whose first byte has come.
    pub(super) fn of_carrying(&mut self) -> Option<Fault> {
        self.queue.pop_front().unwrap_or(self.always)
    }
}
