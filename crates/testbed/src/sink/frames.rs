//! Reads one connection's stream as Devo's receivers do: frames of three kinds, told apart by their
//! first byte, however the stream was cut on its way.
//!
//! * `<`: a line, ended by LF;
//! * a digit: RFC 6587 octet counting, `LEN SP FRAME`, where FRAME may hold LFs and ends in one;
//! * `0x1f`: a gzip member of whole lines.
//!
//! A frame is `<PRI>DATE HOST TAG: MESSAGE`, DATE as RFC 3164 writes it.

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memchr;

/// What an octet count may claim: more is a sender gone astray, not an event.
const LONGEST_FRAME: usize = 64 << 20;
const LONGEST_COUNT: usize = 9;
const INFLATED_AT_ONCE: usize = 32 << 10;

/// One event as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The sender's name.
    pub host: &'a [u8],
    /// The tag: Devo's table.
    pub tag: &'a [u8],
    /// The message, without the LF that ends the frame.
    pub message: &'a [u8],
}

/// What stands between two frame boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A frame with a sound header.
    Event(Event<'a>),
    /// Anything else, as it stands: for example what follows a raw LF in a message.
    Malformed(&'a [u8]),
}

/// No later byte of the stream can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// A gzip member is damaged.
    #[error("a gzip member is damaged")]
    Gzip,
    /// An octet count is beyond any event.
    #[error("an octet count is too large")]
    Count,
}

/// The parser of one connection.
#[derive(Debug, Default)]
pub struct Frames {
    /// The frame that is not whole yet.
    carry: Vec<u8>,
    /// How many bytes of `carry` are known to hold no LF.
    scanned: usize,
    member: Option<Member>,
}

impl Frames {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream and gives every item that they complete.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Item<'_>)) -> Result<(), Undecodable> {
        if self.carry.is_empty() {
            let used = self.walk(bytes, &mut each)?;
            self.carry.extend_from_slice(&bytes[used..]);
        } else {
            let mut held = std::mem::take(&mut self.carry);
            held.extend_from_slice(bytes);
            let used = self.walk(&held, &mut each)?;
            held.drain(..used);
            self.carry = held;
        }
        Ok(())
    }

    /// Whether the stream, if it ended here, would end within a frame or a gzip member.
    pub fn torn(&self) -> bool {
        !self.carry.is_empty() || self.member.is_some()
    }

    /// Gives every whole item of `bytes` and says how many bytes they took.
    fn walk(&mut self, bytes: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<usize, Undecodable> {
        let mut at = 0;
        let mut scanned = std::mem::take(&mut self.scanned);
        while at < bytes.len() {
            let rest = &bytes[at..];
            if let Some(member) = &mut self.member {
                at += member.feed(rest, each)?;
                if member.ended {
                    self.member = None;
                }
                continue;
            }
            match first_frame(rest, scanned)? {
                First::Line(end) => {
                    each(item(&rest[..end]));
                    at += end + 1;
                }
                First::Counted { start, end } => {
                    each(counted_item(&rest[start..end]));
                    at += end;
                }
                First::Gzip => self.member = Some(Member::new()),
                First::Unfinished { scanned } => {
                    self.scanned = scanned;
                    break;
                }
            }
            scanned = 0;
        }
        Ok(at)
    }
}

enum First {
    /// A line whose LF stands there.
    Line(usize),
    Counted {
        start: usize,
        end: usize,
    },
    Gzip,
    Unfinished {
        scanned: usize,
    },
}

/// Finds where the frame at the start of `bytes` ends; `scanned` bytes are known to hold no LF.
fn first_frame(bytes: &[u8], scanned: usize) -> Result<First, Undecodable> {
    match bytes[0] {
        0x1f => return Ok(First::Gzip),
        b'0'..=b'9' => {
            let digits = bytes.iter().take(LONGEST_COUNT + 1).take_while(|byte| byte.is_ascii_digit()).count();
            match bytes.get(digits) {
                None => return Ok(First::Unfinished { scanned: 0 }),
                Some(b' ') => {
                    let length = decimal(&bytes[..digits]);
                    if length > LONGEST_FRAME {
                        return Err(Undecodable::Count);
                    }
                    let start = digits + 1;
                    let end = start + length;
                    return Ok(if bytes.len() < end {
                        First::Unfinished { scanned: 0 }
                    } else {
                        First::Counted { start, end }
                    });
                }
                Some(_) if digits > LONGEST_COUNT => return Err(Undecodable::Count),
                Some(_) => {}
            }
        }
        _ => {}
    }
    Ok(match memchr(b'\n', &bytes[scanned..]) {
        Some(lf) => First::Line(scanned + lf),
        None => First::Unfinished { scanned: bytes.len() },
    })
}

/// The value of at most [`LONGEST_COUNT`] digits, which cannot overflow.
fn decimal(digits: &[u8]) -> usize {
    digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0'))
}

fn counted_item(frame: &[u8]) -> Item<'_> {
    match frame.strip_suffix(b"\n") {
        Some(frame) => item(frame),
        None => Item::Malformed(frame),
    }
}

fn item(frame: &[u8]) -> Item<'_> {
    event(frame).map_or(Item::Malformed(frame), Item::Event)
}

fn event(frame: &[u8]) -> Option<Event<'_>> {
    let frame = frame.strip_prefix(b"<")?;
    let digits = frame.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=3).contains(&digits) || decimal(&frame[..digits]) > 191 {
        return None;
    }
    let frame = frame[digits..].strip_prefix(b">")?;
    let (date, frame) = frame.split_first_chunk()?;
    if !is_date(date) {
        return None;
    }
    let frame = frame.strip_prefix(b" ")?;
    let space = memchr(b' ', frame)?;
    let (host, frame) = (&frame[..space], &frame[space + 1..]);
    let colon = memchr(b':', frame)?;
    let (tag, frame) = (&frame[..colon], &frame[colon + 1..]);
    let message = frame.strip_prefix(b" ")?;
    if host.is_empty() || tag.is_empty() || memchr(b' ', tag).is_some() {
        return None;
    }
    Some(Event { host, tag, message })
}

/// `Mon dd HH:MM:SS`, a day below ten with a space before it.
fn is_date(date: &[u8; 15]) -> bool {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let [m0, m1, m2, b' ', d0, d1, b' ', h0, h1, b':', i0, i1, b':', s0, s1] = *date else {
        return false;
    };
    let month = [m0, m1, m2];
    let day = if d0 == b' ' { b'0' } else { d0 };
    MONTHS.chunks(3).any(|name| name == month) && [day, d1, h0, h1, i0, i1, s0, s1].iter().all(u8::is_ascii_digit)
}

/// A gzip member under way. Its lines are given as they come out, as a receiver that streams gets them.
#[derive(Debug)]
struct Member {
    inflate: Decompress,
    text: Vec<u8>,
    scanned: usize,
    ended: bool,
}

impl Member {
    fn new() -> Self {
        Self { inflate: Decompress::new_gzip(15), text: Vec::new(), scanned: 0, ended: false }
    }

    /// Inflates up to the member's end and says how many bytes of the input belonged to it.
    fn feed(&mut self, input: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<usize, Undecodable> {
        let mut used = 0;
        loop {
            self.text.reserve(INFLATED_AT_ONCE);
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress_vec(&input[used..], &mut self.text, FlushDecompress::None)
                .map_err(|_| Undecodable::Gzip)?;
            let taken = (self.inflate.total_in() - taken) as usize;
            let made = self.inflate.total_out() - made;
            used += taken;
            self.lines(each);
            if status == Status::StreamEnd {
                self.ended = true;
                // Members hold whole lines: what is left over belongs to no event.
                if !self.text.is_empty() {
                    each(Item::Malformed(&self.text));
                }
                return Ok(used);
            }
            if taken == 0 && made == 0 {
                return if used == input.len() { Ok(used) } else { Err(Undecodable::Gzip) };
            }
        }
    }

    fn lines(&mut self, each: &mut impl FnMut(Item<'_>)) {
        let mut start = 0;
        let mut scanned = self.scanned;
        while let Some(lf) = memchr(b'\n', &self.text[start + scanned..]) {
            let end = start + scanned + lf;
            each(item(&self.text[start..end]));
            start = end + 1;
            scanned = 0;
        }
        self.text.drain(..start);
        self.scanned = self.text.len();
    }
}
