//! The pool as the collector meets it: real TLS over links in memory, in virtual time, against a receiver with faults.

mod acked;
mod certificates;
mod confirmation;
mod crossed_ends;
mod faults;
mod outlets;
mod proxy;
mod scene;
mod wire;
