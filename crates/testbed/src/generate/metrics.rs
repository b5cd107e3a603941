//! CloudWatch: the metrics of a fleet.

use fastrand::Rng;
use jiff::Timestamp;

use super::values::scramble;
use crate::aws::{Metric, Sample};

/// Namespace, dimension, name, unit, and how high values usually are.
const KINDS: [(&str, &str, &str, &str, f64); 6] = [
    ("AWS/EC2", "InstanceId", "CPUUtilization", "Percent", 100.0),
    ("AWS/EC2", "InstanceId", "NetworkIn", "Bytes", 1e9),
    ("AWS/Lambda", "FunctionName", "Invocations", "Count", 500.0),
    ("AWS/Lambda", "FunctionName", "Duration", "Milliseconds", 3000.0),
    ("AWS/SQS", "QueueName", "NumberOfMessagesSent", "Count", 10_000.0),
    ("AWS/RDS", "DBInstanceIdentifier", "FreeStorageSpace", "Bytes", 1e11),
];

/// The metric of that ordinal.
pub fn metric(ordinal: u64) -> Metric {
    let (namespace, dimension, name, ..) = KINDS[kind(ordinal)];
    Metric::new(namespace, name, &[(dimension, &format!("{:012x}", scramble(ordinal)))])
}

/// A sample of it: the statistics of a few values.
pub fn sample(rng: &mut Rng, ordinal: u64, at: Timestamp) -> Sample {
    let (.., unit, high) = KINDS[kind(ordinal)];
    let values: Vec<f64> = (0..rng.usize(1..5)).map(|_| (rng.f64() * high).round()).collect();
    let (minimum, maximum) = values.iter().fold((f64::MAX, f64::MIN), |(low, top), v| (v.min(low), v.max(top)));
    Sample::set(at, values.len() as f64, values.iter().sum(), minimum, maximum).unit(unit)
}

fn kind(ordinal: u64) -> usize {
    (ordinal % KINDS.len() as u64) as usize
}
