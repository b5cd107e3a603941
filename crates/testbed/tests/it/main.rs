//! The test bed, tested as its users see it.

#![allow(clippy::unwrap_used)]

mod cloudtrail;
mod cloudwatch;
mod frames;
mod generate;
mod guardduty;
mod logs;
mod s3;
mod sdk;
mod sink;
mod sqs;
mod sts;
