//! Finds where one JSON value ends, in pieces. Brackets must match; what stands between them is not judged.

use crate::skip::{Fault, Nest, Quoted};

/// JSON's white space.
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The rest of a value whose first byte was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scan {
    Nested(Nest),
    String(Quoted),
    /// Of `true`, `false` or `null`: what is still to come of it.
    Literal(&'static [u8]),
    /// Ends where another byte than a number's stands.
    Number,
}

impl Scan {
    /// The value that starts with `byte`, if any can.
    #[inline]
    pub(crate) fn begin(byte: u8) -> Option<Scan> {
        Some(match byte {
            b'{' | b'[' => Scan::Nested(Nest::new(byte)),
            b'"' => Scan::String(Quoted::default()),
            b't' => Scan::Literal(b"rue"),
            b'f' => Scan::Literal(b"alse"),
            b'n' => Scan::Literal(b"ull"),
            b'-' | b'0'..=b'9' => Scan::Number,
            _ => return None,
        })
    }

    /// Goes on at `at`, inside the value: answers one past its last byte, `None` if the piece ends first.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: &[u8], at: usize) -> Result<Option<usize>, Fault> {
        match self {
            Scan::Nested(nest) => nest.advance(bytes, at),
            Scan::String(string) => Ok(string.advance(bytes, at)),
            Scan::Literal(rest) => literal(rest, bytes, at),
            Scan::Number => {
                let rest = bytes.get(at..).unwrap_or_default();
                let len = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
                Ok(len.map(|len| at + len))
            }
        }
    }

    /// The value is whole if the input ends here.
    pub(crate) fn may_end(&self) -> bool {
        matches!(self, Scan::Number)
    }
}

fn literal(rest: &mut &'static [u8], bytes: &[u8], mut at: usize) -> Result<Option<usize>, Fault> {
    while let Some((&expected, tail)) = rest.split_first() {
        match bytes.get(at) {
            None => return Ok(None),
            Some(&byte) if byte == expected => {}
            Some(_) => return Err(Fault(at, "the rest of true, false or null")),
        }
        *rest = tail;
        at += 1;
    }
    Ok(Some(at))
}
