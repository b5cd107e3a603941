//! The test bed, tested as its users see it.

#![allow(clippy::unwrap_used)]

mod frames;
mod generate;
mod s3;
mod sdk;
mod sink;
mod sqs;
mod sts;
