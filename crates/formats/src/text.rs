//! JSON strings as text.

use std::borrow::Cow;

/// The text of a JSON string given with its quotes; `None` if it is not exactly one valid JSON string.
///
/// Borrows unless there are escapes. As in serde_json, control characters and halves of surrogate pairs make a string
/// invalid.
pub fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // No early end, so that it compiles to a few vector instructions.
    if !inner.iter().fold(false, |seen, &byte| seen | special(byte)) {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    unescape(std::str::from_utf8(inner).ok()?).map(Cow::Owned)
}

/// A JSON string given with its quotes says `name`, be it with escapes.
#[inline]
pub(crate) fn says(raw: &[u8], name: &str) -> bool {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let same = inner.iter().zip(name.as_bytes()).take_while(|(a, b)| a == b).count();
    if same == inner.len() {
        return same == name.len();
    }
    inner[same] == b'\\' && text(raw).as_deref() == Some(name)
}

fn unescape(mut rest: &str) -> Option<String> {
    let mut text = String::with_capacity(rest.len());
    while let Some(place) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        text.push_str(&rest[..place]);
        let escape = rest[place..].strip_prefix('\\')?;
        let kind = *escape.as_bytes().first()?;
        let (char, len) = match kind {
            b'"' | b'\\' | b'/' => (char::from(kind), 1),
            b'b' => ('\u{8}', 1),
            b'f' => ('\u{c}', 1),
            b'n' => ('\n', 1),
            b'r' => ('\r', 1),
            b't' => ('\t', 1),
            b'u' => unicode(escape.as_bytes())?,
            _ => return None,
        };
        text.push(char);
        rest = &escape[len..];
    }
    text.push_str(rest);
    Some(text)
}

/// The character that `uXXXX` or `uXXXX\uXXXX` stands for, and how many bytes that takes.
fn unicode(escape: &[u8]) -> Option<(char, usize)> {
    let first = hex(escape.get(1..5)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 5));
    }
    let second = hex(escape.get(5..11)?.strip_prefix(b"\\u")?)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 11))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}
