//! Tunnels: what is said to the proxy, and what a refusal looks like.

use std::{io, sync::Arc};

use async_trait::async_trait;
use quittance_core::{Dial, Link};
use quittance_devo::{Proxy, ProxyDial, ProxyError};
use quittance_testbed::link::{SimLink, link};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Mutex,
};

/// Hands out one link, whatever is dialled.
struct Once(Mutex<Option<SimLink>>);

#[async_trait]
impl Dial for Once {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        assert_eq!((host, port), ("proxy.example", 3128));
        Ok(Box::new(self.0.lock().await.take().unwrap()))
    }
}

async fn tunnel(answer: &str) -> (io::Result<Box<dyn Link>>, String, SimLink) {
    let (ours, mut theirs) = link();
    let proxy: Proxy = "http://us%40er:pass@proxy.example:3128/".parse().unwrap();
    let dial = ProxyDial { proxy, dial: Arc::new(Once(Mutex::new(Some(ours)))) };
    let answer = answer.to_owned();
    let server = async {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(theirs.read_u8().await.unwrap());
        }
        theirs.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    };
    let (link, request) = tokio::join!(dial.dial("collector-eu.devo.io", 443), server);
    (link, request, theirs)
}

#[tokio::test]
async fn what_follows_the_answer_belongs_to_the_tunnel() {
    let (link, request, _theirs) = tunnel("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nfirst bytes").await;
    assert!(request.starts_with("CONNECT collector-eu.devo.io:443 HTTP/1.1\r\nHost: collector-eu.devo.io:443\r\n"));
    assert!(request.contains("\r\nProxy-Authorization: Basic dXNAZXI6cGFzcw==\r\n"), "{request}");
    let mut bytes = [0; 11];
    link.unwrap().read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"first bytes");
}

#[tokio::test]
async fn a_refusal_says_what_the_proxy_said() {
    let (link, ..) = tunnel("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let error = link.err().unwrap().to_string();
    assert!(error.contains("407 Proxy Authentication Required"), "{error}");
    assert!(!error.contains("pass"), "{error}");
}

#[test]
fn a_proxy_shows_no_password() {
    let proxy: Proxy = "http://user:secret@proxy.example:3128".parse().unwrap();
    assert_eq!(format!("{proxy:?}"), "Proxy(proxy.example:3128)");
    for wrong in ["", "proxy.example", "http://proxy.example", "http://user:secret@proxy.example:no", "http://:3128"] {
        assert_eq!(wrong.parse::<Proxy>(), Err(ProxyError));
    }
}

#[test]
fn a_host_that_a_terminal_would_obey_is_none() {
    for text in ["http://a\u{1b}[31m:80", "\0:80", "a\nb:80", "a\u{9b}m:80", "a\u{2028}b:80"] {
        assert_eq!(text.parse::<Proxy>(), Err(ProxyError), "{text:?}");
    }
}
