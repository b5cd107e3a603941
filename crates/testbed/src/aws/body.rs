//! Bodies of answers, whole or broken on purpose.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, Sleep};

/// How much of a body goes out at once.
const CHUNK: usize = 64 * 1024;

/// What goes wrong with the body of one answer. Positions count from the first byte of that answer,
/// also where it is an answer to a ranged request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyFault {
    /// The connection breaks after so many bytes, though `Content-Length` promises more.
    CutAfter(u64),
    /// Nothing comes after so many bytes, and the connection stays open.
    StallAfter(u64),
    /// The byte at this position is changed.
    CorruptAt(u64),
    /// The body comes at so many bytes a second.
    Slow(u64),
}

/// The body of an answer: one buffer, handed out in slices, never copied.
#[derive(Debug)]
pub struct Body {
    rest: Bytes,
    /// What `Content-Length` still promises; more than `rest` if the body will break.
    promised: u64,
    ending: Ending,
    /// Position in `rest` of the byte to change.
    corrupt: Option<u64>,
    pace: Option<Pace>,
    /// A cut body has let its carrier write what it had.
    flushed: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    Cut,
    Stall,
}

#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    next: Pin<Box<Sleep>>,
}

impl Body {
    /// A body of no bytes.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// A body that meets `fault` on its way.
    pub(super) fn with_fault(bytes: Bytes, fault: Option<BodyFault>) -> Self {
        let mut body = Self::from(bytes);
        match fault {
            None => {}
            Some(BodyFault::CutAfter(at)) => body.break_at(at, Ending::Cut),
            Some(BodyFault::StallAfter(at)) => body.break_at(at, Ending::Stall),
            Some(BodyFault::CorruptAt(at)) => body.corrupt = Some(at),
            Some(BodyFault::Slow(bytes_per_second)) => {
                body.pace = Some(Pace {
                    bytes_per_second: bytes_per_second.max(1),
                    next: Box::pin(tokio::time::sleep_until(Instant::now())),
                });
            }
        }
        body
    }

    /// All of it at once, if nothing is to go wrong with it and it is no longer than one chunk.
    pub(super) fn into_small(self) -> Result<Bytes, Self> {
        let small =
            self.rest.len() <= CHUNK && self.ending == Ending::Whole && self.corrupt.is_none() && self.pace.is_none();
        if small { Ok(self.rest) } else { Err(self) }
    }

    fn break_at(&mut self, at: u64, ending: Ending) {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        if at < self.rest.len() {
            self.rest.truncate(at);
            self.ending = ending;
        }
    }

    fn next_chunk(&mut self, limit: usize) -> Bytes {
        let chunk = self.rest.split_to(limit.min(self.rest.len()));
        let length = chunk.len() as u64;
        self.promised -= length;
        match self.corrupt {
            Some(at) if at < length => {
                self.corrupt = None;
                let mut changed = chunk.to_vec();
                if let Some(byte) = usize::try_from(at).ok().and_then(|at| changed.get_mut(at)) {
                    *byte = !*byte;
                }
                changed.into()
            }
            Some(at) => {
                self.corrupt = Some(at - length);
                chunk
            }
            None => chunk,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            return match this.ending {
                Ending::Stall => Poll::Pending,
                // What came before must leave first: hyper throws away what it has not yet written.
                Ending::Cut if !this.flushed => {
                    this.flushed = true;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                // The SDK polls once more after the end, so an end stays an end.
                Ending::Cut if !this.ended => {
                    this.ended = true;
                    Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
                }
                Ending::Cut | Ending::Whole => Poll::Ready(None),
            };
        }
        let mut limit = CHUNK;
        if let Some(pace) = &mut this.pace {
            ready!(pace.next.as_mut().poll(cx));
            // Ten pieces a second, so that a slow body trickles instead of coming in rare lumps.
            limit = usize::try_from((pace.bytes_per_second / 10).max(1)).unwrap_or(CHUNK).min(CHUNK);
            let piece = limit.min(this.rest.len());
            let time = Duration::from_secs_f64(piece as f64 / pace.bytes_per_second as f64);
            pace.next.as_mut().reset(Instant::now() + time);
        }
        let chunk = this.next_chunk(limit);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.ending == Ending::Whole
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self {
            promised: bytes.len() as u64,
            rest: bytes,
            ending: Ending::Whole,
            corrupt: None,
            pace: None,
            flushed: false,
            ended: false,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}
