//! Knows every event that there was, and judges what arrived.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use quittance_testbed::sink::{Sink, fingerprint};
use tokio::time::Instant;

/// How long after its arrival an event may be unknown to the collector as delivered: a confirmation, the longest end of a
/// connection, and the time until it is written down.
const UNCONFIRMED: Duration = Duration::from_secs(150);

/// What was expected of the receiver.
#[derive(Default)]
pub(super) struct Oracle {
    expected: HashSet<u64>,
    /// From when to when something was wrong with the process or the receiver.
    faults: Vec<(Instant, Instant)>,
}

/// What the oracle says.
pub(super) struct Verdict {
    pub(super) events: u64,
    pub(super) missing: u64,
    pub(super) duplicates: u64,
    pub(super) duplicates_without_fault: u64,
}

impl Oracle {
    /// This event must arrive, byte for byte.
    pub(super) fn expect(&mut self, message: &[u8]) {
        self.expected.insert(fingerprint(message));
    }

    /// Something went wrong now.
    pub(super) fn fault(&mut self, from: Instant, to: Instant) {
        self.faults.push((from, to));
    }

    /// Whether everything has arrived.
    pub(super) fn is_satisfied(&self, sink: &Sink) -> bool {
        sink.compare(&self.expected).missing == 0
    }

    pub(super) fn judge(&self, sink: &Sink) -> Verdict {
        let comparison = sink.compare(&self.expected);
        let mut first: HashMap<u64, Instant> = HashMap::new();
        let mut unexplained = 0;
        for (at, event) in sink.arrivals() {
            // A repeat may itself be repeated: the latest arrival counts.
            let Some(before) = first.insert(event, at) else { continue };
            let explained =
                self.faults.iter().any(|(from, to)| *from <= before + UNCONFIRMED && before <= *to + UNCONFIRMED);
            unexplained += u64::from(!explained);
        }
        Verdict {
            events: comparison.expected,
            missing: comparison.missing,
            duplicates: comparison.repeated,
            duplicates_without_fault: unexplained,
        }
    }
}
