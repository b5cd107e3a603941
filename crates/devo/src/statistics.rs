//! What a pool has sent, as the lines that Devo's administrators know.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use quittance_core::Inlet;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{PoolName, codes::LOST_TO_OPTIONAL};

/// How often statistics are logged.
pub(crate) const PERIOD: Duration = Duration::from_secs(300);

/// Counts of one pool since its start, and since the last line.
pub(crate) struct Statistics {
    sent: u64,
    since: Timestamp,
    sent_since: u64,
    busy_since: Duration,
    /// Of an optional output, as last said.
    lost: u64,
    pub(crate) next: Instant,
}

impl Statistics {
    pub(crate) fn new(now: Instant, wall: SystemTime) -> Self {
        let since = Timestamp::try_from(wall).unwrap_or_default();
        Statistics { sent: 0, since, sent_since: 0, busy_since: Duration::ZERO, lost: 0, next: now + PERIOD }
    }

    /// `events` more were written, which took `busy`.
    pub(crate) fn sent(&mut self, events: u64, busy: Duration) {
        self.sent += events;
        self.sent_since += events;
        self.busy_since += busy;
    }

    /// Logs, and begins a new period.
    pub(crate) fn log(&mut self, name: &PoolName, inlet: &Inlet, now: Instant, wall: SystemTime) {
        let waiting = inlet.waiting();
        let PoolName { kind, output } = name;
        let monitor = format!("DevoSenderManagerMonitor({}_senders,{output})", kind.name());
        info!("{monitor} -> Number of available senders: 1, sender manager internal queue size: {waiting}");
        info!(
            "{monitor} -> {} - Total number of messages sent: {}, messages sent since \"{}\": {} (elapsed {:.3} seconds)",
            kind.title(),
            self.sent,
            self.since.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00"),
            self.sent_since,
            self.busy_since.as_secs_f64(),
        );
        let mut lost = self.lost;
        if let Some(counts) = inlet.effort().map(|effort| effort.counts()) {
            let (offered, confirmed) = (counts.pulled, counts.delivered());
            lost = counts.returned;
            info!("{monitor} -> Optional - offered: {offered}, confirmed: {confirmed}, lost: {lost}");
            if lost > self.lost {
                let more = lost - self.lost;
                warn!(sender = %name, code = %LOST_TO_OPTIONAL, more, lost, "events are lost to an optional output");
            }
        }
        *self = Statistics { sent: self.sent, lost, ..Statistics::new(now, wall) };
    }
}
