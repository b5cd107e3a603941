//! Rows of comma-separated values as Cisco Umbrella writes them: RFC 4180, with white space allowed before a quote.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memchr2, memmem};

use crate::position::Position;
use crate::{Cells, FormatError, Frame, Framer};

/// Frames rows, without their `\n` or `\r\n`. A row may span lines within quotes, blank rows are dropped, the last row
/// needs no newline.
#[derive(Debug)]
pub struct Csv {
    max_event_bytes: usize,
    position: Position,
    cell: Cell,
}

/// Where in a cell the scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Before its first byte, white space aside.
    Start,
    /// Past anything that makes it quoted: only a comma or a newline ends it.
    Bare,
    /// Within quotes.
    Quoted,
    /// After a quote within quotes, which is the closing one unless another follows.
    Quote,
}

/// What ends a cell.
enum End {
    /// A comma at this place.
    Comma(usize),
    /// A newline at this place.
    Newline(usize),
}

impl Cell {
    /// Goes on at `at`; `None` if the bytes end inside the cell. The state is then where the cell goes on, else that of
    /// a new cell.
    fn advance(&mut self, bytes: &[u8], mut at: usize) -> Option<End> {
        while at < bytes.len() {
            match (*self, bytes[at]) {
                (Cell::Start, b' ' | b'\t') => {}
                (Cell::Start, b'"') => *self = Cell::Quoted,
                (Cell::Quote, b'"') => *self = Cell::Quoted,
                (Cell::Quoted, _) => {
                    at += memchr(b'"', &bytes[at..])?;
                    *self = Cell::Quote;
                }
                (_, b',') => {
                    *self = Cell::Start;
                    return Some(End::Comma(at));
                }
                (_, b'\n') => {
                    *self = Cell::Start;
                    return Some(End::Newline(at));
                }
                _ => {
                    *self = Cell::Bare;
                    at += memchr2(b',', b'\n', &bytes[at..])?;
                    continue;
                }
            }
            at += 1;
        }
        None
    }
}

impl Csv {
    /// A framer for one input. Rows longer than `max_event_bytes`, line end aside, are skipped and reported.
    pub fn new(max_event_bytes: usize) -> Csv {
        Csv { max_event_bytes, position: Position::default(), cell: Cell::Start }
    }

    /// The open row ends at `end`, line feed excluded.
    fn row(&mut self, window: &[u8], end: usize, frames: &mut Vec<Frame>) {
        let carriage_return = self.position.open_len(end) > 0 && end > 0 && window[end - 1] == b'\r';
        let end = end - usize::from(carriage_return);
        let blank = self.position.open_len(end) == 0;
        let frame = self.position.close(end, self.max_event_bytes);
        frames.extend(frame.filter(|_| !blank));
    }
}

impl Framer for Csv {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        let Some(mut at) = self.position.resume(window, last) else {
            return Ok(0);
        };
        while at < window.len() {
            if !self.position.is_open() {
                self.position.open(at);
            }
            match self.cell.advance(window, at) {
                None => break,
                Some(End::Comma(place)) => at = place + 1,
                Some(End::Newline(place)) => {
                    self.row(window, place, frames);
                    at = place + 1;
                }
            }
        }
        if last {
            if self.cell == Cell::Quoted {
                return Err(self.position.truncated(window, "a closing quote"));
            }
            self.row(window, window.len(), frames);
        }
        // One byte more is held, and one is left when the rest is let go, since it may be the `\r` of a line end.
        Ok(self.position.settle(window, self.max_event_bytes.saturating_add(1), 1))
    }

    fn cells(&self) -> Option<Cells> {
        Some(Cells::Csv)
    }
}

/// The first cell of a row: what its quotes hold, or the bytes before the first comma if it is not quoted.
///
/// Borrows unless it holds an escaped quote (`""`).
pub fn first_cell(row: &[u8]) -> Cow<'_, [u8]> {
    content(row, first_place(row))
}

/// The cell at an index, as [`first_cell`] gives the first; `None` behind the last one.
pub fn cell(row: &[u8], index: usize) -> Option<Cow<'_, [u8]>> {
    cell_place(row, index).map(|place| content(row, place))
}

/// Where the cell at an index stands, without its quotes.
pub(crate) fn cell_place(row: &[u8], index: usize) -> Option<Range<usize>> {
    let (mut cell, mut at) = (Cell::Start, 0);
    for _ in 0..index {
        match cell.advance(row, at)? {
            End::Comma(place) => at = place + 1,
            // A framer's rows hold none outside quotes.
            End::Newline(_) => return None,
        }
    }
    let Range { start, end } = first_place(&row[at..]);
    Some(at + start..at + end)
}

fn first_place(row: &[u8]) -> Range<usize> {
    let space = row.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if row.get(space) != Some(&b'"') {
        return 0..memchr(b',', row).unwrap_or(row.len());
    }
    let start = space + 1;
    let mut at = start;
    loop {
        at += memchr(b'"', &row[at..]).unwrap_or(row.len() - at);
        if !row[at..].starts_with(b"\"\"") {
            return start..at;
        }
        at += 2;
    }
}

/// What the cell says that stands at a place: if it is quoted, its escaped quotes are undone.
pub(crate) fn content(row: &[u8], place: Range<usize>) -> Cow<'_, [u8]> {
    match place.start.checked_sub(1).is_some_and(|before| row[before] == b'"') {
        true => unquoted(&row[place]),
        false => Cow::Borrowed(&row[place]),
    }
}

fn unquoted(content: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(content);
    let mut rest = content;
    while let Some(at) = memmem::find(rest, b"\"\"") {
        if let Cow::Borrowed(_) = text {
            text = Cow::Owned(Vec::with_capacity(content.len()));
        }
        text.to_mut().extend_from_slice(&rest[..=at]);
        rest = &rest[at + 2..];
    }
    if let Cow::Owned(text) = &mut text {
        text.extend_from_slice(rest);
    }
    text
}

/// The number of cells of a row: 0 for an empty one.
pub fn cells(row: &[u8]) -> usize {
    if row.is_empty() {
        return 0;
    }
    let (mut cell, mut at, mut cells) = (Cell::Start, 0, 1);
    while let Some(end) = cell.advance(row, at) {
        match end {
            End::Comma(place) => {
                cells += 1;
                at = place + 1;
            }
            // A framer's rows hold none outside quotes.
            End::Newline(_) => break,
        }
    }
    cells
}
