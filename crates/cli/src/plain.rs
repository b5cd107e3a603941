//! Text that no terminal obeys, and that is read as it stands: names of objects, groups and queues are others' words.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

/// Whether a character does something instead of being seen: a control, of C0 and C1, or one that turns the direction of
/// what follows.
fn acts(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || c == '\u{feff}'
}

/// `text` with each such character but those to `keep` in the words of JSON (`\u001b`), in which it is the same text.
fn plain(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_odd = |c: char| acts(c) && !keep(c);
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if is_odd(c) => plain.push_str("\\n"),
            c if is_odd(c) => _ = write!(plain, "\\u{:04x}", u32::from(c)),
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Several lines.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    plain(text, |c| c == '\n' || c == '\t')
}

/// One line, whatever it holds.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    plain(text, |_| false)
}

/// Writes log lines; each comes in one piece, with the newline that ends it. What is within stays one line. The colours
/// are the log's own: it shows what an escape sequence in a value is made of.
pub(crate) struct LogLines<W>(pub(crate) W);

impl<W: Write> Write for LogLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (one, end) = text.strip_suffix('\n').map_or((&*text, ""), |one| (one, "\n"));
        self.0.write_all(format!("{}{end}", plain(one, |c| c == '\u{1b}')).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_shown_instead() {
        let odd = "a\tb\nc\r\0\u{1b}[31m\u{9b}m\u{202e}d\u{2066}e\u{2028}f\u{feff}é😀";
        let shown = "\\r\\u0000\\u001b[31m\\u009bm\\u202ed\\u2066e\\u2028f\\ufeffé😀".replace("\\r", "\\u000d");
        assert_eq!(lines(odd), format!("a\tb\nc{shown}"));
        assert_eq!(line(odd), format!("a\\u0009b\\nc{shown}"));
        let json = serde_json::to_string(odd).unwrap();
        assert_eq!(serde_json::from_str::<String>(&lines(&json)).unwrap(), odd);
    }

    #[test]
    fn a_log_line_stays_one() {
        let mut out = Vec::new();
        LogLines(&mut out).write_all(b"\x1b[2mINFO\x1b[0m a\nERROR b\r\xff\n").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\u{1b}[2mINFO\u{1b}[0m a\\nERROR b\\u000d\u{fffd}\n");
    }
}
