//! One event a line: flow logs, CloudFront, load balancers, plain text.

use memchr::memchr_iter;

use crate::columns::{between_names, names_access, names_flow};
use crate::position::Position;
use crate::{Cells, FormatError, Frame, Framer, Renamed};

/// Header lines longer than this, or than the limit of events, are left out of the events too, but not kept.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Which lines are not events but say what the columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// None: every line is an event.
    None,
    /// All lines that name the columns of a VPC flow log, wherever they stand: objects may be joined. The last is kept.
    VpcFlow,
    /// All lines that start with `#`, of which the last that starts with `#Fields:` is kept, and a first line that names
    /// the columns of CloudFront's access log without a `#`, as often as it is repeated.
    CloudFront,
}

/// Frames lines, without their `\n` or `\r\n`. Blank lines are dropped, the last line needs no newline, bytes need not
/// be UTF-8.
#[derive(Debug)]
pub struct Lines {
    rule: Header,
    max_event_bytes: usize,
    position: Position,
    /// Whether the open line starts with `#`, once its first byte is gone.
    gone: Option<bool>,
    /// The first line was seen.
    past_first: bool,
    header: Option<Vec<u8>>,
    renamed: Vec<Renamed>,
}

impl Lines {
    /// A framer for one input. Events longer than `max_event_bytes`, line end aside, are skipped and reported; lines
    /// that start with `#` in a log of CloudFront's are only skipped.
    pub fn new(header: Header, max_event_bytes: usize) -> Lines {
        Lines {
            rule: header,
            max_event_bytes,
            position: Position::default(),
            gone: None,
            past_first: false,
            header: None,
            renamed: Vec::new(),
        }
    }

    /// A line begins at `start`, unless one is open from an earlier window.
    fn begin(&mut self, start: usize) {
        if !self.position.is_open() {
            self.position.open(start);
        }
    }

    /// Whether the open line starts with `#`.
    fn is_hash(&self, window: &[u8]) -> Option<bool> {
        let first = self.position.opened_at().and_then(|at| window.get(at));
        self.gone.or_else(|| first.map(|&first| first == b'#'))
    }

    /// Whether a whole line names columns.
    fn names_columns(&self, line: &[u8]) -> bool {
        match self.rule {
            Header::None => false,
            Header::VpcFlow => names_flow(line, !self.past_first) || self.header.as_deref() == Some(line),
            // What a viewer asks for stands in these rows, so that a line further down is not judged by its words.
            Header::CloudFront if self.past_first => self.header.as_deref() == Some(line),
            Header::CloudFront => names_access(line),
        }
    }

    /// The open line ends at `end`, line feed excluded.
    fn line(&mut self, window: &[u8], end: usize, frames: &mut Vec<Frame>) {
        let carriage_return = self.position.open_len(end) > 0 && end > 0 && window[end - 1] == b'\r';
        let end = end - usize::from(carriage_return);
        let blank = self.position.open_len(end) == 0;
        let directive = self.rule == Header::CloudFront && self.is_hash(window) == Some(true);
        self.gone = None;
        let Some(frame) = self.position.close(end, self.max_event_bytes) else {
            return;
        };
        if blank {
            return;
        }
        match frame {
            Frame::Event { start, end } if directive => {
                let line = &window[start..end];
                if line.starts_with(b"#Fields:") {
                    self.keep(line, frames.len());
                }
            }
            Frame::Oversized { .. } if directive => {}
            Frame::Event { start, end } if self.names_columns(&window[start..end]) => {
                self.keep(&window[start..end], frames.len());
            }
            _ => frames.push(frame),
        }
        self.past_first = true;
    }

    fn keep(&mut self, line: &[u8], before: usize) {
        if line.len() <= MAX_HEADER_BYTES && self.header.as_deref() != Some(line) {
            self.header = Some(line.to_vec());
            let cells = Cells::By(self.separator());
            self.renamed.push(Renamed { before, header: line.to_vec(), cells });
        }
    }

    /// A blank in flow logs. In access logs a tab, unless names without a `#` show another.
    fn separator(&self) -> u8 {
        let named = || self.header.as_deref().filter(|line| !line.starts_with(b"#")).and_then(between_names);
        match self.rule {
            Header::CloudFront => named().unwrap_or(b'\t'),
            Header::None | Header::VpcFlow => b' ',
        }
    }
}

impl Framer for Lines {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        self.renamed.clear();
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
        let hash = self.is_hash(window);
        let consumed = self.position.settle(window, self.max_event_bytes.saturating_add(1), 1);
        if self.position.opened_at().is_none() {
            self.gone = hash;
        }
        Ok(consumed)
    }

    fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    fn cells(&self) -> Option<Cells> {
        (self.rule != Header::None).then(|| Cells::By(self.separator()))
    }

    fn renamed(&mut self) -> Vec<Renamed> {
        std::mem::take(&mut self.renamed)
    }
}
