//! What a user sets for an output.

use std::time::Duration;

use quittance_core::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where a pool connects, and how events look there.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Host name, as the certificate of the server must carry it.
    pub address: String,
    /// TCP port: 443 at Devo, 6514 for syslog.
    pub port: u16,
    /// The host in every event's header: the collector's name.
    pub host: String,
    /// How events are put on the wire.
    pub wire: Wire,
}

/// How events are put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// As Devo's own SDK writes them.
    Devo {
        /// What becomes of a newline inside an event.
        newline: Newline,
        /// Whether batches go as gzip members. A newline is then always escaped.
        compression: bool,
    },
    /// Syslog messages of RFC 5424, each with its length before it (RFC 5425).
    Syslog,
}

impl Default for Wire {
    fn default() -> Self {
        Wire::Devo { newline: Newline::default(), compression: false }
    }
}

/// What becomes of a newline inside an event; as it is, it would split the event in two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Newline {
    /// The event goes with its length before it (RFC 6587), unchanged.
    #[default]
    OctetCounted,
    /// The newline goes as the two characters `\n`.
    Escape,
}

/// What counts as a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Only the peer's own end after ours, without a reset: it has read everything.
    Closed,
    /// The peer's transport has acknowledged every byte, and the connection stayed healthy for `settle`. Weaker: a
    /// receiver that stops before it reads loses what it acknowledged.
    Acked,
    /// `closed`, unless the first probe shows clearly that the destination never ends its half.
    #[default]
    Auto,
}

/// When and how deliveries are confirmed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Confirm {
    /// What counts as a delivery.
    pub mode: Mode,
    /// Age of the oldest unconfirmed batch at which its connection is ended to have it confirmed.
    pub interval: Interval,
    /// Bytes after which a connection is ended in any case. More delays confirmations, less costs handshakes.
    pub max_bytes: u64,
    /// How long the peer may take to read on and end its half, once nothing moves any more.
    pub end_timeout: Interval,
    /// With `acked`: how long a connection must stay healthy after the acknowledgement.
    pub settle: Interval,
}

impl Default for Confirm {
    fn default() -> Self {
        Confirm {
            mode: Mode::Auto,
            interval: Interval(Duration::from_secs(5)),
            max_bytes: 256 << 20,
            end_timeout: Interval(Duration::from_secs(120)),
            settle: Interval(Duration::from_secs(5)),
        }
    }
}
