//! The inner loops: find the end of a JSON string or of a bracketed value, and look at nothing else.
//!
//! Both can stop at the end of a piece and go on in the next. This file is the whole of what a faster scanner would
//! replace.

const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);

/// The place of the first `"` or `\`.
#[inline]
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    // Eight bytes at a time: strings of logs are too short for a call of memchr to pay.
    let mut at = 0;
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
        rest = tail;
    }
    rest.iter().position(|&byte| byte == b'"' || byte == b'\\').map(|place| at + place)
}

/// The high bit of every byte that is zero. Above the lowest of them others may be marked too: only the lowest
/// mark counts.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

/// The inside of a JSON string.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quoted {
    /// The last piece ended with a backslash.
    escaped: bool,
}

impl Quoted {
    /// Goes on at `at`, inside the string: answers one past the closing quote, `None` if the piece ends first.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        if self.escaped && at < bytes.len() {
            self.escaped = false;
            at += 1;
        }
        loop {
            at += quote_or_backslash(bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                return Some(at + 1);
            }
            at += 2;
            self.escaped = at > bytes.len();
        }
    }
}

/// Another byte stands at a place than what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) usize, pub(crate) &'static str);

/// The inside of a bracketed value: which brackets are open, and whether a string is.
///
/// Brackets that are nested deeper than logs have any need of are only counted, curly and square ones alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nest {
    /// A bit a bracket, the innermost lowest, 1 for `[`.
    kinds: u128,
    depth: u32,
    /// Open ones beyond [`KNOWN`].
    beyond: u64,
    string: Option<Quoted>,
}

/// Open brackets whose kind is remembered: as many as the bits of [`Nest::kinds`].
const KNOWN: u32 = u128::BITS;

const PLAIN: u8 = 0;
const QUOTE: u8 = 1;
const OPEN: u8 = 2;
const CLOSE: u8 = 3;

const CLASS: [u8; 256] = {
    let mut table = [PLAIN; 256];
    table[b'"' as usize] = QUOTE;
    table[b'{' as usize] = OPEN;
    table[b'[' as usize] = OPEN;
    table[b'}' as usize] = CLOSE;
    table[b']' as usize] = CLOSE;
    table
};

/// Square brackets have this bit clear, curly ones have it set.
fn is_square(bracket: u8) -> bool {
    bracket & 0x20 == 0
}

impl Nest {
    /// The value that `bracket` opens.
    #[inline]
    pub(crate) fn new(bracket: u8) -> Nest {
        Nest { kinds: u128::from(is_square(bracket)), depth: 1, beyond: 0, string: None }
    }

    /// The innermost of `depth` objects, where no string is open.
    pub(crate) fn objects(depth: u32) -> Nest {
        Nest { kinds: 0, depth, beyond: 0, string: None }
    }

    /// Goes on at `at`, inside the value: answers one past its last byte, `None` if the piece ends first.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: &[u8], mut at: usize) -> Result<Option<usize>, Fault> {
        if let Some(mut string) = self.string {
            let Some(end) = string.advance(bytes, at) else {
                self.string = Some(string);
                return Ok(None);
            };
            self.string = None;
            at = end;
        }
        while let Some(&byte) = bytes.get(at) {
            match CLASS[byte as usize] {
                PLAIN => {}
                QUOTE => {
                    let mut string = Quoted::default();
                    let Some(end) = string.advance(bytes, at + 1) else {
                        self.string = Some(string);
                        return Ok(None);
                    };
                    at = end;
                    continue;
                }
                OPEN if self.depth == KNOWN => self.beyond += 1,
                CLOSE if self.beyond > 0 => self.beyond -= 1,
                OPEN => {
                    self.depth += 1;
                    self.kinds = self.kinds << 1 | u128::from(is_square(byte));
                }
                _ => {
                    let square = self.kinds & 1 == 1;
                    if square != is_square(byte) {
                        return Err(Fault(at, if square { "']'" } else { "'}'" }));
                    }
                    self.depth -= 1;
                    self.kinds >>= 1;
                    if self.depth == 0 {
                        return Ok(Some(at + 1));
                    }
                }
            }
            at += 1;
        }
        Ok(None)
    }
}
