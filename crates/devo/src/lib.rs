//! The way to Devo: its wire format, mutual TLS, and the pool of connections that delivers and proves; and by the same pool to
//! Devo's relay, over plain TCP, and to any receiver of syslog.
//!
//! Devo's protocol has no acknowledgement. What proves a delivery is the orderly end of a connection: after our
//! close_notify and half-close, the peer's own end arrives without a reset, so it has read everything. A [`Pool`]
//! therefore rotates its connections and settles receipts when one has ended well; every other way in which a
//! connection may end leaves its batches owed.

mod certificates;
pub mod codes;
mod connection;
mod error;
mod handshakes;
mod pool;
mod proxy;
mod settings;
mod statistics;
mod stream;
mod tcp;
mod tls;
mod wire;

pub use certificates::{IdentityFile, certificate_end, examine_chain, examine_identity, examine_mode};
pub use error::DevoError;
pub use handshakes::Handshakes;
pub use pool::{Pool, PoolKind, PoolName};
pub use proxy::{Proxy, ProxyDial, ProxyError};
pub use settings::{Confirm, Destination, Mode, Newline, Wire};
pub use tcp::TcpDial;
pub use tls::{Identity, anonymous_config, client_config};
