//! Pools to destinations beside Devo's own: a relay in one's own network, and receivers of syslog.

use std::{path::PathBuf, sync::Arc};

use quittance_devo::{
    Confirm, Destination, Identity, Pool, PoolKind, PoolName, Wire, anonymous_config, client_config, examine_mode,
};
use rustls::ClientConfig;
use tracing::warn;

use crate::{
    CollectorError, Files, Parts,
    config::{Globals, Relay, Syslog},
    outputs::confirm,
};

/// The pool to a relay.
pub(crate) fn relay(name: &str, settings: &Relay, globals: &Globals, parts: &Parts) -> Pool {
    let Relay { address, port, newline, .. } = settings;
    let wire = Wire::Devo { newline: *newline, compression: false };
    let destination = Destination { address: address.clone(), port: *port, host: globals.name.clone(), wire };
    pool(name, destination, None, confirm(&settings.confirm, globals), parts)
}

/// The pool to a receiver of syslog. Files are read; no connection is made.
pub(crate) fn syslog(
    name: &str,
    settings: &Syslog,
    globals: &Globals,
    files: &Files,
    parts: &Parts,
) -> Result<Pool, CollectorError> {
    let Syslog { address, port, chain, cert, key, .. } = settings;
    let chain = find(name, files, "chain", chain)?;
    let tls = match (cert, key) {
        (Some(cert), Some(key)) => {
            let (cert, key) = (find(name, files, "certificate", cert)?, find(name, files, "key", key)?);
            warn_of_mode(name, &key);
            client_config(&Identity { chain: &chain, cert: &cert, key: &key })
        }
        // One of them alone is an error of the configuration.
        _ => anonymous_config(&chain),
    };
    let tls = tls.map_err(|source| CollectorError::Output { output: name.to_owned(), source })?;
    let destination =
        Destination { address: address.clone(), port: *port, host: globals.name.clone(), wire: Wire::Syslog };
    Ok(pool(name, destination, Some(tls), confirm(&settings.confirm, globals), parts))
}

/// Where a file is that an output names.
pub(crate) fn find(output: &str, files: &Files, what: &'static str, name: &str) -> Result<PathBuf, CollectorError> {
    let missing =
        |looked| CollectorError::MissingFile { output: output.to_owned(), what, name: name.to_owned(), looked };
    files.find(name).map_err(missing)
}

/// Says it if others may read the private key of an output.
pub(crate) fn warn_of_mode(output: &str, key: &std::path::Path) {
    if let Some(found) = examine_mode(key) {
        warn!(output, code = %found.code, problem = found.problem, fix = &*found.fix, "a secret is less secret than it could be");
    }
}

fn pool(name: &str, destination: Destination, tls: Option<Arc<ClientConfig>>, confirm: Confirm, parts: &Parts) -> Pool {
    Pool {
        name: PoolName { kind: PoolKind::Standard, output: name.to_owned() },
        destination,
        tls,
        confirm,
        dial: parts.dial.clone(),
        handshakes: parts.handshakes.clone(),
        store: parts.store.clone(),
        world: parts.world.clone(),
    }
}
