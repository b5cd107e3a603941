//! A collector that is watched over HTTP.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod metrics;
mod page;
mod probes;
mod scene;
mod tapping;
