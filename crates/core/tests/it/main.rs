//! The framework as pullers and senders meet it.

mod budgets;
mod receipts;
mod supervision;
mod text;
