//! The contract between a source of bytes and the formats that cut them into events.

use crate::{Cells, FormatError};

/// One thing a framer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A whole event: `window[start..end]`, in bytes from the start of the window of that call.
    Event {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
    /// An event longer than the framer's limit. Its bytes were skipped, never held.
    Oversized {
        /// First byte, counted from the start of the whole (inflated) input.
        offset: u64,
        /// Full length in bytes.
        len: u64,
    },
}

/// A line that names columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// How many frames of the call stand before it.
    pub before: usize,
    /// The line, without its line end.
    pub header: Vec<u8>,
    /// What stands between the columns of the events after it.
    pub cells: Cells,
}

/// Cuts a stream of bytes into events, without copying them.
///
/// How the input is cut into windows changes nothing in what is found. Bytes are scanned once: a framer remembers how
/// far it looked into an unfinished event. The bytes it leaves unconsumed never exceed its `max_event_bytes` plus a
/// small constant.
///
/// ```
/// use quittance_formats::{Frame, Framer, Header, Lines};
///
/// let mut frames = Vec::new();
/// let mut lines = Lines::new(Header::None, 1024);
/// assert_eq!(lines.frame(b"one\ntwo", false, &mut frames), Ok(4));
/// assert_eq!(lines.frame(b"two", true, &mut frames), Ok(3));
/// assert_eq!(frames, [Frame::Event { start: 0, end: 3 }, Frame::Event { start: 0, end: 3 }]);
/// ```
pub trait Framer: Send {
    /// Appends the events that are whole to `frames`, in order, and answers how many bytes of `window` are consumed.
    ///
    /// `window` starts at the first byte not yet consumed and holds at least what it held in the call before, less what
    /// that call consumed. All events reported lie inside the consumed part. `last` says that the input ends with this
    /// window: then all of it is consumed.
    ///
    /// # Errors
    ///
    /// When the input is damaged or ends too early. Events appended before the damage stand, relative to this window;
    /// the framer is of no further use.
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError>;

    /// The line that names the columns, without its line end, once it was seen. Most formats have none.
    fn header(&self) -> Option<&[u8]> {
        None
    }

    /// What stands between the columns of its events, where they have some.
    fn cells(&self) -> Option<Cells> {
        None
    }

    /// Where among the frames of the last call columns were named anew: how many of them came before that, the line itself, and
    /// what stands between the columns from there on.
    fn renamed(&mut self) -> Vec<Renamed> {
        Vec::new()
    }
}
