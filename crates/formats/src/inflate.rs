//! Undoes gzip, if it is there: many members, zero padding, gzip within gzip.

use flate2::{Decompress, FlushDecompress, Status};

use crate::FormatError;

/// Gzip within gzip is undone, as Firehose writes CloudWatch logs; a third layer is an error.
const MAX_LAYERS: u8 = 2;

/// The largest window deflate has, which a decoder must be ready for.
const WINDOW_BITS: u8 = 15;

/// Room for what the outer of two layers gives the inner one.
const BETWEEN_LAYERS: usize = 32 * 1024;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A streaming decoder that tells by the first two bytes whether its input is gzip, and passes it through if not.
///
/// It writes only into the spare room of the caller's buffer, so an input that inflates to a thousand times its size
/// needs no more memory than any other.
///
/// ```
/// # fn handle(_: &[u8]) {}
/// # fn demo(pieces: &[&[u8]]) -> Result<(), quittance_formats::FormatError> {
/// let mut inflate = quittance_formats::Inflate::new();
/// let mut out = Vec::with_capacity(64 * 1024);
/// for piece in pieces {
///     let mut at = 0;
///     while at < piece.len() || !inflate.is_drained() {
///         at += inflate.decode(&piece[at..], &mut out)?;
///         handle(&out);
///         out.clear();
///     }
/// }
/// inflate.finish()
/// # }
/// ```
#[derive(Debug)]
pub struct Inflate {
    kind: Kind,
    /// 1 for the input itself.
    layer: u8,
    drained: bool,
}

#[derive(Debug)]
enum Kind {
    /// Too little was seen to tell.
    Unknown {
        /// The first byte of the magic was.
        magic: bool,
    },
    Plain,
    Gzip(Box<Gunzip>),
}

impl Default for Inflate {
    fn default() -> Inflate {
        Inflate::new()
    }
}

impl Inflate {
    /// A decoder for one input.
    pub fn new() -> Inflate {
        Inflate::layer(1)
    }

    fn layer(layer: u8) -> Inflate {
        Inflate { kind: Kind::Unknown { magic: false }, layer, drained: true }
    }

    /// Decodes from `input` into the spare capacity of `out`, which never grows; answers how many bytes of `input` were
    /// taken.
    ///
    /// Returns when `out` is full, or when all input is taken and all that comes of it is in `out` (see
    /// [`is_drained`](Inflate::is_drained)). A call without spare capacity does nothing.
    ///
    /// # Errors
    ///
    /// When the input is damaged. What is in `out` was decoded before the damage; the decoder is of no further use.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, FormatError> {
        if out.len() == out.capacity() {
            self.drained &= input.is_empty();
            return Ok(0);
        }
        let sniffed = self.sniff(input, out)?;
        let rest = &input[sniffed..];
        let taken = match &mut self.kind {
            Kind::Unknown { .. } => 0,
            Kind::Plain => {
                let len = rest.len().min(out.capacity() - out.len());
                out.extend_from_slice(&rest[..len]);
                len
            }
            Kind::Gzip(gunzip) => gunzip.decode(rest, out)?,
        };
        self.drained = taken == rest.len() && out.len() < out.capacity();
        Ok(sniffed + taken)
    }

    /// All input given so far was taken and nothing waits for room: more input is wanted, or
    /// [`finish`](Inflate::finish). Until then [`decode`](Inflate::decode) wants to be called again with room, without
    /// input if all was taken.
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// The input ends: proves that it was whole, trailers verified. An input of nothing is.
    ///
    /// # Errors
    ///
    /// [`GzipTruncated`](FormatError::GzipTruncated) if a member lacks its end, [`Undrained`](FormatError::Undrained)
    /// if output was left.
    pub fn finish(&mut self) -> Result<(), FormatError> {
        match &mut self.kind {
            Kind::Unknown { magic: true } => Err(FormatError::GzipTruncated { layer: self.layer, offset: 1 }),
            Kind::Unknown { magic: false } | Kind::Plain => Ok(()),
            Kind::Gzip(gunzip) if gunzip.between.len() > gunzip.passed => Err(FormatError::Undrained),
            Kind::Gzip(gunzip) => match gunzip.state {
                State::Between | State::Padding => gunzip.inner.finish(),
                State::Member if !self.drained => Err(FormatError::Undrained),
                State::Member | State::Magic => {
                    Err(FormatError::GzipTruncated { layer: self.layer, offset: gunzip.offset })
                }
            },
        }
    }

    /// Looks at the first two bytes, unless they are known; answers how many it took. `out` has room.
    fn sniff(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, FormatError> {
        let mut taken = 0;
        while let (Kind::Unknown { magic }, Some(&byte)) = (&mut self.kind, input.get(taken)) {
            match (*magic, byte) {
                (false, first) if first == MAGIC[0] => {
                    *magic = true;
                    taken += 1;
                }
                (false, _) => self.kind = Kind::Plain,
                (true, second) if second == MAGIC[1] => {
                    if self.layer > MAX_LAYERS {
                        return Err(FormatError::GzipTooDeep { limit: MAX_LAYERS });
                    }
                    self.kind = Kind::Gzip(Box::new(Gunzip::new(self.layer)?));
                }
                (true, _) => {
                    out.push(MAGIC[0]);
                    self.kind = Kind::Plain;
                }
            }
        }
        Ok(taken)
    }
}

/// What comes next in a gzip stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Member,
    /// A member ended: another comes, or padding, or the end of the input.
    Between,
    /// The first byte of another member's magic was seen.
    Magic,
    Padding,
}

#[derive(Debug)]
struct Gunzip {
    decoder: Decompress,
    state: State,
    layer: u8,
    /// Bytes taken of this layer's input.
    offset: u64,
    /// Decodes what comes out of `decoder`, which may be gzip again.
    inner: Inflate,
    /// What waits for `inner`, of which it has `passed` bytes. Once that is known to be plain, bytes go around here.
    between: Vec<u8>,
    passed: usize,
}

impl Gunzip {
    /// A decoder of which the input's first byte, of the magic, was taken.
    fn new(layer: u8) -> Result<Gunzip, FormatError> {
        let mut gunzip = Gunzip {
            decoder: Decompress::new_gzip(WINDOW_BITS),
            state: State::Magic,
            layer,
            offset: 1,
            inner: Inflate::layer(layer + 1),
            between: Vec::with_capacity(BETWEEN_LAYERS),
            passed: 0,
        };
        gunzip.begin_member()?;
        Ok(gunzip)
    }

    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, FormatError> {
        let mut taken = 0;
        loop {
            self.passed += self.inner.decode(&self.between[self.passed..], out)?;
            if self.passed < self.between.len() {
                return Ok(taken);
            }
            self.between.clear();
            self.passed = 0;
            if let Kind::Plain = self.inner.kind {
                self.between = Vec::new();
                return Ok(taken + self.members(&input[taken..], out)?);
            }
            let mut between = std::mem::take(&mut self.between);
            let members = self.members(&input[taken..], &mut between);
            self.between = between;
            taken += members?;
            if self.between.is_empty() {
                return Ok(taken);
            }
        }
    }

    /// Decodes this layer alone, until `out` is full or the input taken.
    fn members(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, FormatError> {
        let mut rest = input;
        loop {
            if self.state == State::Member {
                let (taken_before, given_before) = (self.decoder.total_in(), out.len());
                let status = self.decoder.decompress_vec(rest, out, FlushDecompress::None);
                let taken = (self.decoder.total_in() - taken_before) as usize;
                rest = &rest[taken..];
                self.offset += taken as u64;
                match status.map_err(|error| self.damage(error.message().unwrap_or("damaged")))? {
                    Status::StreamEnd => self.state = State::Between,
                    _ if rest.is_empty() || out.len() == out.capacity() => break,
                    _ if taken == 0 && out.len() == given_before => {
                        return Err(self.damage("decoding got stuck"));
                    }
                    _ => {}
                }
                continue;
            }
            let Some((&byte, tail)) = rest.split_first() else {
                break;
            };
            match (self.state, byte) {
                (State::Between, first) if first == MAGIC[0] => self.state = State::Magic,
                (State::Between | State::Padding, 0) => self.state = State::Padding,
                (State::Magic, second) if second == MAGIC[1] => {
                    self.begin_member()?;
                    continue;
                }
                _ => {
                    return Err(self.damage("more than a gzip stream: expected another member, zeros or the end"));
                }
            }
            rest = tail;
            self.offset += 1;
        }
        Ok(input.len() - rest.len())
    }

    /// The magic's first byte was taken: gives it to a fresh decoder.
    fn begin_member(&mut self) -> Result<(), FormatError> {
        self.decoder.reset(true);
        let given = self.decoder.decompress(&MAGIC[..1], &mut [0], FlushDecompress::None);
        given.map_err(|error| self.damage(error.message().unwrap_or("damaged")))?;
        self.state = State::Member;
        Ok(())
    }

    #[cold]
    fn damage(&self, reason: &str) -> FormatError {
        FormatError::Gzip { layer: self.layer, offset: self.offset, reason: reason.to_owned() }
    }
}
