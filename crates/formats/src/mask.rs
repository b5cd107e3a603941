//! Values are overwritten where they stand, so that an event keeps its length and its form.

use std::ops::Range;

/// What stands for a byte that nobody shall read.
const MASK: u8 = b'*';

/// Overwrites the JSON value at `place`: a string with `*`, a number with `0` and blanks, `true` and `false` with `null` and a
/// blank, what an object or a list holds with blanks. What is no value, or is cut off, is overwritten as a whole.
pub fn json(event: &mut [u8], place: Range<usize>) {
    let Some(value) = event.get_mut(place) else { return };
    match value {
        [b'"', inner @ .., b'"'] => inner.fill(MASK),
        [b'{', inner @ .., b'}'] | [b'[', inner @ .., b']'] => inner.fill(b' '),
        [b'n', b'u', b'l', b'l'] => {}
        [b't' | b'f', ..] if matches!(&*value, b"true" | b"false") => {
            value.fill(b' ');
            value[..4].copy_from_slice(b"null");
        }
        [first @ (b'-' | b'0'..=b'9'), digits @ ..]
            if digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) =>
        {
            *first = b'0';
            digits.fill(b' ');
        }
        cut => cut.fill(MASK),
    }
}

/// Overwrites text: every byte with `*`. A lone `-`, which says in logs that there is no value, stays.
pub fn text(event: &mut [u8], place: Range<usize>) {
    let Some(text) = event.get_mut(place) else { return };
    if text != b"-" {
        text.fill(MASK);
    }
}
