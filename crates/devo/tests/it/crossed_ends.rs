//! The peer's end was on its way before ours was there: it looks like an answer, and is none.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use quittance_core::{Dial, Link};
use quittance_devo::Mode;
use quittance_testbed::{link::SimDial, sink::Fault};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep},
};

use crate::scene::{Setting, confirm};

/// Connections that cross, after the probe's.
const CROSSED: u32 = 2;

/// Links of which the first few, after the probe's, leave bytes unacknowledged when they are ended.
struct CrossingDial {
    dial: SimDial,
    dialled: AtomicU32,
    /// Which links.
    which: fn(u32) -> bool,
    /// How many bytes, and for how long.
    left: (u64, Duration),
}

impl CrossingDial {
    fn setting(which: fn(u32) -> bool, left: (u64, Duration)) -> Setting {
        let dial =
            move |dial| Arc::new(CrossingDial { dial, dialled: AtomicU32::new(0), which, left }) as Arc<dyn Dial>;
        Setting { dial: Box::new(dial), ..Setting::default() }
    }
}

#[async_trait]
impl Dial for CrossingDial {
    async fn dial(&self, host: &str, port: u16) -> io::Result<Box<dyn Link>> {
        let link = self.dial.dial(host, port).await?;
        let left = (self.which)(self.dialled.fetch_add(1, Ordering::Relaxed)).then_some(self.left);
        Ok(Box::new(CrossingLink { link, left, ended: None }))
    }
}

/// Every failure is followed by a probe.
fn the_first_that_carry(number: u32) -> bool {
    number % 2 == 1 && number < 2 * CROSSED
}

struct CrossingLink {
    link: Box<dyn Link>,
    left: Option<(u64, Duration)>,
    ended: Option<Instant>,
}

impl Link for CrossingLink {
    fn unacknowledged(&self) -> io::Result<u64> {
        let left = self.left.filter(|(_, until)| self.ended.is_some_and(|ended| ended.elapsed() < *until));
        Ok(self.link.unacknowledged()? + left.map_or(0, |(bytes, _)| bytes))
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
        self.ended.get_or_insert_with(Instant::now);
        Pin::new(&mut *self.link).poll_shutdown(cx)
    }
}

const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

#[tokio::test(start_paused = true)]
async fn an_end_that_left_bytes_unacknowledged_confirms_nothing() {
    let mut scene = CrossingDial::setting(the_first_that_carry, (1, FOR_EVER)).scene();
    let returned = scene.deliver_all(1, 10, 100).await;
    assert_eq!(returned, u64::from(CROSSED));
}

/// Its application is gone, and its system goes on for a while: what that acknowledges is read by nobody.
#[tokio::test(start_paused = true)]
async fn an_end_that_came_before_our_last_bytes_were_taken_confirms_nothing() {
    let mut scene = CrossingDial::setting(the_first_that_carry, (500, Duration::from_secs(1))).scene();
    let returned = scene.deliver_all(1, 10, 100).await;
    assert_eq!(returned, u64::from(CROSSED));
}

/// It says nothing of how the destination ends.
#[tokio::test(start_paused = true)]
async fn a_network_that_swallows_the_first_probe_does_not_weaken_the_proof() {
    let setting = CrossingDial::setting(|number| number == 0, (25, FOR_EVER));
    let setting = Setting { confirm: confirm(Mode::Auto, 30), ..setting };
    setting.sink.always(Some(Fault::NeverEnds));
    let mut scene = setting.scene();
    sleep(Duration::from_secs(5)).await;
    scene.sink.always(None);
    scene.deliver_all(5, 10, 100).await;
    assert_eq!((scene.ledger.total().delivered_acked, &*scene.store.records()[0].3), (0, "closes"));
}
