//! What watches a running collector: the listeners that its configuration asks for.

use std::{convert::Infallible, future::pending, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use quittance_collector::{Collector, Config, Sights};
use quittance_core::{Health, Ledger, Store};
use quittance_devo::certificate_end;
use quittance_monitor::{Certificate, Monitor, Page, Probes, SenderView, Subject};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tracing::info;

use crate::whereabouts::{self, Whereabouts};

/// The ports that are open.
pub(crate) struct Listeners {
    probes: Option<TcpListener>,
    page: Option<(TcpListener, Option<SecretString>)>,
    noted: Option<Whereabouts>,
}

impl Listeners {
    /// Opens those that `config` names, and notes where probes are answered.
    pub(crate) async fn open(config: &Config) -> Result<Listeners> {
        let probes = match whereabouts::wanted(config)? {
            Some(address) => Some(listen("probes_address", address, "probes are answered").await?),
            None => None,
        };
        let note = |listener: &TcpListener| Whereabouts::note(config, listener.local_addr()?);
        let noted = probes.as_ref().map(note).transpose()?;
        let page = match config.globals.page_address {
            Some(address) => {
                let listener = listen("page_address", address, "the status page is shown").await?;
                Some((listener, config.globals.page_token.clone()))
            }
            None => None,
        };
        Ok(Listeners { probes, page, noted })
    }

    /// Answers, if there is anybody to be answered, until it is dropped.
    pub(crate) async fn serve(self, monitor: Arc<Monitor>) -> Infallible {
        let Listeners { probes, page, noted: _noted } = self;
        let watched = probes.is_some() || page.is_some();
        let looking = async { if watched { monitor.run().await } else { pending().await } };
        let probes = async {
            match probes {
                Some(listener) => Probes(monitor.clone()).serve(listener).await,
                None => pending().await,
            }
        };
        let page = async {
            match page {
                Some((listener, token)) => Page { monitor: monitor.clone(), token }.serve(listener).await,
                None => pending().await,
            }
        };
        tokio::select! {
            never = looking => never,
            never = probes => never,
            never = page => never,
        }
    }
}

/// What of a collector stays the same over its reloads.
pub(crate) struct Handles {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) health: Arc<Health>,
    store: Arc<dyn Store>,
}

impl Handles {
    pub(crate) fn of(collector: &Collector) -> Handles {
        Handles { ledger: collector.ledger(), health: collector.health(), store: collector.store() }
    }

    /// What is seen of it at the moment.
    pub(crate) fn subject(&self, sights: Sights) -> Subject {
        let Sights { id, name, calls, senders, certificates, configuration, .. } = sights;
        let view = |quittance_collector::SenderView { kind, sender }| SenderView { pool: kind, sender };
        let certificates = certificates.into_iter().filter_map(|(output, path)| {
            let not_after = certificate_end(&path)?;
            Some(Certificate { output, not_after })
        });
        Subject {
            id,
            name,
            ledger: self.ledger.clone(),
            health: self.health.clone(),
            outputs: self.health.outputs(),
            senders: senders.into_iter().map(view).collect(),
            calls,
            store: self.store.clone(),
            certificates: certificates.collect(),
            configuration,
        }
    }
}

async fn listen(key: &str, address: SocketAddr, what: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("globals.{key}: cannot listen on {address}"))?;
    // Port 0 is one that is free.
    info!(address = %listener.local_addr()?, "{what}");
    Ok(listener)
}
