//! Where a framer stands in its input: the bookkeeping all framers share.

use crate::skip::Fault;
use crate::{FormatError, Frame};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The window's place in the input and the event that is open, if any.
///
/// An event is known by its offset in the whole input, so that its length is right even when its first bytes were let
/// go.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// Of the window's first byte, in the whole input.
    base: u64,
    /// Bytes at the start of the window that earlier calls have scanned.
    scanned: usize,
    /// Of the first byte of the open event, in the whole input.
    open: Option<u64>,
    /// The input's start was looked at for a byte order mark.
    started: bool,
}

impl Position {
    /// Where scanning goes on in this window; `None` while it takes more bytes to tell a byte order mark from content.
    pub(crate) fn resume(&mut self, window: &[u8], last: bool) -> Option<usize> {
        if !self.started {
            if !last && window.len() < BOM.len() && BOM.starts_with(window) {
                return None;
            }
            self.started = true;
            if window.starts_with(BOM) {
                return Some(BOM.len());
            }
        }
        Some(self.scanned.min(window.len()))
    }

    /// The offset in the whole input of a place in the window.
    pub(crate) fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// An event begins.
    pub(crate) fn open(&mut self, at: usize) {
        self.open = Some(self.offset(at));
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The open event's start in the window; `None` if there is none or its first bytes were let go.
    pub(crate) fn opened_at(&self) -> Option<usize> {
        self.open?.checked_sub(self.base).map(|at| at as usize)
    }

    /// The open event's length if it ended at `end`.
    pub(crate) fn open_len(&self, end: usize) -> u64 {
        self.open.map_or(0, |open| self.offset(end).saturating_sub(open))
    }

    /// The open event ends at `end`.
    pub(crate) fn close(&mut self, end: usize, max: usize) -> Option<Frame> {
        let offset = self.open.take()?;
        let len = self.offset(end).checked_sub(offset)?;
        if len > max as u64 {
            return Some(Frame::Oversized { offset, len });
        }
        // An open event is let go only beyond `max`, so this one still starts in the window.
        let start = offset.checked_sub(self.base)? as usize;
        Some(Frame::Event { start, end })
    }

    /// The whole window was scanned: answers how much of it is consumed. An open event is kept while it is no longer
    /// than `hold`; then it is let go, all but its last `tail` bytes.
    pub(crate) fn settle(&mut self, window: &[u8], hold: usize, tail: usize) -> usize {
        let len = window.len();
        let consumed = match self.open {
            None => len,
            Some(_) if self.open_len(len) > hold as u64 => len.saturating_sub(tail),
            Some(_) => self.opened_at().unwrap_or(0),
        };
        self.base += consumed as u64;
        self.scanned = len - consumed;
        consumed
    }

    /// The error for a byte in the window that cannot stand there.
    #[cold]
    pub(crate) fn unexpected(&self, window: &[u8], at: usize, expected: &'static str) -> FormatError {
        match window.get(at) {
            Some(&found) => FormatError::Unexpected { offset: self.offset(at), expected, found },
            None => self.truncated(window, expected),
        }
    }

    /// The error for structure in the window that cannot be followed.
    #[cold]
    pub(crate) fn fault(&self, window: &[u8], Fault(at, expected): Fault) -> FormatError {
        self.unexpected(window, at, expected)
    }

    /// The error for an input that ends with this window, too early.
    #[cold]
    pub(crate) fn truncated(&self, window: &[u8], expected: &'static str) -> FormatError {
        FormatError::Truncated { offset: self.offset(window.len()), expected }
    }
}
