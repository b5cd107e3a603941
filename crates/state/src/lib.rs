//! The Store on SQLite: one file in the state folder, every write fsynced before it counts.

mod error;
mod schema;
mod sqlite;

pub use error::StateError;
pub use sqlite::{Settings, Sqlite};
