//! The answer of `/tap`, as long as somebody reads it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use quittance_core::{Listener, Tap};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::tap::{Tapped, Wish};

/// The most events a second that one listener is shown.
const EVENTS_A_SECOND: u32 = 200;

/// The most bytes a second.
const BYTES_A_SECOND: usize = 1 << 20;

/// What is shown of one event, in bytes.
const LONGEST: usize = 16 << 10;

/// Lines that wait for who reads.
const WAITING: usize = 256;

/// How a line is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// A JSON object a line.
    Lines,
    /// Server-sent events.
    Sent,
}

impl Form {
    fn write(self, line: &Tapped) -> Bytes {
        let json = serde_json::to_string(line).unwrap_or_default();
        match self {
            Form::Lines => format!("{json}\n").into(),
            Form::Sent => format!("data: {json}\n\n").into(),
        }
    }
}

/// Lines as they come. Nobody listens any more when it is dropped.
pub(crate) struct Lines(mpsc::Receiver<Bytes>);

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// Shows what is wanted of the events that pass `tap`; `None` if too many look already.
pub(crate) fn stream(tap: &Arc<Tap>, wish: Wish, form: Form) -> Option<Lines> {
    let of_batches = wish.clone();
    let listener = tap.listen(Box::new(move |unit, events| of_batches.wants(unit, events)))?;
    let (lines, body) = mpsc::channel(WAITING);
    tokio::spawn(
        Showing { wish, form, lines, listener, dropped: 0, second: Instant::now(), events: 0, bytes: 0 }.run(),
    );
    Some(Lines(body))
}

struct Showing {
    wish: Wish,
    form: Form,
    lines: mpsc::Sender<Bytes>,
    listener: Listener,
    dropped: u64,
    /// When the second began in which so many events and bytes were shown.
    second: Instant,
    events: u32,
    bytes: usize,
}

impl Showing {
    async fn run(mut self) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // Who is gone is noticed here too, however quiet it is.
                _ = ticks.tick() => if !self.tell() { return },
                () = closed(&self.lines) => return,
                batch = self.listener.next() => match batch {
                    Some(batch) => self.show(&batch),
                    None => return,
                },
            }
            // A batch may hold many events: others have their turn between two.
            tokio::task::yield_now().await;
        }
    }

    /// Says what was not shown, or that there is nothing to say. Whether somebody still reads.
    fn tell(&mut self) -> bool {
        self.dropped += self.listener.missed();
        let line = match self.dropped {
            0 => Tapped::Quiet {},
            dropped => Tapped::Dropped { dropped },
        };
        match self.lines.try_send(self.form.write(&line)) {
            Ok(()) => self.dropped = 0,
            Err(error) => return matches!(error, mpsc::error::TrySendError::Full(_)),
        }
        true
    }

    fn show(&mut self, batch: &quittance_core::Tapped) {
        let tags: Vec<_> = batch.events.tags().iter().map(|tag| self.wish.wants_tag(tag.as_str())).collect();
        for event in batch.events.iter().filter(|event| tags[usize::from(event.tag)]) {
            let text = String::from_utf8_lossy(event.bytes);
            if !self.wish.wants_text(&text) {
                continue;
            }
            let mut end = text.len().min(LONGEST);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            if !self.may_show(end) {
                self.dropped += 1;
                continue;
            }
            let line = Tapped::Event {
                unit: batch.unit.as_str().to_owned(),
                tag: batch.events.tags()[usize::from(event.tag)].as_str().to_owned(),
                event: text[..end].to_owned(),
                bytes: event.bytes.len() as u64,
            };
            if self.lines.try_send(self.form.write(&line)).is_err() {
                self.dropped += 1;
            }
        }
    }

    fn may_show(&mut self, bytes: usize) -> bool {
        let now = Instant::now();
        if now - self.second >= Duration::from_secs(1) {
            (self.second, self.events, self.bytes) = (now, 0, 0);
        }
        let may = self.events < EVENTS_A_SECOND && self.bytes + bytes <= BYTES_A_SECOND;
        if may {
            self.events += 1;
            self.bytes += bytes;
        }
        may
    }
}

async fn closed(lines: &mpsc::Sender<Bytes>) {
    lines.closed().await;
}
