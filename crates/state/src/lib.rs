//! The Store on SQLite: one file in the state folder, every write fsynced before it counts.

mod codes;
mod contents;
mod error;
mod file;
mod filesystem;
mod quarantine;
mod schema;
mod sqlite;

pub use codes::CODES;
pub use contents::{Contents, Holding, Remembered, look};
pub use error::StateError;
pub use quarantine::{Aside, Asides, WEIGHT, look_aside};
pub use sqlite::{Settings, Sqlite};
