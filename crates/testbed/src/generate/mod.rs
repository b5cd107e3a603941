//! Seeded, realistic data: what AWS services and others write, made fast and without a clock.
//!
//! Every event is unique: it holds an id made from its ordinal, so objects made with ranges of ordinals
//! that do not overlap share no event.

pub mod cloudfront;
pub mod cloudtrail;
pub mod eventbridge;
pub mod guardduty;
pub mod metrics;
pub mod securityhub;
mod template;
pub mod umbrella;
mod values;
pub mod voiso;
pub mod vpcflow;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

pub use values::Origin;

/// Compresses an object as AWS delivers it: one gzip member.
pub fn gzip(data: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 4), Compression::new(level));
    encoder.write_all(data).and_then(|()| encoder.finish()).expect("writing into memory does not fail")
}
