//! The probes' server.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use quittance_core::Readiness;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracing::{debug, warn};

use crate::{Health, Output};

/// Connections at a time; who asks beyond that waits.
const CONNECTIONS: usize = 16;

/// How long a request may take to come, and a connection may stay.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a connection could not be taken: most likely there are too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(250);

/// Answers the probes of one collector.
#[derive(Clone)]
pub struct Probes {
    /// How its units get on.
    pub health: Arc<quittance_core::Health>,
    /// Its outputs.
    pub outputs: Vec<Readiness>,
}

impl Probes {
    /// Answers whoever connects, until it is dropped.
    pub async fn serve(self, listener: TcpListener) -> Infallible {
        let probes = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        let talk = tokio::time::timeout(PATIENCE, probes.clone().converse(stream));
                        connections.spawn(async move { _ = talk.await });
                    }
                    Err(error) => {
                        warn!(%error, "a probe cannot be answered");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                },
            }
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(self.answer(&request))));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = served.await {
            debug!(%error, "a probe went away");
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => json(&self.look(false)),
            "/healthz" => json(&self.look(true)),
            _ => text(StatusCode::NOT_FOUND, "expected /livez, /readyz or /healthz\n"),
        }
    }

    fn look(&self, with_units: bool) -> Health {
        let output = |output: &Readiness| Output {
            name: output.name().to_owned(),
            confirms: output.is_ready(),
            optional: output.effort().map(|effort| effort.counts().into()),
        };
        let outputs: Vec<_> = self.outputs.iter().map(output).collect();
        let units = with_units.then(|| self.health.units().into_iter().map(crate::Unit::from).collect::<Vec<_>>());
        let confirm = outputs.iter().all(|output| output.confirms || output.optional.is_some());
        let healthy = confirm && units.iter().flatten().all(|unit| unit.healthy);
        Health { healthy, outputs, units }
    }
}

fn json(health: &Health) -> Response<Full<Bytes>> {
    let status = if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_vec(health).unwrap_or_default();
    respond(status, "application/json", body.into())
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    respond(status, "text/plain", Bytes::from_static(body.as_bytes()))
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
