//! Log groups down to the receiver, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod collecting;
mod plan;
mod scene;
mod setup;
