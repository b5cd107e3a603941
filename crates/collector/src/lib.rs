//! One customer's collector: puts a configuration together into outputs, units and the supervisor that runs them.

mod age;
mod catalogue;
mod check;
mod codes;
mod collector;
pub mod config;
mod connectors;
mod console;
mod error;
mod files;
mod fingerprint;
mod fleet;
pub mod iam;
mod internal;
mod outputs;
mod planning;
mod reloader;
mod replay;
mod resets;
mod running;
mod samples;
mod sending;
mod sights;

pub use catalogue::{Service, catalogue};
pub use check::{CheckedOutput, CheckedUnit, Reach, Report, check};
pub use codes::codes;
pub use collector::{Collector, Parts, look_into_quarantine, look_into_state, open_store, state_folder};
pub use config::{Config, Documents, KeyPath, Position, Problem, Problems, Section};
pub use error::CollectorError;
pub use files::Files;
pub use internal::{MessageSink, Messages, messages};
pub use quittance_state::{Aside, Asides, Contents, Holding, Remembered, Sqlite, WEIGHT};
pub use reloader::Reloader;
pub use replay::{Replayed, replay};
pub use samples::{Wanted, judge};
pub use sights::{SenderView, Sights};
