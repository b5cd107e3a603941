//! The receiver on a port of this machine, which can go away and come back.

use std::{ops::Deref, sync::Arc};

use anyhow::{Context, Result};
use quittance_testbed::sink::{Keep, Sink};
use rustls::ServerConfig;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A sink that listens until it is dropped.
pub struct Receiver {
    sink: Sink,
    tls: Option<Arc<ServerConfig>>,
    /// Its port, the same over all restarts.
    pub port: u16,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// Starts it on a free port, with TLS or, as a relay, without.
    pub async fn start(keep: Keep, tls: impl Into<Option<Arc<ServerConfig>>>) -> Result<Receiver> {
        let tls = tls.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let sink = Sink::new(keep);
        let (stop, serving) = serve(&sink, listener, &tls);
        Ok(Receiver { sink, tls, port, stop, serving })
    }

    /// Dies: connections are reset, what they hold unread is lost, and nothing listens any more.
    pub async fn die(&mut self) -> Result<()> {
        self.stop.cancel();
        (&mut self.serving).await.context("the receiver panicked")
    }

    /// Comes back on the same port, with its counts.
    pub async fn come_back(&mut self) -> Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.context("cannot listen again")?;
        (self.stop, self.serving) = serve(&self.sink, listener, &self.tls);
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Deref for Receiver {
    type Target = Sink;

    fn deref(&self) -> &Sink {
        &self.sink
    }
}

fn serve(sink: &Sink, listener: TcpListener, tls: &Option<Arc<ServerConfig>>) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let (sink, tls, stopped) = (sink.clone(), tls.clone(), stop.clone());
    (stop, tokio::spawn(async move { sink.serve(listener, tls, stopped).await }))
}
