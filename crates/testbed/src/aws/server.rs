//! A [`FakeAws`] on a TCP port.

use std::io;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Body, ConnectionLost, FakeAws};

/// Serves HTTP/1.1 until `stop`, then ends every connection at once.
///
/// Queue URLs name this server only after [`FakeAws::set_base_url`].
pub async fn serve(aws: FakeAws, listener: TcpListener, stop: CancellationToken) {
    // Dropped with this future, which ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // What fails here is one connection that its client gave up.
        if let Ok((stream, _)) = accepted {
            connections.spawn(converse(aws.clone(), stream));
        }
    }
}

async fn converse(aws: FakeAws, stream: TcpStream) {
    // Small answers must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(aws.clone(), request));
    // An error here is a client that went away, or a connection broken on purpose.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An error ends the connection without an answer.
async fn answer(aws: FakeAws, request: http::Request<Incoming>) -> io::Result<http::Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let response = aws.handle(http::Request::from_parts(parts, body)).await;
    if response.extensions().get::<ConnectionLost>().is_some() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(response)
}
