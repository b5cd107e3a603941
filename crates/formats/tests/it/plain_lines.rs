//! Lines: line ends, blank lines, header rules.

use proptest::prelude::*;
use quittance_formats::{Header, Lines};

use crate::support::{Found, Outcome, ROOMY, cuts, outcome, run, scale};

fn lines(header: Header, input: &[u8]) -> Outcome {
    outcome(|| Lines::new(header, ROOMY), input, ROOMY)
}

#[test]
fn line_ends_and_blank_lines_are_dropped() {
    assert_eq!(lines(Header::None, b"a b\r\n\r\n\nc\n d \n").events(), ["a b", "c", " d "]);
    assert_eq!(lines(Header::None, b"").events(), [""; 0]);
    assert_eq!(lines(Header::None, b"\r\n\n").events(), [""; 0]);
}

#[test]
fn the_last_line_needs_no_newline() {
    assert_eq!(lines(Header::None, b"a\nb").events(), ["a", "b"]);
    assert_eq!(lines(Header::None, b"a\nb\r").events(), ["a", "b"]);
}

#[test]
fn a_carriage_return_within_a_line_stays() {
    assert_eq!(lines(Header::None, b"a\rb\nc\r\r\n").events(), ["a\rb", "c\r"]);
}

#[test]
fn a_byte_order_mark_is_skipped_only_at_the_start() {
    assert_eq!(lines(Header::None, b"\xef\xbb\xbfa\n\xef\xbb\xbfb").events(), ["a", "\u{feff}b"]);
    assert_eq!(lines(Header::None, b"\xef\xbb\xbf").events(), [""; 0]);
    assert_eq!(lines(Header::None, b"\xef\xbb").found, [Found::Event(b"\xef\xbb".to_vec())]);
}

#[test]
fn bytes_need_not_be_utf8() {
    assert_eq!(
        lines(Header::None, b"\xff\xfe\n\x00").found,
        [&b"\xff\xfe"[..], b"\x00"].map(|b| Found::Event(b.to_vec()))
    );
}

#[test]
fn the_first_line_names_the_fields() {
    let outcome = lines(Header::FirstLine, b"\xef\xbb\xbf\r\nversion account-id\r\n2 123\n\n3 456");
    assert_eq!(outcome.header.as_deref(), Some(&b"version account-id"[..]));
    assert_eq!(outcome.events(), ["2 123", "3 456"]);
    let only = lines(Header::FirstLine, b"version");
    assert_eq!((only.header.clone(), only.events()), (Some(b"version".to_vec()), vec![]));
}

#[test]
fn hash_lines_are_headers_wherever_they_stand() {
    let outcome = lines(Header::Hash, b"#Version: 1.0\n#Fields: date time\n#Date: x\na\n#Fields: b\r\nc");
    assert_eq!(outcome.header.as_deref(), Some(&b"#Fields: b"[..]));
    assert_eq!(outcome.events(), ["a", "c"]);
    let none = lines(Header::Hash, b"a\n#Version: 1.0\n");
    assert_eq!((none.header.clone(), none.events()), (None, vec!["a".to_owned()]));
}

#[test]
fn a_header_beyond_the_limit_is_dropped_and_not_an_event() {
    for (rule, input) in
        [(Header::FirstLine, &b"a long header\nx\ny"[..]), (Header::Hash, b"#Fields: long\nx\r\ny\r\n")]
    {
        let outcome = outcome(|| Lines::new(rule, 4), input, 4);
        assert_eq!(outcome.header, None);
        assert_eq!(outcome.events(), ["x", "y"]);
    }
}

/// What lines are, said simply.
fn reference(input: &[u8], header: Header) -> Vec<Found> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let lines = input.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.filter(|line| !line.is_empty()).skip(usize::from(header == Header::FirstLine));
    lines.filter(|line| header != Header::Hash || line[0] != b'#').map(|line| Found::Event(line.to_vec())).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_lines(
        input in prop::collection::vec(prop::sample::select(b"\n\r#a \xef\xbb\xbf\xff".to_vec()), 0..80),
        rule in prop::sample::select(vec![Header::None, Header::FirstLine, Header::Hash]),
        cuts in cuts(),
    ) {
        let outcome = run(Lines::new(rule, ROOMY), &input, &scale(&cuts, input.len()), ROOMY);
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.found, reference(&input, rule));
    }
}
