//! The `quittance` command as a user runs it.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod ambient;
mod certificates;
mod check;
mod completions;
mod debug;
mod errors;
mod peer_bugs;
mod quarantine;
mod scene;
mod services;
mod state;
mod test;
