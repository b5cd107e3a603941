//! Tunnels: what is said to the proxy, what a refusal looks like, and what an end proves.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use quittance_core::{Dial, Link};
use quittance_devo::{Proxy, ProxyDial, ProxyError};
use quittance_testbed::link::{SimDial, SimLink, link};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::scene::Setting;

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

/// A proxy before the receiver. The first connection after the probe it ends by itself, without a word of TLS.
struct Proxied {
    sink: SimDial,
    dialled: AtomicU32,
}

#[async_trait]
impl Dial for Proxied {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let (ours, mut theirs) = link();
        let mut receiver = self.sink.dial(host, port).await?;
        let dies = self.dialled.fetch_add(1, Ordering::Relaxed) == 1;
        tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(theirs.read_u8().await.unwrap());
            }
            theirs.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            if !dies {
                _ = tokio::io::copy_bidirectional(&mut theirs, &mut receiver).await;
                return;
            }
            let (mut up, mut down) = tokio::io::split(theirs);
            let (mut from, mut to) = tokio::io::split(receiver);
            // What is under way for long never arrives.
            let pass_on = async { _ = timeout(Duration::from_secs(1), tokio::io::copy(&mut up, &mut to)).await };
            let answer = async { _ = timeout(Duration::from_secs(1), tokio::io::copy(&mut from, &mut down)).await };
            tokio::join!(pass_on, answer);
            _ = tokio::io::copy(&mut up, &mut tokio::io::sink()).await;
            _ = down.shutdown().await;
        });
        Ok(Box::new(ours))
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_only_the_proxy_vouches_for_confirms_nothing() {
    let dial = |sink| {
        let proxy = "http://proxy.example:3128".parse().unwrap();
        let dial = Arc::new(Proxied { sink, dialled: AtomicU32::new(0) });
        Arc::new(ProxyDial { proxy, dial }) as Arc<dyn Dial>
    };
    let mut scene = Setting { dial: Box::new(dial), ..Setting::default() }.scene();
    scene.give(0..10, 100).await;
    sleep(Duration::from_secs(2)).await;
    // On the same connection, and taken by the proxy alone.
    scene.give(10..20, 100).await;
    let mut delivered = 0;
    let mut returned = 0;
    while delivered < 2 {
        match scene.settlement().await {
            (_, true) => delivered += 1,
            (numbers, false) => {
                returned += 1;
                scene.give(numbers, 100).await;
            }
        }
    }
    assert_eq!((returned, scene.sink.totals().distinct), (2, 20));
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
