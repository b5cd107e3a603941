//! What is framed is what a receiver reads, however it was cut on its way; and no event is two.

use bytes::Bytes;
use quittance_core::{Events, EventsBuilder, Tag, Tags};
use quittance_fuzz::{cuts, fuzz_slowly, random};
use quittance_testbed::sink::frames::{Frames, Item};

use super::{Encoder, Newline, Timestamp, Wire};

const TAGS: [&str; 3] = ["my.app.test.pool", "cloud.aws.cloudtrail.ec2.111122223333.eu-west-1", "a.b"];

/// Between two events of an input.
const BORDER: u8 = 0xfe;

/// A host, and events: as a tag's index, and their bytes.
fn split(input: &[u8]) -> (String, Vec<(usize, &[u8])>) {
    let mut parts = input.split(|byte| *byte == BORDER);
    let host = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    (host, parts.enumerate().map(|(n, part)| (n % TAGS.len(), part)).collect())
}

/// What the receiver reads from `sent`, in pieces: host, tag and message of each.
fn received(sent: &[u8]) -> Vec<[Vec<u8>; 3]> {
    let (mut frames, mut read, mut from) = (Frames::new(), Vec::new(), 0);
    for to in cuts(sent).into_iter().chain([sent.len()]) {
        let fed = frames.feed(&sent[from..to], |item| match item {
            Item::Event(event) => read.push([event.host.to_vec(), event.tag.to_vec(), event.message.to_vec()]),
            Item::Malformed(bytes) => panic!("no frame: {}", bytes.escape_ascii()),
        });
        fed.expect("a stream that can be read");
        from = to;
    }
    assert!(!frames.torn(), "it ends within a frame");
    read
}

/// A batch of these events, and each as its tag and bytes.
fn batch(input: &[u8], events: Vec<(usize, &[u8])>) -> (Events, Vec<(&'static str, Vec<u8>)>) {
    let known = Tags::default();
    let mut builder = EventsBuilder::new(known.clone());
    let (mut buffer, mut expected) = (Vec::new(), Vec::new());
    let mut random = random(input);
    for (tag, event) in events {
        let start = buffer.len();
        buffer.extend_from_slice(event);
        // Some do not fit into one portion.
        if random.u32(0..50) == 0 {
            buffer.resize(buffer.len() + 70_000, b'x');
        }
        builder.push(start, buffer.len(), known.id(&Tag::new(TAGS[tag]).unwrap()));
        expected.push((TAGS[tag], buffer[start..].to_vec()));
    }
    (builder.finish(Bytes::from(buffer)), expected)
}

/// The bytes of two batches: the second one finds the encoder as the first has left it.
fn sent_twice(host: &str, wire: Wire, events: &Events) -> Vec<u8> {
    let mut encoder = Encoder::new(host, wire);
    let mut sent = Vec::new();
    for _ in 0..2 {
        encoder.start(events.tags(), Timestamp::UNIX_EPOCH);
        while let Some(portion) = encoder.portion(events) {
            sent.extend_from_slice(portion);
        }
    }
    sent
}

#[test]
fn frames() {
    let seeds: [&[u8]; 4] = [
        b"collector\xfe{\"a\":1}\xfetwo\nlines\xfe\xfe<14>Jan  1 00:00:00 h a.b: x\n",
        b"a b\n:\xfe12 <14>\n\xfe\x1f\x8b\x08\n\xfe\r\n\r\xfe\xff\0\n",
        b"\xfe\n\xfe\n\n",
        "h\u{202e}\u{fe}".as_bytes(),
    ];
    fuzz_slowly("frames", 10, seeds, |input| {
        let (host, events) = split(input);
        let (events, expected) = batch(input, events);
        for (newline, compression) in
            [(Newline::OctetCounted, false), (Newline::Escape, false), (Newline::OctetCounted, true)]
        {
            let sent = sent_twice(&host, Wire::Devo { newline, compression }, &events);
            let escaped = newline == Newline::Escape || compression;
            let message = |event: &[u8]| match escaped {
                true => event.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\\n"[..]),
                false => event.to_vec(),
            };
            let read = received(&sent);
            assert_eq!(read.len(), 2 * expected.len());
            for (read, (tag, event)) in read.iter().zip(expected.iter().chain(&expected)) {
                assert!(read[0].iter().all(u8::is_ascii_graphic), "{read:?}");
                assert_eq!((&*read[1], &*read[2]), (tag.as_bytes(), &*message(event)));
            }
        }
    });
}

/// What stands before a byte, and what follows it.
fn cut(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == at).expect("a field that ends");
    (&bytes[..end], &bytes[end + 1..])
}

/// A value of structured data, without its escapes, and what follows its closing quote (RFC 5424, 6.3.3).
fn value(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut value, mut at) = (Vec::new(), 0);
    while bytes[at] != b'"' {
        at += usize::from(bytes[at] == b'\\' && matches!(bytes[at + 1], b'"' | b'\\' | b']'));
        value.push(bytes[at]);
        at += 1;
    }
    (value, &bytes[at + 1..])
}

/// What a receiver by the letter of RFC 5425 and RFC 5424 reads: host, application, tag and message of each frame.
fn read_by_the_rfcs(mut sent: &[u8]) -> Vec<[Vec<u8>; 4]> {
    let mut read = Vec::new();
    while !sent.is_empty() {
        let (length, rest) = cut(sent, b' ');
        assert!(length[0] != b'0', "a length with a zero before it");
        let (message, rest) = rest.split_at(str::from_utf8(length).unwrap().parse().unwrap());
        sent = rest;
        let message = message.strip_prefix(b"<14>1 ").expect("priority and version");
        let (time, message) = cut(message, b' ');
        assert_eq!(time, b"1970-01-01T00:00:00.000000Z");
        let (host, message) = cut(message, b' ');
        let (app, message) = cut(message, b' ');
        assert!((1..=255).contains(&host.len()) && (1..=48).contains(&app.len()));
        let message = message.strip_prefix(b"- - [event@32473 tag=\"").expect("no process, no id, structured data");
        let (tag, message) = value(message);
        let message = message.strip_prefix(b"] ").expect("its end");
        let marked = message.strip_prefix(b"\xef\xbb\xbf").filter(|text| str::from_utf8(text).is_ok());
        read.push([host.to_vec(), app.to_vec(), tag, marked.unwrap_or(message).to_vec()]);
    }
    read
}

#[test]
fn syslog_frames() {
    let seeds: [&[u8]; 4] = [
        b"collector\xfe{\"a\":1}\xfetwo\nlines\xfe\xfe17 <14>1 - - - - - - x",
        b"a b]\"\\\xfe12 <14>1 \xfe\xef\xbb\xbfx\xfe\xef\xbb\xbf\xff\xfe0 \xff\0\n",
        b"\xfe\xfe\xfe",
        "h\u{202e}\u{fe}".as_bytes(),
    ];
    fuzz_slowly("syslog_frames", 10, seeds, |input| {
        let (host, events) = split(input);
        let (events, expected) = batch(input, events);
        let read = read_by_the_rfcs(&sent_twice(&host, Wire::Syslog, &events));
        assert_eq!(read.len(), 2 * expected.len());
        for ([host, app, tag, message], (wanted, event)) in read.iter().zip(expected.iter().chain(&expected)) {
            assert!(host.iter().all(u8::is_ascii_graphic), "{host:?}");
            assert_eq!((&**tag, &**message), (wanted.as_bytes(), &**event));
            assert!(wanted.as_bytes().starts_with(app), "{app:?}");
        }
    });
}
