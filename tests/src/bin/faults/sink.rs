//! The receiver as a process of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use quittance_testbed::sink::{Fault, Keep, Sink};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    arrivals::Writer,
    remote::{Order, Remote, follow},
};

/// What the receiver can be told.
#[derive(Serialize, Deserialize)]
pub(crate) enum SinkOrder {
    /// Faults of the coming connections that carry something.
    Script(Vec<Option<Fault>>),
    /// The fault of every connection.
    Always(Option<Fault>),
    /// Forgets every fault.
    Clear,
    /// Resets every open connection.
    ResetOpen,
    /// Shows this certificate from now on: the name of its file, without `.crt`.
    Certificate(String),
    /// Nothing: only says how it stands.
    State,
}

/// How the receiver stands.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SinkState {
    /// Faults that no connection has met yet.
    pub(crate) faults_left: u64,
    /// Connections accepted since it was started.
    pub(crate) connections: u64,
    /// Of these, open now.
    pub(crate) open: u64,
    /// Of these, ended in order by the client, and confirmed so.
    pub(crate) ended: u64,
    /// Frames that are none.
    pub(crate) malformed: u64,
    /// Frames that are events.
    pub(crate) events: u64,
}

impl SinkState {
    /// Connections that are over and were not confirmed.
    pub(crate) fn broken(&self) -> u64 {
        self.connections.saturating_sub(self.ended + self.open)
    }
}

impl Order for SinkOrder {
    type Answer = SinkState;
}

/// Where a receiver is, for its process.
pub(crate) struct SinkPlace {
    /// A command before it, such as one that enters a network namespace.
    pub(crate) within: Vec<String>,
    /// Its address.
    pub(crate) listen: SocketAddr,
    /// The folder of its certificates.
    pub(crate) certs: PathBuf,
    /// What arrived.
    pub(crate) arrivals: PathBuf,
}

impl SinkPlace {
    /// Starts a receiver; its port is the same over all starts.
    pub(crate) fn start(&mut self) -> Result<Remote<SinkOrder>> {
        let program = std::env::current_exe()?;
        let mut words = self.within.iter().map(String::as_str);
        let mut command = match words.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("sink").arg("--listen").arg(self.listen.to_string());
        command.arg("--certs").arg(&self.certs).arg("--arrivals").arg(&self.arrivals);
        let (remote, address) = Remote::start(&mut command)?;
        self.listen = address;
        Ok(remote)
    }
}

/// The process.
pub(crate) fn run(listen: SocketAddr, certs: &Path, arrivals: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(bind(listen))?;
    let address = listener.local_addr()?;
    let sink = Sink::new(Keep::Nothing);
    let writer = Writer::open(arrivals)?;
    sink.watch(move |tag, message| writer.write(tag, message).expect("arrivals can be written down"));
    let tls = Arc::new(Mutex::new(certificate(certs, "server")?));
    let (serving, shown) = (sink.clone(), tls.clone());
    runtime.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (sink, tls) = (serving.clone(), shown.lock().unwrap_or_else(PoisonError::into_inner).clone());
                    tokio::spawn(async move { sink.receive(stream, tls).await });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    follow(&address, |order| {
        match order {
            SinkOrder::Script(faults) => sink.script(faults),
            SinkOrder::Always(fault) => sink.always(fault),
            SinkOrder::Clear => sink.clear_faults(),
            SinkOrder::ResetOpen => sink.reset_open(),
            SinkOrder::Certificate(name) => {
                *tls.lock().unwrap_or_else(PoisonError::into_inner) = certificate(certs, &name)?;
            }
            SinkOrder::State => {}
        }
        let totals = sink.totals();
        Ok(SinkState {
            faults_left: sink.faults_left() as u64,
            connections: totals.connections,
            open: totals.open,
            ended: totals.ended,
            malformed: totals.malformed,
            events: totals.events,
        })
    })
}

/// The port of a receiver that was killed may be somebody's own port for a moment.
async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    let mut problem = None;
    for _ in 0..200 {
        match TcpListener::bind(listen).await {
            Ok(listener) => return Ok(listener),
            Err(error) => problem = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("cannot listen at {listen}: {problem:?}")
}

fn certificate(certs: &Path, name: &str) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(certs.join("chain.crt")).context("cannot read the authority")? {
        roots.add(authority?)?;
    }
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let shown = CertificateDer::from_pem_file(certs.join(format!("{name}.crt")))?;
    let key = PrivateKeyDer::from_pem_file(certs.join(format!("{name}.key")))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![shown], key)?;
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}
