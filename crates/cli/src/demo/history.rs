//! What happened in the account before the demo began: events of the sources that are asked by time.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::{
    aws::{FakeAws, Place, Sample},
    generate::{Origin, cloudtrail, guardduty, logs, metrics},
};

/// Where all of it happened.
const REGION: &str = super::town::REGION;

/// How long ago the first of it was, in minutes.
const FIRST: i64 = 80;

/// How long ago the last of it was, in minutes: what is younger is not asked for yet.
const LAST: i64 = 20;

/// Time between two datapoints of a metric, in seconds.
const PERIOD: i64 = 300;

/// Metrics, of which each has as many datapoints as there are periods.
const METRICS: u64 = 24;

/// How many events of each kind.
pub(super) struct History {
    audits: u64,
    log_events: u64,
    findings: u64,
    datapoints: u64,
}

impl History {
    /// A small share of `events`: half of AWS's quotas would make more of it slow.
    pub(super) fn of(events: u64) -> History {
        let share = events / 100;
        History {
            audits: share.min(150),
            log_events: share.min(2000),
            findings: share.min(100),
            datapoints: share.min(METRICS * (FIRST - LAST).unsigned_abs() * 60 / PERIOD.unsigned_abs()),
        }
    }

    /// How many events it has in all.
    pub(super) fn events(&self) -> u64 {
        self.audits + self.log_events + self.findings + self.datapoints
    }

    /// The first moment to collect.
    pub(super) fn start(now: Timestamp) -> Timestamp {
        ago(now, FIRST * 60 + 600)
    }

    /// Puts it into the account.
    pub(super) fn write(&self, aws: &FakeAws, rng: &mut Rng) {
        let (now, place) = (aws.now(), Place { region: REGION.to_owned(), ..Place::default() });
        let origin = Origin::new(aws.account(), REGION, now);
        let moment = |rng: &mut Rng| ago(now, rng.i64(LAST * 60..FIRST * 60));
        for ordinal in 0..self.audits {
            let (at, mut record) = (moment(rng), String::new());
            cloudtrail::record(&mut record, rng, &origin, ordinal);
            aws.put_audit_event(&place, at, at, record);
        }
        for ordinal in 0..self.log_events {
            let (at, group) = (moment(rng), format!("/app/{}", ["web", "orders"][rng.usize(0..2)]));
            aws.put_log_event(&place, &group, "stream", at, at, logs::message(rng, &origin, ordinal));
        }
        let detector = aws.add_detector(&place);
        for ordinal in 0..self.findings {
            let version = guardduty::Version { updated: moment(rng), count: 1, archived: false };
            aws.put_finding(&detector, guardduty::finding(rng, &origin, ordinal, version));
        }
        for ordinal in 0..self.datapoints {
            let periods = i64::try_from(ordinal / METRICS).unwrap_or_default();
            let seconds = ago(now, LAST * 60 + periods * PERIOD).as_second() / PERIOD * PERIOD;
            let at = Timestamp::from_second(seconds).unwrap_or(now);
            aws.put_metric(&place, metrics::metric(ordinal % METRICS), Sample::new(at, f64::from(rng.u16(..))));
        }
    }
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(now)
}
