//! Why a state cannot be used.

use std::{io, path::PathBuf};

/// An error of opening a state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The folder cannot be made or entered.
    #[error("cannot use the state folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the state `{}` is in use by another process: two collectors need two state folders", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer program has written it.
    #[error("the state `{}` is of version {found}, this program knows up to {known}: use a newer program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It is damaged, or no state at all. The file is left as it is.
    #[error("the state `{}` cannot be opened; it is left as it is", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}
