//! What arrived, as a file: a receiver that is killed takes nothing of it along.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use anyhow::{Context, Result};
use quittance_tests::{raw_json::compact, rsyslog};

/// Bytes of one arrival: its mark and its length in hexadecimal digits.
const RECORD: usize = 16 + 1 + 8 + 1;

/// An event that arrived, or must: by its tag and its content. White space in JSON may stay or go, so it does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Mark(u64);

impl Mark {
    /// Of an event as it arrived.
    pub(crate) fn of(tag: &[u8], message: &[u8]) -> Mark {
        let mut hasher = DefaultHasher::new();
        tag.hash(&mut hasher);
        match message.first() {
            Some(b'{') => compact(message).hash(&mut hasher),
            _ => message.hash(&mut hasher),
        }
        Mark(hasher.finish())
    }
}

/// An event that arrived, and the length of its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) mark: Mark,
    pub(crate) bytes: u64,
}

/// Writes them down, one at a time: what is in the file is what the receiver has.
pub(crate) struct Writer(File);

impl Writer {
    pub(crate) fn open(path: &Path) -> Result<Writer> {
        Ok(Writer(File::options().create(true).append(true).open(path).context("cannot write arrivals down")?))
    }

    pub(crate) fn write(&self, tag: &[u8], message: &[u8]) -> std::io::Result<()> {
        let Mark(mark) = Mark::of(tag, message);
        // One write: it happens whole or not at all, whenever the process is killed.
        (&self.0).write_all(format!("{mark:016x} {:08x}\n", message.len()).as_bytes())
    }
}

/// Reads what is new in such a file, or in one that another receiver writes.
pub(crate) struct Reader {
    file: File,
    parse: fn(&[u8]) -> Option<Arrival>,
    /// Where the first line begins that was not read whole.
    read: u64,
    unread: Vec<u8>,
}

impl Reader {
    /// Reads a file that may be empty, line by line.
    pub(crate) fn open(path: &Path, parse: fn(&[u8]) -> Option<Arrival>) -> Result<Reader> {
        let file = File::options().create(true).append(true).read(true).open(path).context("cannot read arrivals")?;
        Ok(Reader { file, parse, read: 0, unread: Vec::new() })
    }

    /// What came since: where each line ends in the file, and what it says; `None` for one that is no event.
    pub(crate) fn news(&mut self) -> Result<Vec<(u64, Option<Arrival>)>> {
        self.file.seek(SeekFrom::Start(self.read))?;
        self.unread.clear();
        self.file.read_to_end(&mut self.unread)?;
        let mut news = Vec::new();
        for line in self.unread.split_inclusive(|byte| *byte == b'\n') {
            let Some(whole) = line.strip_suffix(b"\n") else { break };
            self.read += line.len() as u64;
            news.push((self.read, (self.parse)(whole)));
        }
        Ok(news)
    }
}

/// A line of [`Writer`].
pub(crate) fn written(line: &[u8]) -> Option<Arrival> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() == RECORD - 1)?;
    let (mark, bytes) = text.split_once(' ')?;
    Some(Arrival { mark: Mark(u64::from_str_radix(mark, 16).ok()?), bytes: u64::from_str_radix(bytes, 16).ok()? })
}

/// A line that rsyslog wrote.
pub(crate) fn of_rsyslog(line: &[u8]) -> Option<Arrival> {
    let (tag, message) = rsyslog::parse(line.trim_ascii_end())?;
    Some(Arrival { mark: Mark::of(tag.as_bytes(), &message), bytes: message.len() as u64 })
}
