//! Which configuration is meant.

use std::path::PathBuf;

use clap::Args;
use quittance_collector::Documents;

#[derive(Args)]
#[group(id = "documents")]
pub(crate) struct Options {
    /// The configuration, as written for Devo's collector (YAML) or its Collector Server (JSON).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What completes a configuration that was written for the Collector Server: a file with `globals` and `outputs`.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

impl From<Options> for Documents {
    fn from(Options { config, server }: Options) -> Self {
        Documents { config, server }
    }
}
