//! What a user sets for a Devo output.

use std::time::Duration;

use quittance_core::Interval;
use serde::Deserialize;

/// Where a pool connects.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Host name, as the certificate of the server must carry it.
    pub address: String,
    /// TCP port, 443 at Devo.
    pub port: u16,
    /// The host in every event's header: the collector's name.
    pub host: String,
}

/// When a connection is ended to have its events confirmed.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Confirm {
    /// Age of the oldest unconfirmed batch at which its connection is ended.
    pub interval: Interval,
    /// Bytes after which a connection is ended in any case. More delays confirmations, less costs handshakes.
    pub max_bytes: u64,
    /// How long the peer may take to read on and end its half, once nothing moves any more.
    pub end_timeout: Interval,
}

impl Default for Confirm {
    fn default() -> Self {
        Confirm {
            interval: Interval(Duration::from_secs(5)),
            max_bytes: 256 << 20,
            end_timeout: Interval(Duration::from_secs(120)),
        }
    }
}
