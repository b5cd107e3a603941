//! One customer's collector: puts a configuration together into outputs, units and the supervisor that runs them.

mod catalogue;
mod collector;
mod config;
mod console;
mod error;
mod files;

pub use catalogue::{Service, catalogue};
pub use collector::{Collector, Parts, open_store};
pub use config::{Config, Globals, Input, Output};
pub use error::CollectorError;
pub use files::Files;
