//! The engines that hold messages, as a collector runs them: the official SDK against a fake AWS in the same process, in
//! virtual time, with a receiver whose receipts follow a script.

#![allow(clippy::unwrap_used)]

mod backfill;
mod bodies;
mod bounds;
mod endpoints;
mod fifo;
mod filters;
mod fuzz;
mod listing;
mod marks;
mod notifications;
mod overwritten;
mod poison;
mod redelivery;
mod replay;
mod scene;
mod shared;
mod shutdown;
mod sign_in;
mod throttling;
mod transfer;
mod windows;
