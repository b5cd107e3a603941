//! Makes an input of others: what somebody who writes by hand, a broken disk or an attacker would.

use fastrand::Rng;

/// What means something to one parser or another.
const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\\"",
    b"\\u0000",
    b"\\ud83d",
    b"\\ude00",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"0.1",
    b"NaN",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b" ",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    "\u{202e}".as_bytes(),
    "\u{2028}".as_bytes(),
    "é😀".as_bytes(),
    b"\x1b[31m",
    b"<14>",
    b"12 <14>",
    b"\n<14>Jan  1 00:00:00 h a.b.c.d: x\n",
    b"#",
    b"%",
    b"%2B",
    b"%00",
    b"%25",
    b"+",
    b"../",
    b"/",
    b"//",
    b"arn:",
    b"aws",
    b":::",
    b"https://",
    b"'",
    b"*",
    b"&",
    b"!",
    b"|",
    b">",
    b"- ",
    b"? ",
    b"---",
    b"${",
    b"<<",
    b"\x1f\x8b",
    b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    b"-----BEGIN ",
    b"-----END ",
    b"=",
    b"A",
    b"z",
    b"_",
    b".",
    b"s",
    b"ms",
    b"1d",
    b"2026-01-01T00:00:00Z",
    b"9999-12-31",
    b"-0001",
    b"24:00:60",
    b"+25:00",
];

/// No input grows beyond this.
const LONGEST: usize = 8 << 10;

/// Another input, made of one or two of `seeds`.
pub(crate) fn mutate(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut input = pick(seeds, random).to_vec();
    for _ in 0..random.u32(1..=6) {
        let at = random.usize(0..=input.len());
        let to = (at + short(random)).min(input.len());
        match random.u32(0..10) {
            0 => drop(input.drain(at..to)),
            1 => input.truncate(at),
            2 if at < input.len() => input[at] ^= 1 << random.u32(0..8),
            3 if at < input.len() => input[at] = random.u8(..),
            4 => {
                let piece = input[at..to].repeat(random.usize(1..=4));
                insert(&mut input, at, &piece);
            }
            5 => {
                let other = pick(seeds, random);
                let from = random.usize(0..=other.len());
                let end = (from + short(random)).min(other.len());
                insert(&mut input, at, &other[from..end]);
            }
            6 => {
                let other = random.usize(0..=input.len());
                let end = (other + short(random)).min(input.len());
                let piece = input[other..end].to_vec();
                input.splice(at..to, piece);
            }
            _ => {
                let token = TOKENS[random.usize(..TOKENS.len())];
                if random.bool() {
                    input.splice(at..to.min(at + token.len()), token.iter().copied());
                } else {
                    insert(&mut input, at, token);
                }
            }
        }
    }
    input.truncate(LONGEST);
    input
}

fn pick<'a>(seeds: &'a [Vec<u8>], random: &mut Rng) -> &'a [u8] {
    if seeds.is_empty() { b"" } else { &seeds[random.usize(..seeds.len())] }
}

/// A length: mostly of a few bytes, at times of many.
fn short(random: &mut Rng) -> usize {
    match random.u32(0..4) {
        0 => random.usize(1..200),
        _ => random.usize(1..9),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}
