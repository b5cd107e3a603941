//! The pool as the collector meets it: real TLS over links in memory, in virtual time, against a receiver with faults.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod acked;
mod certificates;
mod confirmation;
mod crossed_ends;
mod faults;
mod fuzz;
mod handshakes;
mod orders;
mod outlets;
mod proxy;
mod relay;
mod scene;
mod tls;
mod wire;
