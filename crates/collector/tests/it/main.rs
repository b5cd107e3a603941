//! Configurations read, and collectors run from them.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod devo_shape;
mod environment;
mod garbage;
mod permissions;
mod positions;
mod receipts;
mod resets;
mod schema;
mod sign_in;
mod support;
mod whole;
