//! One event a line: flow logs, CloudFront, load balancers, plain text.

use memchr::memchr_iter;

use crate::position::Position;
use crate::{FormatError, Frame, Framer};

/// Header lines longer than this, or than the limit of events, are left out of the events too, but not kept.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Which lines are not events but say what the columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// None: every line is an event.
    None,
    /// The first line that is not blank (VPC flow logs).
    FirstLine,
    /// All lines that start with `#` (CloudFront); the last of them that starts with `#Fields:` is kept.
    Hash,
}

/// Frames lines, without their `\n` or `\r\n`. Blank lines are dropped, the last line needs no newline, bytes need not
/// be UTF-8.
#[derive(Debug)]
pub struct Lines {
    rule: Header,
    max_event_bytes: usize,
    position: Position,
    /// What the open line is, once its first byte is gone.
    gone: Option<Kind>,
    /// The first line was seen.
    past_first: bool,
    header: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Event,
    Header,
}

impl Lines {
    /// A framer for one input. Events longer than `max_event_bytes`, line end aside, are skipped and reported; header
    /// lines are only skipped.
    pub fn new(header: Header, max_event_bytes: usize) -> Lines {
        Lines {
            rule: header,
            max_event_bytes,
            position: Position::default(),
            gone: None,
            past_first: false,
            header: None,
        }
    }

    /// A line begins at `start`, unless one is open from an earlier window.
    fn begin(&mut self, start: usize) {
        if !self.position.is_open() {
            self.position.open(start);
        }
    }

    fn kind(&self, first: u8) -> Kind {
        match self.rule {
            Header::FirstLine if !self.past_first => Kind::Header,
            Header::Hash if first == b'#' => Kind::Header,
            _ => Kind::Event,
        }
    }

    /// What the open line is, by its first byte.
    fn open_kind(&self, window: &[u8]) -> Option<Kind> {
        let first = self.position.opened_at().and_then(|at| window.get(at));
        self.gone.or_else(|| first.map(|&first| self.kind(first)))
    }

    /// The open line ends at `end`, line feed excluded.
    fn line(&mut self, window: &[u8], end: usize, frames: &mut Vec<Frame>) {
        let carriage_return = self.position.open_len(end) > 0 && end > 0 && window[end - 1] == b'\r';
        let end = end - usize::from(carriage_return);
        let blank = self.position.open_len(end) == 0;
        let kind = self.open_kind(window);
        self.gone = None;
        let Some(frame) = self.position.close(end, self.max_event_bytes) else {
            return;
        };
        if blank {
            return;
        }
        self.past_first = true;
        match (kind, frame) {
            (Some(Kind::Header), Frame::Event { start, end }) => self.keep(&window[start..end]),
            (Some(Kind::Header), Frame::Oversized { .. }) => {}
            _ => frames.push(frame),
        }
    }

    fn keep(&mut self, line: &[u8]) {
        if line.len() <= MAX_HEADER_BYTES && (self.rule != Header::Hash || line.starts_with(b"#Fields:")) {
            self.header = Some(line.to_vec());
        }
    }
}

impl Framer for Lines {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        let Some(from) = self.position.resume(window, last) else {
            return Ok(0);
        };
        let mut start = from;
        for place in memchr_iter(b'\n', &window[from..]) {
            self.begin(start);
            self.line(window, from + place, frames);
            start = from + place + 1;
        }
        if start < window.len() {
            self.begin(start);
        }
        if last && self.position.is_open() {
            self.line(window, window.len(), frames);
        }
        // One byte more is held, and one is left when the rest is let go, since it may be the `\r` of a line end.
        let kind = self.open_kind(window);
        let consumed = self.position.settle(window, self.max_event_bytes.saturating_add(1), 1);
        if self.position.opened_at().is_none() {
            self.gone = kind;
        }
        Ok(consumed)
    }

    fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }
}
