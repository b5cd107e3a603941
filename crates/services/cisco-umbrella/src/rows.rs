//! The rows of a log: every one is an event, except a first one that names the columns, which Umbrella writes if an
//! administrator switched that on. In an object that was joined from several it stands again.

use quittance_formats::{Cells, Csv, FormatError, Frame, Framer, Renamed, csv};

/// May stand before the first row of every object that was joined.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Frames rows without their header, if there is one.
pub(crate) struct Rows {
    csv: Csv,
    started: bool,
    header: Option<Vec<u8>>,
    /// What was found of it in the last call.
    renamed: Option<Renamed>,
}

impl Rows {
    pub(crate) fn new(max_event_bytes: usize) -> Rows {
        Rows { csv: Csv::new(max_event_bytes), started: false, header: None, renamed: None }
    }
}

impl Framer for Rows {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        let before = frames.len();
        let found = self.csv.frame(window, last, frames);
        if !self.started && frames.len() > before {
            self.started = true;
            if let Frame::Event { start, end } = frames[before]
                && is_header(&window[start..end])
            {
                let header = window[start..end].to_vec();
                self.header = Some(header.clone());
                self.renamed = Some(Renamed { before, header, cells: Cells::Csv });
            }
        }
        if let Some(header) = &self.header {
            let again = |frame: &mut Frame| match *frame {
                Frame::Event { start, end } => {
                    let row = &window[start..end];
                    row.strip_prefix(BOM).unwrap_or(row) == header.as_slice()
                }
                Frame::Oversized { .. } => false,
            };
            frames.extract_if(before.., again).for_each(drop);
        }
        found
    }

    fn cells(&self) -> Option<Cells> {
        self.csv.cells()
    }

    fn renamed(&mut self) -> Vec<Renamed> {
        self.renamed.take().into_iter().collect()
    }
}

/// Whether a row names columns. In every log a time stands in the first cell, or in the second after an id, which may be
/// empty; so a row whose first two cells are words without a digit is none of them.
fn is_header(row: &[u8]) -> bool {
    let is_name = |cell: &[u8]| cell.iter().any(u8::is_ascii_alphabetic) && !cell.iter().any(u8::is_ascii_digit);
    let first = csv::first_cell(row);
    let second = csv::cell(row, 1);
    is_name(&first) && second.is_some_and(|second| is_name(&second))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows, in windows of so many bytes more each.
    fn rows(content: &str, step: usize) -> Vec<String> {
        let (bytes, mut rows, mut events) = (content.as_bytes(), Rows::new(1000), Vec::new());
        let (mut from, mut to) = (0, 0);
        loop {
            to = (to + step).min(bytes.len());
            let mut frames = Vec::new();
            let consumed = rows.frame(&bytes[from..to], to == bytes.len(), &mut frames).unwrap();
            for frame in frames {
                let Frame::Event { start, end } = frame else { panic!("{frame:?}") };
                events.push(content[from + start..from + end].to_owned());
            }
            from += consumed;
            if to == bytes.len() {
                return events;
            }
        }
    }

    fn check(content: &str, expected: &[&str]) {
        for step in [1, 7, 64, 10_000] {
            assert_eq!(rows(content, step), expected, "{content:?} by {step}");
        }
    }

    const DNS: &str = r#""2026-01-15 12:00:00","User","User,Site","10.10.1.100","24.123.132.133","Allowed","1 (A)","NOERROR","a.example.","Chat""#;

    #[test]
    fn a_header_is_no_event() {
        let header = r#""Timestamp","Most Granular Identity","Identities""#;
        check(&format!("{header}\n{DNS}\n{DNS}"), &[DNS, DNS]);
        check(&format!("\u{feff}{header}\r\n\r\n{DNS}\r\n"), &[DNS]);
        check(&format!("Timestamp,Identity\n{DNS}"), &[DNS]);
        check(header, &[]);
        let audit = r#""","2021-07-22 10:46:45","a@acme.example","","settings", "update","","version: 4","version: 5""#;
        let header = r#""ID","Time","Email","User","Type","Action","Logged in from","Before","After""#;
        check(&format!("{header}\n{audit}\n"), &[audit]);
    }

    #[test]
    fn without_a_header_every_row_is_an_event() {
        check(&format!("{DNS}\n{DNS}\n"), &[DNS, DNS]);
        let audit = "\"\",\"2021-07-22 10:46:45\",\"a@acme.example\",\"\",\"settings\", \"update\",\"\",\"one\ntwo\",\"a \"\"b\"\"\"";
        check(&format!("{audit}\n{audit}\n"), &[audit, audit]);
        let numbered = audit.replacen("\"\"", "\"1757\"", 1);
        check(&numbered, &[&numbered]);
        // A time in another form, a single cell, an empty one: none of them names columns.
        for row in [r#""15.01.2026","User""#, r#""Timestamp""#, r#""","User""#, "Jan 15, User", r#""User","""#] {
            check(&format!("{row}\n{DNS}\n"), &[row, DNS]);
        }
    }

    #[test]
    fn only_the_first_row_can_be_a_header_and_stands_again_where_objects_were_joined() {
        let header = r#""Timestamp","Identity""#;
        check(&format!("{DNS}\n{header}\n"), &[DNS, header]);
        check(&format!("{header}\n{DNS}\r\n\u{feff}{header}\r\n{DNS}\n{header}"), &[DNS, DNS]);
        let other = r#""Timestamp","Identities""#;
        check(&format!("{header}\n{DNS}\n{other}\n"), &[DNS, other]);
    }

    #[test]
    fn a_first_row_that_is_too_long_is_reported() {
        let mut frames = Vec::new();
        let long = format!("\"2026-01-15 12:00:00\",\"{}\"", "x".repeat(2000));
        Rows::new(1000).frame(format!("{long}\n{DNS}").as_bytes(), true, &mut frames).unwrap();
        assert_eq!(frames[0], Frame::Oversized { offset: 0, len: long.len() as u64 });
        assert_eq!(frames.len(), 2);
    }
}
