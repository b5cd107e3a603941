//! What can be wrong with the bytes of a log file.

use std::ascii::escape_default;

/// Damage found in an input, and where.
///
/// Offsets count bytes from the start of the input of the part that complains: the inflated bytes for a framer, the
/// bytes of the named gzip layer (1 is the outermost) for [`Inflate`](crate::Inflate). No text holds more than one byte
/// of the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A byte that cannot stand where it stands.
    #[error("byte {offset}: expected {expected}, found '{}'", escape_default(*.found))]
    Unexpected {
        /// Of the byte found.
        offset: u64,
        /// What could have stood there.
        expected: &'static str,
        /// What stood there.
        found: u8,
    },
    /// The input ends inside something.
    #[error("the input ends at byte {offset}: expected {expected}")]
    Truncated {
        /// Length of the input.
        offset: u64,
        /// What should have followed.
        expected: &'static str,
    },
    /// A document without the array that holds its events.
    #[error("byte {offset}: the document ends without the key {key:?}")]
    MissingKey {
        /// Of the document's closing bracket.
        offset: u64,
        /// The key looked for.
        key: String,
    },
    /// A gzip stream that is damaged, or followed by something else.
    #[error("gzip layer {layer}, byte {offset}: {reason}")]
    Gzip {
        /// 1 for the input itself, 2 for gzip found inside it.
        layer: u8,
        /// How far the layer was read, near the damage.
        offset: u64,
        /// The decoder's reason.
        reason: String,
    },
    /// A gzip stream that stops before its last member's trailer.
    #[error("gzip layer {layer} ends early, at byte {offset}")]
    GzipTruncated {
        /// 1 for the input itself, 2 for gzip found inside it.
        layer: u8,
        /// Length of the layer.
        offset: u64,
    },
    /// Gzip within gzip within gzip, which no AWS service writes but a bomb does.
    #[error("gzip nested more than {limit} times")]
    GzipTooDeep {
        /// The layers that are undone.
        limit: u8,
    },
    /// `finish` was called while output was still waiting for room: a fault of the caller, not of the input.
    #[error("finished before all output was taken")]
    Undrained,
}
