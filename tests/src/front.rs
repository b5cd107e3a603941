//! TLS in front of a server that speaks none, as AWS's endpoints have it.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Takes TLS on a port of its own until it is dropped.
pub struct Front {
    /// Its port.
    pub port: u16,
    _stop: DropGuard,
}

impl Front {
    /// Starts it in front of `server`, `HOST:PORT`.
    pub async fn start(server: &str, tls: Arc<ServerConfig>) -> Result<Front> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let (server, acceptor) = (server.to_owned(), TlsAcceptor::from(tls));
        let stop = CancellationToken::new();
        let serving = async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server.clone(), acceptor.clone()));
                while connections.try_join_next().is_some() {}
            }
        };
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(serving).await });
        Ok(Front { port, _stop: stop.drop_guard() })
    }
}

/// An error is a client that does not trust us, or one that went away.
async fn carry(client: TcpStream, server: String, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
