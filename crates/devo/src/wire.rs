//! One event on the wire, as Devo's own SDK writes it: `<14>DATE HOST TAG: MESSAGE\n`.
//!
//! A message that holds a newline goes octet-counted (RFC 6587): the byte count of the frame, a space, the frame
//! with its final newline. The receiver tells the two apart by the first byte.

use std::io::Write;

use jiff::Timestamp;
use quittance_core::{Events, Tag};

/// Facility user (1), severity informational (6): `1 * 8 + 6`.
const PRIORITY: &str = "<14>";

/// Writes frames. One value serves many batches; its buffers are reused.
pub struct Frame {
    host: String,
    /// What stands before the message, for each tag of the batch at hand.
    headers: Vec<Vec<u8>>,
}

impl Frame {
    /// Frames that name `host`; whatever could end a header field in it is replaced by `-`.
    pub fn new(host: &str) -> Self {
        let host = host.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect();
        Frame { host, headers: Vec::new() }
    }

    /// Prepares the headers for the tags of one batch, sent at `time`.
    pub fn start(&mut self, tags: &[Tag], time: Timestamp) {
        // RFC 3164: month, day padded with a space, time; UTC here.
        let date = time.strftime("%b %e %H:%M:%S").to_string();
        self.headers.resize_with(tags.len(), Vec::new);
        for (header, tag) in self.headers.iter_mut().zip(tags) {
            header.clear();
            write!(header, "{PRIORITY}{date} {} {tag}: ", self.host).expect("a vector takes every write");
        }
    }

    /// Appends frames of `events[from..]` to `out` until it holds `limit` bytes; returns the index of the first
    /// event that is not in it.
    pub fn append(&self, events: &Events, from: usize, limit: usize, out: &mut Vec<u8>) -> usize {
        let mut next = from;
        for event in events.iter().skip(from) {
            if out.len() >= limit {
                break;
            }
            let header = &self.headers[event.tag as usize];
            if memchr::memchr(b'\n', event.bytes).is_some() {
                write!(out, "{} ", header.len() + event.bytes.len() + 1).expect("a vector takes every write");
            }
            out.extend_from_slice(header);
            out.extend_from_slice(event.bytes);
            out.push(b'\n');
            next += 1;
        }
        next
    }
}
