//! Tells kinds of content by their first bytes, since names of objects lie.

/// What an object is, in words, if its first bytes say that nothing here can read it; needs its first six bytes, as far as
/// it has so many. Gzip is not among it: [`Inflate`](crate::Inflate) undoes it.
pub fn unreadable(head: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 10] = [
        (b"PAR1", "a parquet file"),
        (b"Obj\x01", "an Avro file"),
        (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
        (b"\xfd7zXZ\0", "compressed with xz"),
        (b"\x04\x22\x4d\x18", "compressed with LZ4"),
        (b"\xff\x06\0\0sN", "compressed with Snappy"),
        (b"PK\x03\x04", "a zip archive"),
        (b"PK\x05\x06", "a zip archive"),
        (b"\xff\xfe", "text in UTF-16"),
        (b"\xfe\xff", "text in UTF-16"),
    ];
    let sign = SIGNS.into_iter().find(|(sign, _)| head.starts_with(sign)).map(|(_, what)| what);
    sign.or_else(|| match head {
        // What follows tells both from a text that begins with these letters.
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', ..] => Some("compressed with bzip2"),
        [b'O', b'R', b'C', rest @ ..] if rest.iter().any(is_binary) => Some("an ORC file"),
        _ => None,
    })
}

fn is_binary(byte: &u8) -> bool {
    !byte.is_ascii() || (byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
}
