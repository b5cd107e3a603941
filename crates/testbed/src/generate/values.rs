//! Small random values, written straight into the text they stand in.

use std::net::Ipv4Addr;

use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Whose data it is, from where, and when it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The account's twelve digits.
    pub account: String,
    /// The region's name.
    pub region: String,
    /// The time of delivery: events lie in the minutes before it.
    pub time: Timestamp,
}

impl Origin {
    /// The accounts that [`Origin::any`] picks from.
    pub const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "777788889999"];
    /// The regions that [`Origin::any`] picks from.
    pub const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2"];

    /// One account, one region.
    pub fn new(account: &str, region: &str, time: Timestamp) -> Self {
        Self { account: account.to_owned(), region: region.to_owned(), time }
    }

    /// Any of a few accounts and regions.
    pub fn any(rng: &mut Rng, time: Timestamp) -> Self {
        Self::new(pick(rng, &Self::ACCOUNTS), pick(rng, &Self::REGIONS), time)
    }

    /// The civil time of delivery in UTC.
    pub(super) fn civil(&self) -> DateTime {
        Offset::UTC.to_datetime(self.time)
    }

    /// A moment within the minutes before delivery, in seconds since 1970.
    pub(super) fn moment(&self, rng: &mut Rng) -> i64 {
        self.time.as_second() - rng.i64(0..300)
    }
}

pub(super) fn pick<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[rng.usize(..choices.len())]
}

/// As [`pick`], the earlier ones more often: real traffic has favourites.
pub(super) fn favour(rng: &mut Rng, choices: usize) -> usize {
    rng.usize(..choices).min(rng.usize(..choices))
}

/// 48 bits that differ for ordinals that differ (below 2^48) without looking like a counter.
pub(super) fn scramble(ordinal: u64) -> u64 {
    const MASK: u64 = (1 << 48) - 1;
    // Odd factors and shifted xors can all be undone, so no two ordinals meet.
    let mut value = ordinal & MASK;
    for factor in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9] {
        value = value.wrapping_mul(factor) & MASK;
        value ^= value >> 25;
    }
    value
}

pub(super) fn number(out: &mut String, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    ascii(out, &digits[start..]);
}

/// Two digits, for times.
pub(super) fn two(out: &mut String, value: i8) {
    let value = value.unsigned_abs();
    ascii(out, &[b'0' + value / 10, b'0' + value % 10]);
}

/// The lowest `digits` hexadecimal digits of a value.
pub(super) fn hex(out: &mut String, value: u64, digits: usize) {
    let mut text = [0; 16];
    for (index, digit) in text.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (60 - 4 * index)) as usize & 15];
    }
    ascii(out, &text[16 - digits..]);
}

/// Random characters of an alphabet of at most 64.
pub(super) fn random(out: &mut String, rng: &mut Rng, alphabet: &[u8], length: usize) {
    let mut left = length;
    while left > 0 {
        let mut bits = rng.u64(..);
        let now = left.min(10);
        let mut text = [0; 10];
        for letter in &mut text[..now] {
            *letter = alphabet[(bits & 63) as usize % alphabet.len()];
            bits >>= 6;
        }
        ascii(out, &text[..now]);
        left -= now;
    }
}

pub(super) const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(super) const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A version 4 UUID of 48 given bits and random ones.
pub(super) fn uuid(out: &mut String, rng: &mut Rng, bits: u64) {
    let low = rng.u64(..);
    hex(out, bits >> 16, 8);
    out.push('-');
    hex(out, bits, 4);
    out.push_str("-4");
    hex(out, low >> 48, 3);
    out.push('-');
    hex(out, 8 | (low >> 60) & 3, 1);
    hex(out, low >> 32, 3);
    out.push('-');
    hex(out, rng.u64(..), 12);
}

pub(super) fn ip(out: &mut String, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        number(out, octet.into());
    }
}

/// An address outside private networks.
pub(super) fn public_ip(rng: &mut Rng) -> Ipv4Addr {
    let [first, rest @ ..] = rng.u32(..).to_be_bytes();
    let first = [3, 18, 34, 52, 54, 81, 93, 185, 203][usize::from(first) % 9];
    Ipv4Addr::new(first, rest[0], rest[1], rest[2])
}

/// `YYYY-MM-DDTHH:MM:SSZ`.
pub(super) fn iso(out: &mut String, seconds: i64) {
    let civil = civil(seconds);
    date(out, civil, "-");
    out.push('T');
    time(out, civil);
    out.push('Z');
}

/// `YYYY-MM-DD` with that separator.
pub(super) fn date(out: &mut String, civil: DateTime, separator: &str) {
    number(out, civil.year().unsigned_abs().into());
    out.push_str(separator);
    two(out, civil.month());
    out.push_str(separator);
    two(out, civil.day());
}

/// `HH:MM:SS`.
pub(super) fn time(out: &mut String, civil: DateTime) {
    two(out, civil.hour());
    out.push(':');
    two(out, civil.minute());
    out.push(':');
    two(out, civil.second());
}

/// `YYYYMMDDTHHmmZ`, as object keys have it.
pub(super) fn compact(out: &mut String, civil: DateTime) {
    date(out, civil, "");
    out.push('T');
    two(out, civil.hour());
    two(out, civil.minute());
    out.push('Z');
}

/// The civil time in UTC; a time beyond jiff's years becomes 1970.
pub(super) fn civil(seconds: i64) -> DateTime {
    Offset::UTC.to_datetime(Timestamp::from_second(seconds).unwrap_or_default())
}

fn ascii(out: &mut String, bytes: &[u8]) {
    // Always ASCII here; checking so few bytes costs nothing that counts.
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}
