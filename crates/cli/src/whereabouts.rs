//! Where a running collector answers its probes: written down beside its state, so that `quittance health` needs neither a
//! fixed port nor a configuration.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use quittance_collector::{Config, state_folder};

/// The variable that names the address where the configuration names none. The image sets it, for its health check.
const PROBES_ADDRESS: &str = "PROBES_ADDRESS";

/// The file, in the folder of the state.
const FILE: &str = "probes";

/// Where probes are to be answered: as the configuration says, or else the environment.
pub(crate) fn wanted(config: &Config) -> Result<Option<SocketAddr>> {
    let fallback = || match env::var(PROBES_ADDRESS) {
        Ok(address) if !address.is_empty() => {
            let parsed =
                address.parse().with_context(|| format!("{PROBES_ADDRESS}=`{address}` is no address and port"));
            parsed.map(Some)
        }
        _ => Ok(None),
    };
    config.globals.probes_address.map_or_else(fallback, |address| Ok(Some(address)))
}

/// The note of a collector that runs; removed when it ends.
pub(crate) struct Whereabouts(PathBuf);

impl Whereabouts {
    /// Writes down that probes are answered at `address`.
    pub(crate) fn note(config: &Config, address: SocketAddr) -> Result<Whereabouts> {
        let folder = state_folder(config);
        let file = folder.join(FILE);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, address.to_string()))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
        Ok(Whereabouts(file))
    }
}

impl Drop for Whereabouts {
    fn drop(&mut self) {
        // Whoever finds it nevertheless finds nobody at that address.
        _ = fs::remove_file(&self.0);
    }
}

/// Where the collector with its state in `folder` said that it answers.
pub(crate) fn noted(folder: &Path) -> Option<SocketAddr> {
    fs::read_to_string(folder.join(FILE)).ok()?.parse().ok()
}
