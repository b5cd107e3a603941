//! The listener for orchestrators and Prometheus.

use std::{convert::Infallible, future::Ready, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use quittance_core::Readiness;
use tokio::net::TcpListener;

use crate::{
    Health, LastReload, Monitor, Output, metrics,
    serve::{Manners, serve},
};

const MANNERS: Manners = Manners { connections: 16, stay: Some(Duration::from_secs(10)) };

/// Answers the probes of one collector.
#[derive(Clone)]
pub struct Probes(pub Arc<Monitor>);

impl Probes {
    /// Answers whoever connects, until it is dropped.
    pub async fn serve(self, listener: TcpListener) -> Infallible {
        let answer = move |request| -> Ready<Result<_, Infallible>> { std::future::ready(Ok(self.answer(&request))) };
        serve(listener, MANNERS, service_fn(answer)).await
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => json(&self.look(false)),
            "/healthz" => json(&self.look(true)),
            "/metrics" => {
                let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
                let how = metrics::Text::of(accept.unwrap_or_default());
                respond(StatusCode::OK, how.kind(), metrics::text(&self.0, how).into())
            }
            _ => text(StatusCode::NOT_FOUND, "expected /livez, /readyz, /healthz or /metrics\n"),
        }
    }

    fn look(&self, with_units: bool) -> Health {
        let subject = self.0.subject();
        let output = |output: &Readiness| Output {
            name: output.name().to_owned(),
            confirms: output.is_ready(),
            optional: output.effort().map(|effort| effort.counts().into()),
        };
        let outputs: Vec<_> = subject.outputs.iter().map(output).collect();
        let units = with_units.then(|| subject.health.units().into_iter().map(crate::Unit::from).collect::<Vec<_>>());
        let confirm = outputs.iter().all(|output| output.confirms || output.optional.is_some());
        let healthy = confirm && units.iter().flatten().all(|unit| unit.healthy);
        let reload = subject.health.reloaded().filter(|_| with_units).map(LastReload::from);
        Health { healthy, outputs, units, reload }
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
