//! Messages of log groups: functions' reports, requests as JSON, plain lines, and errors over several lines.

use std::fmt::Write;

use fastrand::Rng;

use super::values::{self, Origin, pick};

/// Groups that there might be.
pub const GROUPS: [&str; 4] = ["/aws/lambda/orders", "/aws/lambda/billing", "/app/web", "/app/worker"];

const PATHS: [&str; 5] = ["/", "/orders", "/orders/42/items", "/login", "/health"];
const LEVELS: [&str; 4] = ["INFO", "INFO", "WARN", "ERROR"];

/// One message. Like those of Lambda, some end in a line end, and some have several lines.
pub fn message(rng: &mut Rng, origin: &Origin, ordinal: u64) -> String {
    let mut out = String::with_capacity(200);
    let mut id = String::with_capacity(36);
    values::uuid(&mut id, rng, values::scramble(ordinal));
    match rng.u8(..4) {
        0 => {
            let (used, memory) = (rng.u32(30..900), rng.u32(40..256));
            write(
                &mut out,
                format_args!("REPORT RequestId: {id}\tDuration: {used}.17 ms\tBilled Duration: {} ms\t", used + 1),
            );
            write(&mut out, format_args!("Memory Size: 256 MB\tMax Memory Used: {memory} MB\t\n"));
        }
        1 => {
            let (path, status) = (pick(rng, &PATHS), [200, 200, 200, 404, 500][values::favour(rng, 5)]);
            let (level, bytes) = (pick(rng, &LEVELS), rng.u32(100..100_000));
            write(&mut out, format_args!(r#"{{"level":"{level}","requestId":"{id}","path":"{path}","#));
            write(&mut out, format_args!(r#""status":{status},"bytes":{bytes},"region":"{}"}}"#, origin.region));
        }
        2 => {
            values::ip(&mut out, values::public_ip(rng));
            out.push_str(" - - [");
            let seconds = origin.moment(rng);
            values::iso(&mut out, seconds);
            write(
                &mut out,
                format_args!("] \"GET {}?id={id} HTTP/1.1\" 200 {}", pick(rng, &PATHS), rng.u32(100..100_000)),
            );
        }
        _ => {
            write(&mut out, format_args!("ERROR {id} Unhandled: größe of `order` is not a number\n"));
            out.push_str("    at parse (/var/task/index.js:42:11)\n    at handler (/var/task/index.js:7:3)");
        }
    }
    out
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes every write");
}
