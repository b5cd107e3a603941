//! Which configuration is meant.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::Args;
use quittance_collector::Documents;

#[derive(Args)]
#[group(id = "documents")]
pub(crate) struct Options {
    /// The configuration, as written for Devo's collector (YAML) or its Collector Server (JSON). `CONFIG_FILE` in the
    /// environment names another one in `config/`.
    #[arg(long, value_name = "FILE", default_value_os_t = usual())]
    config: PathBuf,
    /// What completes a configuration that was written for the Collector Server: a file with `globals` and `outputs`.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// The configuration where Devo's collector has it, seen from the folder in which it runs.
pub(crate) fn usual() -> PathBuf {
    Path::new("config").join(env::var_os("CONFIG_FILE").unwrap_or_else(|| "config.yaml".into()))
}

impl From<Options> for Documents {
    fn from(Options { config, server }: Options) -> Self {
        Documents { config, server }
    }
}
