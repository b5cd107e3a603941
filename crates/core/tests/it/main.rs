//! The framework as pullers and senders meet it.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod budgets;
mod fuzz;
mod optional;
mod receipts;
mod supervision;
mod text;
mod watchdog;
