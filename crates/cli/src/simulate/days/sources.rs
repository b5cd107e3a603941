//! What happens in the account: the events of each source, and how late they are shown.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::{
    aws::{FakeAws, Place, Sample},
    generate::{Origin, cloudtrail, guardduty, logs, metrics},
};
use serde_json::json;

use super::oracle::Oracle;

/// Where everything happens.
pub(super) const REGION: &str = "us-east-1";

/// Events of a source in a day.
const A_DAY: u32 = 400;

/// The services' sections of the configuration.
pub(super) const SERVICES: &str = "
      audit-events-all: {types: [audits_api], regions: [us-east-1], auto_event_type: true}
      metrics-all: {regions: [us-east-1], period: 5m, statistics: [Sum]}
      cwl_1: {types: [logs], regions: [us-east-1], log_groups: [/app/*]}
      aws-guardduty: {regions: [us-east-1]}
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
    let count = days * A_DAY;
    audits(aws, oracle, rng, span, count, &mut lateness);
    log_events(aws, oracle, rng, span, count, &mut lateness);
    findings(aws, oracle, rng, span, count / 4, &mut lateness);
    datapoints(aws, oracle, rng, span, count, &mut lateness);
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

fn log_events(aws: &FakeAws, oracle: &mut Oracle, rng: &mut Rng, span: Span, count: u32, lateness: &mut Lateness) {
    let origin = Origin::new(aws.account(), REGION, span.start);
    for (ordinal, at) in (0..).zip(moments(rng, span, count)) {
        let message = logs::message(rng, &origin, ordinal);
        // What ends a line is no part of an event.
        oracle.expect(message.trim_end_matches(['\r', '\n']).as_bytes());
        let shown = shown(rng, at, 60, 300, 6 * 3600, lateness);
        // Groups come into being with their first event.
        let group = format!("/app/{}", rng.u8(0..6));
        aws.put_log_event(&Place::default(), &group, "stream", at, shown, message);
    }
}

fn findings(aws: &FakeAws, oracle: &mut Oracle, rng: &mut Rng, span: Span, count: u32, lateness: &mut Lateness) {
    let detector = aws.add_detector(&Place::default());
    let origin = Origin::new(aws.account(), REGION, span.start);
    for (ordinal, at) in (0..).zip(moments(rng, span, count)) {
        let version = guardduty::Version { updated: at, count: rng.u64(1..50), archived: rng.u8(0..10) == 0 };
        let finding = guardduty::finding(rng, &origin, ordinal, version);
        oracle.expect(finding.as_bytes());
        let shown = shown(rng, at, 60, 1800, 3600, lateness);
        aws.put_finding_later(&detector, finding, shown);
    }
}

/// Periods of the datapoints, in seconds.
const PERIOD: i64 = 300;

fn datapoints(aws: &FakeAws, oracle: &mut Oracle, rng: &mut Rng, span: Span, count: u32, lateness: &mut Lateness) {
    let mut taken = HashSet::new();
    for at in moments(rng, span, count) {
        let (ordinal, period) = (rng.u64(0..24), (at.as_second() / PERIOD + 1) * PERIOD);
        // One sample a period: then its sum does not grow.
        if !taken.insert((ordinal, period)) {
            continue;
        }
        let metric = metrics::metric(ordinal);
        let value = rng.u32(..);
        let at = Timestamp::from_second(period).unwrap_or(at);
        let dimensions: BTreeMap<_, _> = metric.dimensions.iter().cloned().collect();
        let parts = [
            format!("{{\"namespace\":{},\"metric\":{}", json!(metric.namespace), json!(metric.name)),
            format!("\"dimensions\":{},\"statistic\":\"Sum\",\"period\":{PERIOD}", json!(dimensions)),
            format!("\"timestamp\":\"{at}\",\"value\":{value}.0"),
            format!("\"account\":\"{}\",\"region\":\"{REGION}\"}}", aws.account()),
        ];
        oracle.expect(parts.join(",").as_bytes());
        let shown = shown(rng, at, 300, 1200, 48 * 3600, lateness);
        aws.put_metric(&Place::default(), metric, Sample::new(at, f64::from(value)).visible_from(shown));
    }
}
