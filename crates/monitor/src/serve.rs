//! Answers connections, a bounded number at a time, none of which keeps the others from theirs.

use std::{convert::Infallible, error::Error, time::Duration};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracing::{debug, warn};

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a connection could not be taken: most likely there are too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(250);

/// How a listener treats who connects.
#[derive(Clone, Copy)]
pub(crate) struct Manners {
    /// Connections at a time; who asks beyond that waits.
    pub(crate) connections: usize,
    /// How long a connection may stay; for ever if unset.
    pub(crate) stay: Option<Duration>,
}

/// Answers whoever connects, until it is dropped.
pub(crate) async fn serve<S, B>(listener: TcpListener, manners: Manners, service: S) -> Infallible
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < manners.connections => match accepted {
                Ok((stream, _)) => {
                    let talk = converse(stream, service.clone(), manners.stay.is_none());
                    connections.spawn(async move {
                        match manners.stay {
                            Some(stay) => _ = tokio::time::timeout(stay, talk).await,
                            None => talk.await,
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "a listener cannot take a connection");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
        }
    }
}

async fn converse<S, B>(stream: TcpStream, service: S, keep_alive: bool)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        debug!(%error, "who asked went away");
    }
}
