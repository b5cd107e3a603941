//! One event on the wire, as Devo's own SDK writes it: `<14>DATE HOST TAG: MESSAGE\n`.
//!
//! A message that holds a newline goes octet-counted (RFC 6587): the byte count of the frame, a space, the frame with
//! its final newline. The receiver tells the two apart by the first byte. Compressed, whole lines stand in gzip members,
//! one after the other, which it knows by theirs. Other receivers of syslog have a format of their own ([`syslog`]).

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, Status};
use jiff::Timestamp;
use quittance_core::{Events, Tag, planted};

use crate::settings::{Newline, Wire};

#[cfg(test)]
mod fuzz;
mod syslog;

/// Facility user (1), severity informational (6): `1 * 8 + 6`.
const PRIORITY: &str = "<14>";

/// Plaintext that is encoded at a time: several TLS records of 16 KiB.
pub(crate) const PORTION: usize = 64 << 10;

/// Bits of a gzip window (RFC 1952), the largest there is.
const WINDOW_BITS: u8 = 15;

/// Encodes batches. One value serves many; its buffers are reused.
pub(crate) struct Encoder {
    host: String,
    format: Format,
    /// What stands before the message, for each tag of the batch at hand.
    headers: Vec<Vec<u8>>,
    lines: Vec<u8>,
    gzip: Option<Gzip>,
    /// Index of the next event of the batch.
    next: usize,
}

/// What becomes of a message.
#[derive(Clone, Copy)]
enum Format {
    Lines(Newline),
    Syslog,
}

struct Gzip {
    compress: Compress,
    member: Vec<u8>,
}

impl Encoder {
    /// Frames that name `host`; whatever could end a header field in it is replaced by `-`, which stands for none too.
    pub(crate) fn new(host: &str, wire: Wire) -> Self {
        // A header without a host is none: the tag would be taken for it.
        let host = if host.is_empty() { "-" } else { host };
        let (format, compression) = match wire {
            Wire::Devo { compression: true, .. } => (Format::Lines(Newline::Escape), true),
            Wire::Devo { newline, compression: false } => (Format::Lines(newline), false),
            Wire::Syslog => (Format::Syslog, false),
        };
        let gzip = || Gzip { compress: Compress::new_gzip(Compression::default(), WINDOW_BITS), member: Vec::new() };
        Encoder {
            host: host.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect(),
            format,
            headers: Vec::new(),
            lines: Vec::with_capacity(2 * PORTION),
            gzip: compression.then(gzip),
            next: 0,
        }
    }

    /// Begins a batch that is sent at `time`.
    pub(crate) fn start(&mut self, tags: &[Tag], time: Timestamp) {
        // RFC 3164: month, day padded with a space, time; UTC here.
        let date = time.strftime("%b %e %H:%M:%S").to_string();
        self.headers.resize_with(tags.len(), Vec::new);
        for (header, tag) in self.headers.iter_mut().zip(tags) {
            header.clear();
            match self.format {
                Format::Lines(_) => {
                    write!(header, "{PRIORITY}{date} {} {tag}: ", self.host).expect("a vector takes every write");
                }
                Format::Syslog => syslog::header(header, &self.host, tag, time),
            }
        }
        self.next = 0;
        if let Some(gzip) = &mut self.gzip {
            // A member never outlives a batch, so that a tear costs no other batch.
            gzip.compress.reset();
        }
    }

    /// The next portion of the batch's bytes; `None` after the last.
    pub(crate) fn portion(&mut self, events: &Events) -> Option<&[u8]> {
        if self.next >= events.len() {
            return None;
        }
        // One enormous event must not keep its memory for ever.
        if self.lines.capacity() > 16 * PORTION {
            self.lines = Vec::with_capacity(2 * PORTION);
        }
        self.lines.clear();
        for event in events.iter_from(self.next) {
            if self.lines.len() >= PORTION {
                break;
            }
            let tag = if planted("table-of-the-first-event") { 0 } else { usize::from(event.tag) };
            match self.format {
                Format::Lines(newline) => append(&mut self.lines, &self.headers[tag], event.bytes, newline),
                Format::Syslog => syslog::append(&mut self.lines, &self.headers[tag], event.bytes),
            }
            self.next += 1;
        }
        let last = self.next >= events.len();
        match &mut self.gzip {
            None => Some(&self.lines),
            Some(gzip) => Some(gzip.append(&self.lines, last)),
        }
    }
}

fn append(out: &mut Vec<u8>, header: &[u8], message: &[u8], newline: Newline) {
    match (memchr::memchr(b'\n', message), newline) {
        (Some(_), Newline::OctetCounted) if !planted("frame-split-at-newline") => {
            write!(out, "{} ", header.len() + message.len() + 1).expect("a vector takes every write");
            out.extend_from_slice(header);
            out.extend_from_slice(message);
        }
        (Some(_), Newline::Escape) => {
            out.extend_from_slice(header);
            for (at, line) in message.split(|b| *b == b'\n').enumerate() {
                if at > 0 {
                    out.extend_from_slice(if planted("escaped-newline-dropped") { b"" } else { b"\\n" });
                }
                out.extend_from_slice(line);
            }
        }
        (None, _) | (Some(_), Newline::OctetCounted) => {
            out.extend_from_slice(header);
            out.extend_from_slice(message);
        }
    }
    out.push(b'\n');
}

impl Gzip {
    /// Compresses `lines`; the member ends with the `last` ones. May be empty before that: deflate holds back.
    fn append(&mut self, lines: &[u8], last: bool) -> &[u8] {
        self.member.clear();
        let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
        let start = self.compress.total_in();
        loop {
            self.member.reserve(PORTION / 4);
            let taken = usize::try_from(self.compress.total_in() - start).unwrap_or(lines.len());
            let status = self.compress.compress_vec(&lines[taken..], &mut self.member, flush);
            let all_in = self.compress.total_in() - start == lines.len() as u64;
            let done = match status.expect("deflate fails only on misuse") {
                Status::StreamEnd => true,
                Status::Ok | Status::BufError => !last && all_in && self.member.len() < self.member.capacity(),
            };
            if done {
                return &self.member;
            }
        }
    }
}
