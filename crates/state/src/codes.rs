//! The codes of a state that cannot be used.

use quittance_core::{Code, Family::SaveState};

use crate::StateError;

/// The folder cannot be made or entered.
static FOLDER: Code = Code::new(
    SaveState,
    510,
    "the state's folder cannot be used",
    "It cannot be made, entered or written, or the file in it cannot be opened.",
    "Check the path and who owns it. It is left as it is.",
);

/// It lies on a network file system.
static NETWORK: Code = Code::new(
    SaveState,
    511,
    "the state's folder is on a network file system",
    "There, two collectors are not surely kept apart, and what is written is not surely kept.",
    "Set `persistence.config.directory_name` to a folder on a local disk (in Kubernetes, a block volume).",
);

/// Another process has it.
static IN_USE: Code = Code::new(
    SaveState,
    512,
    "the state is in use",
    "Another process runs with the same folder.",
    "Stop it, or give this collector a folder of its own.",
);

/// It is of a newer program.
static NEWER: Code = Code::new(
    SaveState,
    513,
    "the state is of a newer program",
    "A newer version of the collector has run with it.",
    "Use that version. The file is left as it is.",
);

/// It is damaged.
static DAMAGED: Code = Code::new(
    SaveState,
    514,
    "the state is damaged",
    "The disk failed, or something else wrote into the file.",
    "Put back a copy, or move it away to begin anew. The file is left as it is.",
);

/// All of them.
pub static CODES: &[&Code] = &[&FOLDER, &NETWORK, &IN_USE, &NEWER, &DAMAGED];

impl StateError {
    /// What kind of problem it is.
    pub fn code(&self) -> &'static Code {
        match self {
            StateError::Folder { .. } | StateError::Open { .. } => &FOLDER,
            StateError::Network { .. } => &NETWORK,
            StateError::InUse { .. } => &IN_USE,
            StateError::Newer { .. } => &NEWER,
            StateError::Damaged { .. } => &DAMAGED,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_is_listed() {
        let defined = include_str!("codes.rs").lines().filter(|line| line.ends_with(": Code = Code::new("));
        assert_eq!(defined.count(), super::CODES.len());
    }
}
