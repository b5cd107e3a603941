//! The parser of Devo's stream: every kind of frame, cut anywhere, and what is no frame.

use quittance_testbed::generate::gzip;
use quittance_testbed::sink::frames::{Event, Frames, Item, Undecodable};

type Seen = Vec<Result<(String, String, Vec<u8>), Vec<u8>>>;

fn feed(frames: &mut Frames, bytes: &[u8], seen: &mut Seen) -> Result<(), Undecodable> {
    frames.feed(bytes, |item| {
        seen.push(match item {
            Item::Event(Event { host, tag, message }) => Ok((
                String::from_utf8_lossy(host).into_owned(),
                String::from_utf8_lossy(tag).into_owned(),
                message.to_vec(),
            )),
            Item::Malformed(bytes) => Err(bytes.to_vec()),
        });
    })
}

fn parse(bytes: &[u8]) -> (Seen, bool) {
    let mut frames = Frames::new();
    let mut seen = Vec::new();
    feed(&mut frames, bytes, &mut seen).unwrap();
    (seen, frames.torn())
}

fn event(tag: &str, message: &[u8]) -> Result<(String, String, Vec<u8>), Vec<u8>> {
    Ok(("node-1".into(), tag.into(), message.into()))
}

fn line(tag: &str, message: &str) -> Vec<u8> {
    format!("<14>Jul  9 08:07:06 node-1 {tag}: {message}\n").into_bytes()
}

fn counted(tag: &str, message: &str) -> Vec<u8> {
    let frame = line(tag, message);
    [format!("{} ", frame.len()).as_bytes(), &frame].concat()
}

/// All three kinds, each next to each, and what they hold.
fn mixed() -> (Vec<u8>, Seen) {
    let stream = [
        line("my.app.a", "{\"a\": \"b: c\"}"),
        counted("my.app.b", "first\nsecond\n\nlast"),
        counted("my.app.b", ""),
        gzip(&[line("my.app.c", "one"), line("my.app.c", "two")].concat(), 6),
        gzip(&line("my.app.d", "<14>not a header"), 1),
        line("my.app.e", ""),
        gzip(&line("my.app.f", "größe \u{1f680}"), 9),
        counted("my.app.g", "12 <14>"),
        line("my.app.h", "\u{1f}tab\there\rand there"),
    ];
    let seen = vec![
        event("my.app.a", b"{\"a\": \"b: c\"}"),
        event("my.app.b", b"first\nsecond\n\nlast"),
        event("my.app.b", b""),
        event("my.app.c", b"one"),
        event("my.app.c", b"two"),
        event("my.app.d", b"<14>not a header"),
        event("my.app.e", b""),
        event("my.app.f", "größe \u{1f680}".as_bytes()),
        event("my.app.g", b"12 <14>"),
        event("my.app.h", b"\x1ftab\there\rand there"),
    ];
    (stream.concat(), seen)
}

#[test]
fn all_kinds_in_one_piece() {
    let (stream, expected) = mixed();
    assert_eq!(parse(&stream), (expected, false));
}

#[test]
fn all_kinds_cut_at_any_two_places() {
    let (stream, expected) = mixed();
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let mut frames = Frames::new();
            let mut seen = Vec::new();
            for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                feed(&mut frames, piece, &mut seen).unwrap();
            }
            assert_eq!(seen, expected, "cut at {first} and {second}");
            assert!(!frames.torn(), "cut at {first} and {second}");
        }
    }
}

#[test]
fn all_kinds_byte_by_byte() {
    let (stream, expected) = mixed();
    let mut frames = Frames::new();
    let mut seen = Vec::new();
    for byte in &stream {
        feed(&mut frames, &[*byte], &mut seen).unwrap();
    }
    assert_eq!((seen, frames.torn()), (expected, false));
}

#[test]
fn an_end_within_a_frame_is_torn_and_no_event() {
    let frames =
        [line("my.app.a", "whole"), counted("my.app.b", "with\nnewline"), gzip(&line("my.app.c", "packed"), 6)];
    let boundaries: Vec<usize> = frames
        .iter()
        .scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        })
        .collect();
    let stream = frames.concat();
    for end in 0..=stream.len() {
        let (seen, torn) = parse(&stream[..end]);
        assert_eq!(torn, end > 0 && !boundaries.contains(&end), "ends at {end}");
        let whole = boundaries.iter().filter(|boundary| **boundary <= end).count();
        // A line may come out of a gzip member before the member's checksum does.
        assert!(seen.len() == whole || (end > boundaries[1] && seen.len() == whole + 1), "ends at {end}");
        assert!(seen.iter().all(Result::is_ok), "ends at {end}");
    }
}

#[test]
fn what_has_no_sound_header_is_malformed_and_harms_nothing_else() {
    let good = "<14>Jan  1 00:00:00 node-1 my.app.a: x";
    for bad in [
        "",
        "second line of a message",
        "<14>",
        "<>Jan  1 00:00:00 node-1 my.app.a: x",
        "<192>Jan  1 00:00:00 node-1 my.app.a: x",
        "<0014>Jan  1 00:00:00 node-1 my.app.a: x",
        "<14>Jan 1 00:00:00 node-1 my.app.a: x",
        "<14>Foo  1 00:00:00 node-1 my.app.a: x",
        "<14>2024-01-01T00:00:00Z node-1 my.app.a: x",
        "<14>Jan  1 00:00:00  my.app.a: x",
        "<14>Jan  1 00:00:00 node-1 my.app.a:x",
        "<14>Jan  1 00:00:00 node-1 my.app a: x",
        "<14>Jan  1 00:00:00 node-1 : x",
        "<14>Jan  1 00:00:00 node-1 my.app.a",
        "7days later",
    ] {
        let stream = format!("{good}\n{bad}\n{good}\n");
        let (seen, torn) = parse(stream.as_bytes());
        assert_eq!(seen, [event("my.app.a", b"x"), Err(bad.as_bytes().to_vec()), event("my.app.a", b"x"),], "{bad:?}");
        assert!(!torn);
    }
    for good in ["<0>Dec 31 23:59:59 node-1 my.app.a: x", "<191>Feb 29 12:00:00 node-1 my.app.a: x"] {
        assert_eq!(parse(format!("{good}\n").as_bytes()).0, [event("my.app.a", b"x")]);
    }
}

#[test]
fn a_counted_frame_without_its_lf_is_malformed() {
    let frame = "<14>Jan  1 00:00:00 node-1 my.app.a: x";
    let stream = format!("{} {frame}", frame.len());
    let (seen, torn) = parse(stream.as_bytes());
    assert_eq!((seen, torn), (vec![Err(frame.as_bytes().to_vec())], false));
}

#[test]
fn what_a_member_holds_beyond_its_last_line_is_malformed() {
    let packed = [line("my.app.a", "x"), b"<14>half".to_vec()].concat();
    let (seen, torn) = parse(&gzip(&packed, 6));
    assert_eq!((seen, torn), (vec![event("my.app.a", b"x"), Err(b"<14>half".to_vec())], false));
}

#[test]
fn a_damaged_member_ends_the_reading() {
    let whole = gzip(&line("my.app.a", &"abcdefgh".repeat(500)), 6);
    let checksum = whole.len() - 6;
    for place in [1, 2, 12, checksum] {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        let result = Frames::new().feed(&damaged, |_| {});
        assert_eq!(result, Err(Undecodable::Gzip), "damaged at {place}");
    }
}

#[test]
fn an_octet_count_beyond_reason_ends_the_reading() {
    for count in ["999999999 ", "12345678901"] {
        let result = Frames::new().feed(count.as_bytes(), |_| {});
        assert_eq!(result, Err(Undecodable::Count));
    }
}

#[test]
fn a_large_frame_in_many_pieces_is_read_in_linear_time() {
    let message = "x".repeat(20 << 20);
    for stream in [line("my.app.a", &message), counted("my.app.a", &message)] {
        let mut frames = Frames::new();
        let mut events = 0;
        for piece in stream.chunks(1400) {
            frames
                .feed(piece, |item| {
                    events += usize::from(matches!(item, Item::Event(_)));
                })
                .unwrap();
        }
        assert_eq!((events, frames.torn()), (1, false));
    }
}
