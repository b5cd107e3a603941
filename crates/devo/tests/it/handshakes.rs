//! All pools of a process share a budget of handshakes and ends.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use quittance_core::{Dial, Link};
use quittance_devo::{Handshakes, Mode};
use quittance_testbed::{
    link::SimDial,
    sink::{Fault, Keep, Sink},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep, timeout},
};

use crate::scene::{Scene, Setting, confirm};

/// Connections that are being opened or ended, over all pools.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One of them, until it is dropped.
struct Counted(Arc<Gauge>);

impl Counted {
    fn new(gauge: &Arc<Gauge>) -> Counted {
        let now = gauge.now.fetch_add(1, Ordering::Relaxed) + 1;
        gauge.most.fetch_max(now, Ordering::Relaxed);
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// To open takes a second, and is counted; so is a link from the moment that our half is ended.
struct GaugedDial {
    dial: SimDial,
    gauge: Arc<Gauge>,
}

#[async_trait]
impl Dial for GaugedDial {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let _opening = Counted::new(&self.gauge);
        sleep(Duration::from_secs(1)).await;
        let link = self.dial.dial(host, port).await?;
        Ok(Box::new(GaugedLink { link, gauge: self.gauge.clone(), ending: None }))
    }
}

struct GaugedLink {
    link: Box<dyn Link>,
    gauge: Arc<Gauge>,
    ending: Option<Counted>,
}

impl Link for GaugedLink {
    fn unacknowledged(&self) -> io::Result<u64> {
        self.link.unacknowledged()
    }
}

impl AsyncRead for GaugedLink {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_read(cx, buf)
    }
}

impl AsyncWrite for GaugedLink {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.link).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.is_none() {
            self.ending = Some(Counted::new(&self.gauge));
        }
        Pin::new(&mut *self.link).poll_shutdown(cx)
    }
}

fn scene(handshakes: &Handshakes, gauge: &Arc<Gauge>, sink: Sink) -> Scene {
    let gauge = gauge.clone();
    Setting {
        confirm: confirm(Mode::Closed, 120),
        sink,
        dial: Box::new(move |dial| Arc::new(GaugedDial { dial, gauge }) as Arc<dyn Dial>),
        handshakes: handshakes.clone(),
        ..Setting::default()
    }
    .scene()
}

/// Every end takes a second.
fn slow() -> Sink {
    let sink = Sink::new(Keep::Messages);
    sink.always(Some(Fault::SlowEnd(Duration::from_secs(1))));
    sink
}

/// How long twenty pools take for three connections each, and how many were opened or ended at a time at most. The first
/// and the last pool to be done may not be far apart.
async fn twenty_pools(handshakes: Handshakes) -> (Duration, usize) {
    let gauge = Arc::default();
    let started = Instant::now();
    let pools = (0..20).map(async |_| {
        let mut scene = scene(&handshakes, &gauge, slow());
        for _ in 0..3 {
            scene.give(0..5, 100).await;
            assert!(scene.settlement().await.1);
        }
        started.elapsed()
    });
    let took = join_all(pools).await;
    let (first, last) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    assert!(*last - *first < Duration::from_secs(25), "some pools come late: {took:?}");
    (*last, gauge.most.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn many_pools_never_open_and_end_more_connections_at_a_time_than_the_budget_and_none_starves() {
    let (alone, most) = twenty_pools(Handshakes::new(1000)).await;
    assert!(most >= 20, "the pools are never busy at once: {most}");
    let (shared, most) = twenty_pools(Handshakes::new(4)).await;
    assert_eq!(most, 4);
    // 20 probes and 60 connections, each opened and ended: 160 seconds of work for four at a time, and the intervals.
    assert!(alone < Duration::from_secs(30), "{alone:?}");
    assert!(shared < Duration::from_secs(80), "{shared:?}");
}

#[tokio::test(start_paused = true)]
async fn destinations_that_never_answer_an_end_take_no_budget_from_others() {
    let (handshakes, gauge) = (Handshakes::new(2), Arc::default());
    let stuck: Vec<Scene> = (0..4).map(|_| scene(&handshakes, &gauge, Sink::new(Keep::Messages))).collect();
    for scene in &stuck {
        scene.give(0..5, 100).await;
        scene.sink.always(Some(Fault::NeverEnds));
    }
    // Their first connections are being ended by now, which takes 120 seconds to fail.
    sleep(Duration::from_secs(20)).await;
    assert_eq!(gauge.now.load(Ordering::Relaxed), 4);
    let mut other = scene(&handshakes, &gauge, slow());
    other.give(0..5, 100).await;
    let settled = timeout(Duration::from_secs(30), other.settlement()).await;
    assert!(settled.unwrap().1);
}
