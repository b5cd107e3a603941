//! A tunnel through an HTTP proxy (`CONNECT`, RFC 9110 section 9.3.6); TLS with the destination begins behind it.

use std::{io, str::FromStr, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use quittance_core::{Dial, Link};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest answer to a `CONNECT` that is read.
const MAX_ANSWER: usize = 16 << 10;

/// A proxy, as in `http://user:password@proxy.example:3128`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// `user:password`, in base64.
    credentials: Option<String>,
}

/// Why a text is no proxy. It never repeats the text, which may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a proxy: expected `http://[user:password@]host:port`")]
pub struct ProxyError;

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        let (host, port) = address.rsplit_once(':').ok_or(ProxyError)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().map_err(|_| ProxyError)?;
        let odd = |c: char| matches!(c, '/' | '@') || c.is_whitespace() || c.is_control();
        if host.is_empty() || host.contains(odd) {
            return Err(ProxyError);
        }
        let credentials = user.map(|user| STANDARD.encode(percent_decode_str(user).collect::<Vec<u8>>()));
        Ok(Proxy { host: host.to_owned(), port, credentials })
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// Dials through a proxy.
pub struct ProxyDial {
    /// The proxy.
    pub proxy: Proxy,
    /// How to reach it.
    pub dial: Arc<dyn Dial>,
}

#[async_trait]
impl Dial for ProxyDial {
    fn is_relayed(&self) -> bool {
        true
    }

    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let Proxy { host: proxy, port: proxy_port, credentials } = &self.proxy;
        let mut link = self.dial.dial(proxy, *proxy_port).await?;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(credentials) = credentials {
            request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
        }
        request.push_str("\r\n");
        link.write_all(request.as_bytes()).await?;
        link.flush().await?;
        // Byte by byte, since what follows the answer belongs to TLS; it is a few hundred bytes, once a connection.
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= MAX_ANSWER {
                return Err(io::Error::other("the proxy's answer does not end"));
            }
            answer.push(link.read_u8().await?);
        }
        let status = answer.split(|b| *b == b'\r').next().unwrap_or_default();
        if status.split(|b| *b == b' ').nth(1).is_some_and(|code| code.len() == 3 && code[0] == b'2') {
            return Ok(link);
        }
        let status = String::from_utf8_lossy(status).escape_debug().take(200).collect::<String>();
        Err(io::Error::other(format!("the proxy {proxy}:{proxy_port} refused the tunnel: {status}")))
    }
}
