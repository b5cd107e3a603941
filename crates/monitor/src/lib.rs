//! How a running collector is watched: two listeners over HTTP, each off until it is asked for.
//!
//! The first, [`Probes`], is for orchestrators and Prometheus. It tells names and numbers, and no event:
//!
//! | path | says | 200 when |
//! |---|---|---|
//! | `/livez` | that the process answers | always: nothing outside it makes another process do better |
//! | `/readyz` | which outputs confirm | all that are required do |
//! | `/healthz` | how each unit gets on | every unit does, and all required outputs confirm |
//! | `/metrics` | everything that is counted | always |
//!
//! The second, [`Page`], is for people. It shows customers' events to whoever taps them, so it answers nobody but this machine,
//! or those who know its token.
//!
//! Both look at a [`Monitor`], which may be given another [`Subject`] at any time, as after a reload.

mod ask;
mod format;
mod health;
mod history;
mod metrics;
mod monitor;
mod page;
mod probes;
mod problems;
mod process;
mod serve;
mod subject;
mod tap;

pub use ask::{AskError, ask};
pub use health::{Cause, Health, LastReload, Optional, Output, Unit};
pub use monitor::{Monitor, Reload};
pub use page::Page;
pub use probes::Probes;
pub use problems::{Level, Problem, Problems};
pub use subject::{Certificate, SenderView, Subject};
pub use tap::{Tapped, Tapping, Wish, tap};
