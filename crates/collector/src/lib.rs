//! One customer's collector: puts a configuration together into outputs, units and the supervisor that runs them.

mod age;
mod catalogue;
mod check;
mod codes;
mod collector;
pub mod config;
mod connectors;
mod console;
mod destinations;
mod error;
mod files;
pub mod iam;
mod internal;
mod planning;
mod replay;
mod resets;
mod samples;

pub use catalogue::{Service, catalogue};
pub use check::{CheckedOutput, CheckedUnit, Reach, Report, check};
pub use codes::codes;
pub use collector::{Collector, Parts, look_into_quarantine, look_into_state, open_store, state_folder};
pub use config::{Config, Documents, KeyPath, Position, Problem, Problems, Section};
pub use error::CollectorError;
pub use files::Files;
pub use internal::{MessageSink, Messages, messages};
pub use quittance_state::{Aside, Asides, Contents, Holding, Remembered, Sqlite, WEIGHT};
pub use replay::{Replayed, replay};
pub use samples::{Wanted, judge};
