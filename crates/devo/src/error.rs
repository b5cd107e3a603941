//! What can go wrong on the way to a destination.

use std::{io, path::PathBuf, time::Duration};

/// An error of the Devo side; the operation that failed is in the name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevoError {
    /// A certificate or key file cannot be read.
    #[error("cannot read {what} from `{}`", path.display())]
    ReadPem {
        /// Which file it is.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// A file holds no certificate at all.
    #[error("`{}` holds no certificate: expected PEM with at least one `BEGIN CERTIFICATE`", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Certificate, key or chain do not make a TLS client.
    #[error("{what} cannot be used for TLS")]
    Tls {
        /// Which part.
        what: &'static str,
        /// Why.
        source: rustls::Error,
    },
    /// The address is no host name and no IP address.
    #[error("`{0}` is neither a host name nor an IP address")]
    BadAddress(String),
    /// No connection.
    #[error("cannot connect to {address}")]
    Dial {
        /// Host and port.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Connected, but no TLS session came about.
    #[error("TLS handshake with {address} failed")]
    Handshake {
        /// Host and port.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// An operation took too long.
    #[error("{what} took longer than {after:?}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The connection was healthy, but the peer did not end its half after ours.
    #[error("the peer did not end its half within {after:?}")]
    NeverEnded {
        /// The limit, since the last byte moved.
        after: Duration,
    },
    /// The peer ended its half before we ended ours: what it has not read is lost with the connection.
    #[error("the peer ended the connection")]
    PeerEnded,
    /// The connection ended behind a proxy, and nobody signed that end.
    #[error(
        "the connection ended without TLS's close_notify, which through a proxy proves nothing: it may be the proxy's end"
    )]
    ProxyEnded,
    /// The connection broke: a reset, a TLS alert, a refused certificate.
    #[error("the connection broke while {what}")]
    Broken {
        /// What was going on.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl DevoError {
    /// The error and its causes on one line.
    pub fn chain(&self) -> String {
        quittance_core::chain(self)
    }
}
