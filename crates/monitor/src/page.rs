//! The listener for people: the status page, and the tap.

mod flow;
mod guard;
mod plots;
mod sections;
mod state;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::service::TowerToHyperService;
use maud::Markup;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::{
    Monitor, Wish,
    serve::{Manners, serve},
    tap,
};

const MANNERS: Manners = Manners { connections: 64, stay: None };

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/page.js");
const ICON: &str = include_str!("page/icon.svg");

/// Shows one collector to people.
pub struct Page {
    /// What is shown.
    pub monitor: Arc<Monitor>,
    /// What who asks must know. Without one, only this machine is answered: listen at a loopback address.
    pub token: Option<SecretString>,
}

impl Page {
    /// Answers whoever connects and may know, until it is dropped.
    pub async fn serve(self, listener: TcpListener) -> Infallible {
        let guard = Arc::new(guard::Guard::new(self.token));
        let app = Router::new()
            .route("/", get(whole))
            .route("/live", get(live))
            .route("/tap", get(events))
            .route("/style.css", get(async || asset("text/css; charset=utf-8", STYLE)))
            .route("/page.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
            .route("/icon.svg", get(async || asset("image/svg+xml", ICON)))
            .fallback(async || (StatusCode::NOT_FOUND, "there is one page: /\n"))
            .with_state(self.monitor)
            .layer(middleware::from_fn_with_state(guard, guard::check));
        serve(listener, MANNERS, TowerToHyperService::new(app)).await
    }
}

async fn whole(State(monitor): State<Arc<Monitor>>) -> Markup {
    sections::page(&monitor)
}

async fn live(State(monitor): State<Arc<Monitor>>) -> Markup {
    sections::live(&monitor)
}

async fn events(State(monitor): State<Arc<Monitor>>, Query(wish): Query<Wish>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (form, kind) = match accept.contains("text/event-stream") {
        true => (tap::Form::Sent, "text/event-stream"),
        false => (tap::Form::Lines, "application/x-ndjson"),
    };
    match tap::stream(monitor.subject().health.tap(), wish.tidy(), form) {
        Some(lines) => ([(header::CONTENT_TYPE, kind)], Body::new(lines)).into_response(),
        None => (StatusCode::TOO_MANY_REQUESTS, "others look already, as many as may\n").into_response(),
    }
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}
