//! The peer's end was on its way before ours was there: it looks like an answer, and is none.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use quittance_core::{Dial, Link};
use quittance_testbed::link::SimDial;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scene::Setting;

/// Connections that cross, after the probe's.
const CROSSED: u32 = 2;

/// Links of which the first few, after the probe's, never get their last byte acknowledged.
struct CrossingDial {
    dial: SimDial,
    dialled: AtomicU32,
}

#[async_trait]
impl Dial for CrossingDial {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let link = self.dial.dial(host, port).await?;
        // Every failure is followed by a probe.
        let number = self.dialled.fetch_add(1, Ordering::Relaxed);
        let crosses = number % 2 == 1 && number < 2 * CROSSED;
        Ok(Box::new(CrossingLink { link, crosses }))
    }
}

struct CrossingLink {
    link: Box<dyn Link>,
    crosses: bool,
}

impl Link for CrossingLink {
    fn unacknowledged(&self) -> io::Result<u64> {
        Ok(self.link.unacknowledged()? + u64::from(self.crosses))
    }
}

impl AsyncRead for CrossingLink {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_read(cx, buf)
    }
}

impl AsyncWrite for CrossingLink {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.link).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.link).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_left_bytes_unacknowledged_confirms_nothing() {
    let dial = Box::new(|dial| Arc::new(CrossingDial { dial, dialled: AtomicU32::new(0) }) as Arc<dyn Dial>);
    let mut scene = Setting { dial, ..Setting::default() }.scene();
    let returned = scene.deliver_all(1, 10, 100).await;
    assert_eq!(returned, u64::from(CROSSED));
}
