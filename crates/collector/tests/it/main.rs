//! Configurations read, and collectors run from them.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod advice;
mod devo_example;
mod devo_keys;
mod devo_shape;
mod environment;
mod fuzz;
mod garbage;
mod health;
mod iam;
mod permissions;
mod positions;
mod receipts;
mod reload;
mod resets;
mod schema;
mod server_json;
mod sign_in;
mod silence;
mod support;
mod whole;
