//! A JSON document whose events are the elements of one array: CloudTrail's `{"Records":[...]}`, AWS Config's
//! `configurationItems`. Several may stand one after the other, as in objects that were joined.

use crate::position::Position;
use crate::scan::{Scan, is_space};
use crate::text::says;
use crate::{FormatError, Frame, Framer};

/// Frames the elements of the array at one key of a top-level JSON object.
///
/// What stands at other keys is skipped. The structure around the events is checked byte by byte; within an event
/// brackets must match and the rest is taken as it stands, since an event must not be lost for its own faults. An event
/// must be an object. If the key stands twice both arrays count. Each document must have the key. The key is known in any spelling (`"\u0052ecords"`).
/// An input of nothing but white space is valid and has no events.
#[derive(Debug)]
pub struct Records {
    key: String,
    max_event_bytes: usize,
    position: Position,
    expect: Expect,
    /// The value being passed over, and what it is. `expect` tells what comes after it.
    inside: Option<(Scan, Role)>,
    /// The value to come is at the key.
    wanted: bool,
    /// The key was seen in this document.
    found: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Skipped,
    Event,
}

/// What may come next in the document, white space aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Document,
    KeyOrEnd,
    Key,
    Colon,
    Value,
    Array,
    CommaOrEnd,
    EventOrClose,
    Event,
    CommaOrClose,
    Another,
}

impl Expect {
    fn name(self) -> &'static str {
        match self {
            Expect::Document => "a JSON object",
            Expect::KeyOrEnd => "a key or '}'",
            Expect::Key => "a key",
            Expect::Colon => "':'",
            Expect::Value => "a JSON value",
            Expect::Array => "an array of events",
            Expect::CommaOrEnd => "',' or '}'",
            Expect::EventOrClose => "an event (a JSON object) or ']'",
            Expect::Event => "an event (a JSON object)",
            Expect::CommaOrClose => "',' or ']'",
            Expect::Another => "the end of the input, or another JSON object",
        }
    }
}

impl Records {
    /// A framer for one input. `key` names the array; events longer than `max_event_bytes` are skipped and reported.
    pub fn new(key: impl Into<String>, max_event_bytes: usize) -> Records {
        Records {
            key: key.into(),
            max_event_bytes,
            position: Position::default(),
            expect: Expect::Document,
            inside: None,
            wanted: false,
            found: false,
        }
    }

    /// The longest spelling of the key: every character escaped, and the quotes.
    fn max_key_bytes(&self) -> usize {
        6 * self.key.len() + 2
    }

    /// A byte of the document's own structure.
    fn structure(&mut self, window: &[u8], at: usize) -> Result<(), FormatError> {
        let (expect, inside) = match (self.expect, window[at]) {
            (Expect::Document | Expect::Another, b'{') => {
                self.found = false;
                (Expect::KeyOrEnd, None)
            }
            (Expect::KeyOrEnd | Expect::Key, b'"') => (Expect::Colon, Some(Role::Key)),
            (Expect::Colon, b':') => (if self.wanted { Expect::Array } else { Expect::Value }, None),
            (Expect::Array, b'[') => (Expect::EventOrClose, None),
            (Expect::Value, _) => (Expect::CommaOrEnd, Some(Role::Skipped)),
            (Expect::CommaOrEnd, b',') => (Expect::Key, None),
            (Expect::EventOrClose | Expect::Event, b'{') => (Expect::CommaOrClose, Some(Role::Event)),
            (Expect::CommaOrClose, b',') => (Expect::Event, None),
            (Expect::EventOrClose | Expect::CommaOrClose, b']') => (Expect::CommaOrEnd, None),
            (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}') if self.found => (Expect::Another, None),
            (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}') => {
                return Err(FormatError::MissingKey { offset: self.position.offset(at), key: self.key.clone() });
            }
            _ => return Err(self.position.unexpected(window, at, self.expect.name())),
        };
        if let Some(role) = inside {
            let Some(scan) = Scan::begin(window[at]) else {
                return Err(self.position.unexpected(window, at, self.expect.name()));
            };
            self.inside = Some((scan, role));
            if role != Role::Skipped {
                self.position.open(at);
            }
        }
        self.expect = expect;
        Ok(())
    }

    /// A value ends at `end`.
    fn value(&mut self, role: Role, window: &[u8], end: usize, frames: &mut Vec<Frame>) {
        match role {
            Role::Event => frames.extend(self.position.close(end, self.max_event_bytes)),
            Role::Skipped => {}
            Role::Key => {
                let key = self.position.close(end, self.max_key_bytes());
                self.wanted = matches!(key, Some(Frame::Event { start, end }) if says(&window[start..end], &self.key));
                self.found |= self.wanted;
            }
        }
    }
}

impl Framer for Records {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        let Some(mut at) = self.position.resume(window, last) else {
            return Ok(0);
        };
        while at < window.len() {
            if let Some((scan, role)) = &mut self.inside {
                let Some(end) = scan.advance(window, at).map_err(|fault| self.position.fault(window, fault))? else {
                    break;
                };
                let role = *role;
                self.inside = None;
                self.value(role, window, end, frames);
                at = end;
            } else {
                if !is_space(window[at]) {
                    self.structure(window, at)?;
                }
                at += 1;
            }
        }
        if last {
            let expected = match self.inside {
                Some((_, Role::Key)) => "the rest of a key",
                Some((_, Role::Skipped)) => "the rest of a value",
                Some((_, Role::Event)) => "the rest of an event",
                None => self.expect.name(),
            };
            if self.inside.is_some() || !matches!(self.expect, Expect::Document | Expect::Another) {
                return Err(self.position.truncated(window, expected));
            }
        }
        let hold = match self.inside {
            Some((_, Role::Key)) => self.max_key_bytes(),
            _ => self.max_event_bytes,
        };
        Ok(self.position.settle(window, hold, 0))
    }
}
