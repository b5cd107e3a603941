//! Columns of an event that is one line, found without parsing it.

use std::{borrow::Cow, ops::Range};

use memchr::memchr_iter;

use crate::csv;

/// What stands between the columns of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// This byte, as a blank in flow logs and a tab in access logs.
    By(u8),
    /// A comma, and cells may be quoted: RFC 4180.
    Csv,
}

impl Cells {
    /// Where the content of the cell at an index stands, without its quotes; `None` behind the last one.
    pub fn find(self, row: &[u8], index: usize) -> Option<Range<usize>> {
        match self {
            Cells::Csv => csv::cell_place(row, index),
            Cells::By(separator) => {
                let mut ends = memchr_iter(separator, row).chain([row.len()]);
                let start = match index {
                    0 => 0,
                    index => ends.by_ref().nth(index - 1).filter(|end| *end < row.len())? + 1,
                };
                ends.next().map(|end| start..end)
            }
        }
    }

    /// What the cell says whose content stands at a place.
    pub fn text(self, row: &[u8], place: Range<usize>) -> Cow<'_, [u8]> {
        match self {
            Cells::Csv => csv::content(row, place),
            Cells::By(_) => Cow::Borrowed(&row[place]),
        }
    }

    /// The index of the column of this name, by the line that names them; case does not matter.
    pub fn named(self, header: &[u8], name: &str) -> Option<usize> {
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        let is = |word: &[u8]| word.eq_ignore_ascii_case(name.as_bytes());
        match (self, header.strip_prefix(b"#Fields:")) {
            // Names stand between blanks there, whatever stands between values.
            (_, Some(names)) => names.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).position(is),
            (Cells::By(separator), None) => header.split(|byte| *byte == separator).position(is),
            (Cells::Csv, None) => (0..csv::cells(header)).find(|index| {
                let cell = csv::cell(header, *index);
                cell.is_some_and(|cell| is(cell.trim_ascii()))
            }),
        }
    }
}

/// Names of columns that are known: of flow logs and access logs.
pub fn column_names() -> impl Iterator<Item = &'static str> + Clone {
    crate::columns::names_known()
}
