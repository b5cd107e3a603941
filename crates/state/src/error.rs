//! Why a state cannot be used.

use std::{io, path::PathBuf};

/// An error of opening a state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The folder, or a file in it, cannot be made or entered.
    #[error("cannot use the state folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder lies on a network file system.
    #[error(
        "the state folder `{}` is on a network file system ({kind}), where two collectors are not surely kept apart and \
         what is written is not surely kept: set `persistence.config.directory_name` to a folder on a local disk (in \
         Kubernetes, a block volume)",
        path.display()
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// Which file system.
        kind: String,
    },
    /// Another process has it.
    #[error("the state `{}` is in use by another process: two collectors need two state folders", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer program has written it.
    #[error(
        "the state `{}` is of version {found}, this program knows up to version {known}: use a newer program",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It is damaged, or no state at all. The file is left as it is.
    #[error(
        "the state `{}` is damaged ({found}); it is left as it is: put back a copy, or move it away to start anew",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// It cannot be read or written. The file is left as it is.
    #[error("the state `{}` cannot be opened; it is left as it is", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}
