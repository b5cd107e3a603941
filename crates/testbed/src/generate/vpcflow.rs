//! VPC flow logs in the default format: a line of field names, then one line a flow.

use std::net::Ipv4Addr;

use fastrand::Rng;

use super::values::{self, Origin};

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";

/// Ports that a client's end takes (Linux' range), above every service's below.
const EPHEMERAL: std::ops::Range<u64> = 32_768..61_000;
/// Service ports and protocols, the frequent ones first.
const SERVICES: [(u64, u64); 10] =
    [(443, 6), (53, 17), (5432, 6), (80, 6), (6379, 6), (22, 6), (3306, 6), (123, 17), (8080, 6), (9092, 6)];
/// One network interface in so many had no traffic.
const IDLE_ONE_IN: u64 = 64;

/// An object's content before compression: the header and `events` flows with the ordinals from `first`.
pub fn object(rng: &mut Rng, origin: &Origin, first: u64, events: usize) -> Vec<u8> {
    let mut out = String::with_capacity(HEADER.len() + events * 128);
    out.push_str(HEADER);
    for ordinal in first..first + events as u64 {
        flow(&mut out, rng, origin, ordinal);
        out.push('\n');
    }
    out.into_bytes()
}

/// The key of a new object:
/// `AWSLogs/<account>/vpcflowlogs/<region>/<date>/<account>_vpcflowlogs_<region>_<flow log>_<time>_<hash>.log.gz`.
pub fn key(rng: &mut Rng, origin: &Origin) -> String {
    let Origin { account, region, .. } = origin;
    let mut out = format!("AWSLogs/{account}/vpcflowlogs/{region}/");
    values::date(&mut out, origin.civil(), "/");
    out.push_str(&format!("/{account}_vpcflowlogs_{region}_fl-0"));
    let place: u64 = account.bytes().chain(region.bytes()).map(u64::from).sum();
    values::hex(&mut out, values::scramble(place), 16);
    out.push('_');
    values::compact(&mut out, origin.civil());
    out.push('_');
    values::hex(&mut out, rng.u64(..), 8);
    out.push_str(".log.gz");
    out
}

/// Appends one flow's line without its LF.
pub fn flow(out: &mut String, rng: &mut Rng, origin: &Origin, ordinal: u64) {
    let start = origin.moment(rng) - 60;
    let end = start + rng.i64(10..60);
    out.push_str("2 ");
    out.push_str(&origin.account);
    out.push_str(" eni-0");
    if rng.u64(..IDLE_ONE_IN) == 0 {
        // With every other field empty, the interface alone makes the line unique.
        values::hex(out, values::scramble(ordinal), 16);
        out.push_str(" - - - - - - - ");
        times(out, start, end);
        out.push_str(" - NODATA");
        return;
    }
    let interface = rng.u64(..48);
    values::hex(out, values::scramble(interface), 16);
    out.push(' ');

    // The client's port and the low half of its address hold the ordinal: no two flows are alike.
    let ports = EPHEMERAL.end - EPHEMERAL.start;
    let client = (
        Ipv4Addr::from(0x0a00_0000 | ((interface as u32 & 0xff) << 16) | (ordinal / ports) as u32 & 0xffff),
        EPHEMERAL.start + ordinal % ports,
    );
    let (port, protocol) = SERVICES[values::favour(rng, SERVICES.len())];
    let server = (values::public_ip(rng), port);
    let (source, destination) = if rng.bool() { (client, server) } else { (server, client) };
    values::ip(out, source.0);
    out.push(' ');
    values::ip(out, destination.0);
    let packets = rng.u64(1..200);
    for value in [source.1, destination.1, protocol, packets, packets * rng.u64(40..1500)] {
        out.push(' ');
        values::number(out, value);
    }
    out.push(' ');
    times(out, start, end);
    out.push_str(if rng.u8(..) < 30 { " REJECT OK" } else { " ACCEPT OK" });
}

fn times(out: &mut String, start: i64, end: i64) {
    values::number(out, start.unsigned_abs());
    out.push(' ');
    values::number(out, end.unsigned_abs());
}
