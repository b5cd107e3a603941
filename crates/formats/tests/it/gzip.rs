//! Gzip: members, padding, layers, damage, bounded output.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use quittance_formats::{FormatError, Inflate, unreadable};

use crate::support::{cuts, scale};

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Decodes pieces that end at `cuts`, with room for `room` bytes at a time.
pub(crate) fn inflate(input: &[u8], cuts: &[usize], room: usize) -> Result<Vec<u8>, FormatError> {
    let mut decoder = Inflate::new();
    let mut all = Vec::new();
    let mut out = Vec::with_capacity(room);
    let capacity = out.capacity();
    let mut from = 0;
    for &to in cuts.iter().chain([&input.len()]) {
        while from < to || !decoder.is_drained() {
            from += decoder.decode(&input[from..to], &mut out)?;
            assert_eq!(out.capacity(), capacity);
            all.extend_from_slice(&out);
            out.clear();
        }
    }
    decoder.finish()?;
    Ok(all)
}

fn check(input: &[u8], expected: &[u8]) {
    assert_eq!(inflate(input, &[], 1 << 20).as_deref(), Ok(expected));
    for cut in 0..=input.len() {
        assert_eq!(inflate(input, &[cut], 50).as_deref(), Ok(expected), "cut at {cut}");
    }
    for room in [1, 2, 3, expected.len().max(1), expected.len() + 1] {
        assert_eq!(inflate(input, &[], room).as_deref(), Ok(expected), "room for {room}");
        let each: Vec<usize> = (0..input.len()).collect();
        assert_eq!(inflate(input, &each, room).as_deref(), Ok(expected), "single bytes, room for {room}");
    }
}

const TEXT: &[u8] = b"{\"Records\":[{\"a\":1},{\"a\":1},{\"a\":1},{\"a\":1}]}";

#[test]
fn other_content_passes_through() {
    for plain in [&b""[..], b"a", b"plain", b"\x1fx", b"\x1f\x1f\x8b", b"\x00"] {
        check(plain, plain);
    }
}

#[test]
fn gzip_is_undone() {
    check(&gzip(TEXT), TEXT);
    check(&gzip(b""), b"");
    check(&gzip(b"x"), b"x");
    check(&gzip(b"\x1fx"), b"\x1fx");
}

#[test]
fn all_members_count() {
    check(
        &[gzip(b"one\n"), gzip(b""), gzip(b"two\n"), gzip(b"t"), gzip(TEXT)].concat(),
        &[b"one\ntwo\nt", TEXT].concat(),
    );
}

#[test]
fn members_whose_headers_have_all_parts() {
    let mut encoder =
        flate2::GzBuilder::new().filename("n").comment("c").extra(&b"ee"[..]).write(Vec::new(), Compression::best());
    encoder.write_all(TEXT).unwrap();
    check(&encoder.finish().unwrap(), TEXT);
}

#[test]
fn zero_padding_is_passed_over() {
    check(&[gzip(TEXT), vec![0; 20]].concat(), TEXT);
    let more = inflate(&[gzip(TEXT), vec![0; 3], gzip(TEXT)].concat(), &[], 1 << 16);
    assert!(matches!(more, Err(FormatError::Gzip { layer: 1, .. })), "{more:?}");
}

#[test]
fn gzip_within_gzip_is_undone() {
    check(&gzip(&gzip(TEXT)), TEXT);
    check(&[gzip(&gzip(b"one")), gzip(&gzip(b"two"))].concat(), b"onetwo");
    check(&gzip(&[gzip(b"one"), gzip(b"two"), vec![0]].concat()), b"onetwo");
    let long: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    assert_eq!(inflate(&gzip(&gzip(&long)), &[], 1000), Ok(long));
}

#[test]
fn a_third_layer_is_an_error() {
    assert_eq!(inflate(&gzip(&gzip(&gzip(TEXT))), &[], 1 << 16), Err(FormatError::GzipTooDeep { limit: 2 }));
}

#[test]
fn an_input_cut_short_is_never_whole() {
    let members = [gzip(TEXT), gzip(TEXT)].concat();
    let first = gzip(TEXT).len();
    for (input, whole) in [(members, vec![0, first]), (gzip(&gzip(TEXT)), vec![0])] {
        for len in (0..input.len()).filter(|len| !whole.contains(len)) {
            let outcome = inflate(&input[..len], &[], 1 << 16);
            assert!(
                matches!(outcome, Err(FormatError::GzipTruncated { layer: 1, offset }) if offset == len as u64),
                "{outcome:?}"
            );
        }
    }
    let inner = gzip(&gzip(TEXT)[..20]);
    assert_eq!(inflate(&inner, &[], 1 << 16), Err(FormatError::GzipTruncated { layer: 2, offset: 20 }));
}

#[test]
fn a_damaged_trailer_is_an_error() {
    let whole = gzip(TEXT);
    for byte in whole.len() - 8..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        let error = inflate(&damaged, &[], 1 << 16).expect_err("damaged").to_string();
        assert!(error.starts_with("gzip layer 1, byte") && error.contains("incorrect"), "{error}");
    }
}

#[test]
fn garbage_behind_a_member_is_an_error_that_names_its_place() {
    let whole = gzip(TEXT);
    for garbage in [&b"x"[..], b"\x1fx", b"\x00x", b"{}"] {
        let error = inflate(&[&whole, garbage].concat(), &[], 1 << 16).expect_err("garbage");
        let place = whole.len() + garbage.iter().take_while(|&&byte| byte == 0 || byte == 0x1f).count();
        let expected =
            format!("gzip layer 1, byte {place}: more than a gzip stream: expected another member, zeros or the end");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn output_left_behind_is_noticed() {
    let input = gzip(&gzip(&vec![b'x'; 100_000]));
    let mut decoder = Inflate::new();
    let mut out = Vec::with_capacity(10);
    let taken = decoder.decode(&input, &mut out).unwrap();
    assert_eq!((decoder.is_drained(), decoder.decode(&input[taken..], &mut out)), (false, Ok(0)));
    assert_eq!(decoder.finish(), Err(FormatError::Undrained));
}

#[test]
fn a_bomb_needs_no_more_room_than_it_is_given() {
    let bomb = gzip(&gzip(&vec![0; 50 << 20]));
    assert!(bomb.len() < 1000, "{}", bomb.len());
    let (mut decoder, mut out, mut at, mut total) = (Inflate::new(), Vec::with_capacity(4096), 0, 0);
    let capacity = out.capacity();
    while at < bomb.len() || !decoder.is_drained() {
        at += decoder.decode(&bomb[at..], &mut out).unwrap();
        assert_eq!(out.capacity(), capacity);
        total += out.len();
        out.clear();
    }
    decoder.finish().unwrap();
    assert_eq!(total, 50 << 20);
}

#[test]
fn what_nothing_here_can_read_is_known_by_its_first_bytes() {
    for (head, what) in [
        (&b"PAR1\x15\x04"[..], "a parquet file"),
        (b"Obj\x01\x04\x14", "an Avro file"),
        (b"ORC\x0a\x0b\x12", "an ORC file"),
        (b"\x28\xb5\x2f\xfd\x04\0", "compressed with Zstandard"),
        (b"\xfd7zXZ\0", "compressed with xz"),
        (b"BZh91A", "compressed with bzip2"),
        (b"\x04\x22\x4d\x18\x60\x40", "compressed with LZ4"),
        (b"\xff\x06\0\0sN", "compressed with Snappy"),
        (b"PK\x03\x04\x14\0", "a zip archive"),
        (b"\xff\xfe2\0 \0", "text in UTF-16"),
        (b"\xfe\xff\0", "text in UTF-16"),
    ] {
        assert_eq!(unreadable(head), Some(what), "{}", head.escape_ascii());
    }
    for text in ["PAR", "{\"Reco", "ORC", "ORCHID", "ORC\n2 1", "BZh9 a", "PK 1", "2 1111", "", "\u{feff}2 1"] {
        assert_eq!(unreadable(text.as_bytes()), None, "{text}");
    }
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (prop::collection::vec(any::<u8>(), 1..20), 1..400usize).prop_map(|(part, times)| part.repeat(times)),
    ]
}

proptest! {
    #[test]
    fn whatever_goes_in_comes_out(
        members in prop::collection::vec(data(), 1..4),
        twice in any::<bool>(),
        padding in 0..4usize,
        cuts in cuts(),
        room in 1..300usize,
    ) {
        // Content that is gzip itself would be undone, as it should.
        prop_assume!(!members.concat().starts_with(b"\x1f"));
        let mut input: Vec<u8> = members.iter().flat_map(|member| gzip(member)).collect();
        if twice {
            input = gzip(&input);
        }
        input.extend(vec![0; padding]);
        prop_assert_eq!(inflate(&input, &scale(&cuts, input.len()), room), Ok(members.concat()));
    }

    #[test]
    fn damage_never_panics_or_hangs(data in data(), place in 0..1000usize, value in any::<u8>(), cuts in cuts(), room in 1..300usize) {
        let mut input = gzip(&data);
        let place = place * input.len() / 1000;
        let damage = input[place] != value && !(3..10).contains(&place);
        input[place] = value;
        let outcome = inflate(&input, &scale(&cuts, input.len()), room);
        if damage && outcome.is_ok() {
            // Without its magic it is other content; deflate has bits that mean nothing.
            prop_assert!(place < 2 || outcome == Ok(data));
        }
    }
}
