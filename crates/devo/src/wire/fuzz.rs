//! What is framed is what a receiver reads, however it was cut on its way; and no event is two.

use bytes::Bytes;
use quittance_core::{EventsBuilder, Tag, Tags};
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
        let events = builder.finish(Bytes::from(buffer));
        for (newline, compression) in
            [(Newline::OctetCounted, false), (Newline::Escape, false), (Newline::OctetCounted, true)]
        {
            let mut encoder = Encoder::new(&host, Wire { newline, compression });
            let mut sent = Vec::new();
            // The second batch finds the encoder as the first has left it.
            for _ in 0..2 {
                encoder.start(events.tags(), Timestamp::UNIX_EPOCH);
                while let Some(portion) = encoder.portion(&events) {
                    sent.extend_from_slice(portion);
                }
            }
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
