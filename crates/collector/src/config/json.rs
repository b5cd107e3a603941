//! What JSON writes otherwise than YAML: a character beyond the first 65,536 is a pair of escapes.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// A text in which every such pair is YAML's one escape, if it is JSON. Nothing but the rest of its own string moves: what
/// is saved stands as spaces after it.
pub(crate) fn to_yaml(text: &str) -> Cow<'_, str> {
    let is_json = || serde_json::from_str::<IgnoredAny>(text).is_ok();
    if !text.contains("\\ud") && !text.contains("\\uD") || !is_json() {
        return Cow::Borrowed(text);
    }
    let (mut yaml, mut rest, mut saved) = (String::with_capacity(text.len()), text, 0);
    let mut inside = false;
    while let Some(at) = rest.find(['"', '\\']) {
        let (before, from) = rest.split_at(at);
        yaml.push_str(before);
        if let Some(after) = from.strip_prefix('"') {
            inside = !inside;
            yaml.push('"');
            if !inside {
                yaml.extend(std::iter::repeat_n(' ', std::mem::take(&mut saved)));
            }
            rest = after;
        } else if let Some(character) = pair(from) {
            yaml.push_str(&format!("\\U{:08X}", u32::from(character)));
            saved += PAIR - "\\U00000000".len();
            rest = &from[PAIR..];
        } else {
            // No escape of JSON begins with two ASCII characters that belong to anything else.
            let (escape, after) = from.split_at(2);
            yaml.push_str(escape);
            rest = after;
        }
    }
    yaml.push_str(rest);
    Cow::Owned(yaml)
}

/// Bytes of `\ud83d\ude00`.
const PAIR: usize = 12;

/// The character of a pair that `text` begins with.
fn pair(text: &str) -> Option<char> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?]).next()?.ok().filter(|character| *character > '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::to_yaml;

    #[test]
    fn a_pair_becomes_one_escape_and_nothing_after_its_string_moves() {
        let json = r#"{"a\ud83d\ude00b": "\\ud83d\"", "c": "\uD83D\uDE00\ud83d\ude00"}"#;
        let yaml = r#"{"a\U0001F600b"  : "\\ud83d\"", "c": "\U0001F600\U0001F600"    }"#;
        assert_eq!(to_yaml(json), yaml);
        // Neither half is a character.
        assert_eq!(to_yaml(r#"["\ude00\ud83d"]"#), r#"["\ude00\ud83d"]"#);
        assert_eq!(to_yaml("a: '\\ud83d\\ude00'"), "a: '\\ud83d\\ude00'");
    }
}
