//! JSON values one after the other: JSON lines, documents without anything between them, pretty-printed ones.

use crate::position::Position;
use crate::scan::{Scan, is_space};
use crate::{FormatError, Frame, Framer};

/// Frames top-level JSON values; white space may stand between them or not.
///
/// Within a value brackets must match and the rest is taken as it stands.
#[derive(Debug)]
pub struct Values {
    max_event_bytes: usize,
    position: Position,
    inside: Option<Scan>,
}

impl Values {
    /// A framer for one input. Events longer than `max_event_bytes` are skipped and reported.
    pub fn new(max_event_bytes: usize) -> Values {
        Values { max_event_bytes, position: Position::default(), inside: None }
    }
}

impl Framer for Values {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        let Some(mut at) = self.position.resume(window, last) else {
            return Ok(0);
        };
        while at < window.len() {
            if let Some(scan) = &mut self.inside {
                let Some(end) = scan.advance(window, at).map_err(|fault| self.position.fault(window, fault))? else {
                    break;
                };
                self.inside = None;
                frames.extend(self.position.close(end, self.max_event_bytes));
                at = end;
            } else {
                if !is_space(window[at]) {
                    let Some(scan) = Scan::begin(window[at]) else {
                        return Err(self.position.unexpected(window, at, "a JSON value"));
                    };
                    self.position.open(at);
                    self.inside = Some(scan);
                }
                at += 1;
            }
        }
        if last && let Some(scan) = self.inside.take() {
            if !scan.may_end() {
                return Err(self.position.truncated(window, "the rest of a JSON value"));
            }
            frames.extend(self.position.close(window.len(), self.max_event_bytes));
        }
        Ok(self.position.settle(window, self.max_event_bytes, 0))
    }
}
