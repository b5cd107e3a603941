//! The `quittance` command as a user runs it.

mod certificates;
mod check;
mod scene;
mod services;
