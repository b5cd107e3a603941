//! Why a configuration does not become a collector.

use std::{io, path::PathBuf};

use quittance_aws::PlanError;
use quittance_devo::DevoError;

/// An error on the way from a file to a running collector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// The configuration cannot be read.
    #[error("cannot read the configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no YAML, or not of the right shape.
    #[error("the configuration `{}` is not understood", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_yaml::Error,
    },
    /// A section is not what its service needs.
    #[error("{at} is not understood")]
    Section {
        /// Path of keys.
        at: String,
        /// Why.
        source: serde_yaml::Error,
    },
    /// A service cannot be planned.
    #[error("{at}")]
    Plan {
        /// Path of keys.
        at: String,
        /// Why.
        source: PlanError,
    },
    /// No service has that name.
    #[error("{at}: no service is called `{name}`: expected one of {known}")]
    UnknownService {
        /// Path of keys.
        at: String,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A file that an output names.
    #[error("outputs.{output}: cannot find the {what} `{name}`: looked for {looked}")]
    MissingFile {
        /// Name of the output.
        output: String,
        /// Which file.
        what: &'static str,
        /// As the configuration gives it.
        name: String,
        /// Every place.
        looked: String,
    },
    /// An output cannot be used.
    #[error("outputs.{output}")]
    Output {
        /// Name of the output.
        output: String,
        /// Why.
        source: DevoError,
    },
    /// The state cannot be used.
    #[error("the state")]
    State(#[source] quittance_state::StateError),
    /// A proxy is not understood.
    #[error("outputs.{output}.config.proxy")]
    Proxy {
        /// Name of the output.
        output: String,
        /// Why.
        source: quittance_devo::ProxyError,
    },
    /// Nothing to send to, or nothing to collect.
    #[error("the configuration has no {0}")]
    Nothing(&'static str),
}
