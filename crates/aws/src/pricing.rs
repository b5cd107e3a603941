//! What calls cost, at AWS's list prices of us-east-1 in 2026, without its free tiers: other regions differ by some percent.

use std::time::Duration;

use quittance_core::Estimate;

/// US dollars for a call of SQS (standard queues; FIFO queues are a quarter dearer).
pub(crate) const SQS: f64 = 0.40e-6;

/// US dollars for a listing of S3.
pub(crate) const S3_LIST: f64 = 5.0e-6;

/// US dollars for a GetObject of S3.
pub(crate) const S3_GET: f64 = 0.40e-6;

/// What one look at a source takes.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    /// Calls.
    pub calls: f64,
    /// US dollars.
    pub dollars: f64,
}

impl Cost {
    /// So many calls at a price each.
    pub fn of(calls: f64, each: f64) -> Cost {
        Cost { calls, dollars: calls * each }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Cost) -> Cost {
        Cost { calls: self.calls + other.calls, dollars: self.dollars + other.dollars }
    }

    /// What it comes to in a month when it is made once in every `period`.
    #[must_use]
    pub fn every(self, period: Duration) -> Cost {
        let times = MONTH.as_secs_f64() / period.as_secs_f64().max(1.0);
        Cost { calls: self.calls * times, dollars: self.dollars * times }
    }

    /// As an estimate of a month.
    pub fn a_month(self, beyond: &'static str) -> Estimate {
        Estimate { calls: self.calls, dollars: self.dollars, beyond }
    }
}

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_thirty_days() {
        let polls = Cost::of(1.0, SQS).every(Duration::from_secs(20));
        assert_eq!(polls.calls, 129_600.0);
        assert!((polls.dollars - 0.05184).abs() < 1e-9, "{polls:?}");
        assert_eq!(polls.and(Cost::of(2.0, 0.0)).calls, 129_602.0);
    }
}
