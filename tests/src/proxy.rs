//! A forward proxy: requests in absolute form, and tunnels (`CONNECT`).

use std::{
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Listens until it is dropped. Every host name is this machine to it, so that what nobody can resolve goes through it
/// or nowhere.
pub struct Proxy {
    /// Its port.
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    _stop: DropGuard,
}

/// What it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `CONNECT`, or another method.
    pub method: String,
    /// `HOST:PORT`, or a whole address.
    pub target: String,
    /// `user:password`, if they came along.
    pub credentials: Option<String>,
}

impl Proxy {
    /// Starts one. With `credentials` (`user:password`) it serves nobody without them.
    pub async fn start(credentials: Option<&str>) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, credentials) = (seen.clone(), credentials.map(str::to_owned));
        let stop = CancellationToken::new();
        let serving = async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, log.clone(), credentials.clone()));
                while connections.try_join_next().is_some() {}
            }
        };
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(serving).await });
        Ok(Proxy { port, seen, _stop: stop.drop_guard() })
    }

    /// Everything that it was asked.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One request; the connection is not used again. An error is a peer that went away.
async fn serve(mut client: TcpStream, seen: Arc<Mutex<Vec<Request>>>, wanted: Option<String>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let (first, headers) = head.split_once("\r\n").unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is = |header: &str, name: &str| header.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let credentials = headers.lines().find(|header| is(header, "proxy-authorization")).and_then(|header| {
        let bytes = STANDARD.decode(header.rsplit(' ').next()?).ok()?;
        String::from_utf8(bytes).ok()
    });
    let refused = wanted.is_some() && credentials != wanted;
    let request = Request { method: method.clone(), target: target.clone(), credentials };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    if refused {
        let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(answer.as_bytes()).await;
    }
    let (authority, path) = match target.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (&*target, ""),
    };
    let port = authority.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).unwrap_or(80);
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        let kept = headers.lines().filter(|header| !header.is_empty() && !is(header, "proxy-authorization"));
        let kept: String = kept.map(|header| format!("{header}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{kept}Connection: close\r\n\r\n");
        server.write_all(head.as_bytes()).await?;
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
