//! How a running collector is asked how it is: probes over HTTP, for orchestrators and people.
//!
//! | path | says | 200 when |
//! |---|---|---|
//! | `/livez` | that the process answers | always: nothing outside it makes another process do better |
//! | `/readyz` | which outputs confirm | all that are required do |
//! | `/healthz` | how each unit gets on | every unit does, and all required outputs confirm |
//!
//! Anything else about a collector's data is not told here: no event, no secret, no configuration.

mod ask;
mod health;
mod probes;

pub use ask::{AskError, ask};
pub use health::{Health, Optional, Output, Unit};
pub use probes::Probes;
