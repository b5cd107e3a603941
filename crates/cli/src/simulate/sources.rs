//! What happens in the account: the events of each source, and how late they are shown.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::{
    aws::{FakeAws, Place},
    generate::{Origin, cloudtrail},
};

use super::oracle::Oracle;

/// Where everything happens.
pub(super) const REGION: &str = "us-east-1";

/// Events of a source in a day.
const A_DAY: u32 = 400;

/// The services' sections of the configuration.
pub(super) const SERVICES: &str = "
      audit-events-all: {types: [audits_api], regions: [us-east-1], auto_event_type: true}
";

/// How many events were late enough to be found only by a sweep.
#[derive(Default)]
pub(super) struct Lateness {
    pub(super) late: u64,
}

/// A time in which events happen.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) seconds: i64,
}

/// Fills the account with what will happen in `days` from now on.
pub(super) fn fill(aws: &FakeAws, oracle: &mut Oracle, rng: &mut Rng, days: u32) -> Lateness {
    let span = Span { start: aws.now(), seconds: i64::from(days) * 86_400 };
    let mut lateness = Lateness::default();
    audits(aws, oracle, rng, span, days * A_DAY, &mut lateness);
    lateness
}

/// Moments at which something happens: most of it in bursts.
fn moments(rng: &mut Rng, span: Span, count: u32) -> Vec<Timestamp> {
    let mut moments = Vec::new();
    while moments.len() < count as usize {
        let at = rng.i64(0..span.seconds);
        let burst = if rng.u8(0..20) == 0 { rng.usize(50..300) } else { 1 };
        let together = (0..burst).map(|_| after(span.start, (at + rng.i64(0..60)).min(span.seconds - 1) * 1000));
        moments.extend(together);
    }
    moments
}

/// When something is shown: usually soon, sometimes as late as is promised.
fn shown(rng: &mut Rng, at: Timestamp, usual: i64, overlap: i64, latest: i64, lateness: &mut Lateness) -> Timestamp {
    let milliseconds = match rng.u8(0..10) {
        0 => rng.i64(0..latest * 1000),
        _ => rng.i64(0..usual * 1000),
    };
    lateness.late += u64::from(milliseconds > overlap * 1000);
    after(at, milliseconds)
}

fn after(at: Timestamp, milliseconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(milliseconds)).unwrap_or(at)
}

fn audits(aws: &FakeAws, oracle: &mut Oracle, rng: &mut Rng, span: Span, count: u32, lateness: &mut Lateness) {
    let origin = Origin::new(aws.account(), REGION, span.start);
    for (ordinal, at) in (0..).zip(moments(rng, span, count)) {
        let mut record = String::new();
        cloudtrail::record(&mut record, rng, &origin, ordinal);
        oracle.expect(record.as_bytes());
        let shown = shown(rng, at, 300, 900, 3 * 3600, lateness);
        aws.put_audit_event(&Place::default(), at, shown, record);
    }
}
