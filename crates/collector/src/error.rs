//! Why a configuration does not become a collector.

use std::{io, path::PathBuf};

use quittance_core::{Code, StoreError, codes::PANICKED};
use quittance_devo::DevoError;

use crate::{codes, config::Problems};

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
    /// It is not right; every problem is in it, a line each.
    #[error("the configuration cannot be used:\n{0}")]
    Config(Problems),
    /// A configuration cannot be taken by a collector that runs.
    #[error("{} changed, which needs a restart", keys.join(", "))]
    NeedsRestart {
        /// The keys whose change does not take effect while it runs.
        keys: Vec<String>,
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
    /// A sender died of a bug; its log line says more.
    #[error("a sender died")]
    SenderDied,
    /// The state cannot be used.
    #[error("the state")]
    State(#[source] quittance_state::StateError),
    /// A unit that is to begin anew cannot.
    #[error("unit {unit} cannot be reset by `reset_persistence_auth`")]
    Reset {
        /// Its address.
        unit: String,
        /// Why.
        source: StoreError,
    },
    /// There is no such service to judge a sample by.
    #[error("there is no service `{service}`: expected one of `{}`", names.join("`, `"))]
    NoService {
        /// As it was asked for.
        service: String,
        /// The names of those that there are.
        names: Vec<String>,
    },
    /// A sample cannot be judged.
    #[error("sample `{name}`")]
    Sample {
        /// Its name.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What kind of problem it is.
        code: &'static Code,
    },
    /// No input can be chosen for which permissions are to be written.
    #[error("{problem}: expected `--input` and one of `{}`", names.join("`, `"))]
    Input {
        /// What is the matter.
        problem: String,
        /// The names of the inputs that there are.
        names: Vec<String>,
    },
    /// Permissions or a template cannot be written.
    #[error("inputs.{input}: {problem}")]
    Permissions {
        /// Name of the input.
        input: String,
        /// Why, and what to do.
        problem: String,
    },
    /// A proxy is not understood.
    #[error("outputs.{output}.config.proxy")]
    Proxy {
        /// Name of the output.
        output: String,
        /// Why.
        source: quittance_devo::ProxyError,
    },
}

impl CollectorError {
    /// What kind of problem it is; the problems of a configuration have their own.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            CollectorError::Read { .. } => Some(&codes::UNREADABLE),
            CollectorError::Config(_)
            | CollectorError::Input { .. }
            | CollectorError::Permissions { .. }
            | CollectorError::NoService { .. } => None,
            CollectorError::MissingFile { .. } => Some(&codes::FILE_MISSING),
            CollectorError::Output { source, .. } => Some(source.code()),
            CollectorError::NeedsRestart { .. } => Some(&codes::RELOAD_REFUSED),
            CollectorError::SenderDied => Some(&PANICKED),
            CollectorError::State(source) => Some(source.code()),
            CollectorError::Reset { source, .. } => Some(source.code()),
            CollectorError::Proxy { .. } => Some(&codes::VALUE),
            CollectorError::Sample { code, .. } => Some(code),
        }
    }
}
