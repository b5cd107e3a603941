//! What tells whether something is as it was, without keeping it: it may be a secret.

use std::{
    fmt, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

/// Of everything that shapes a unit, an output or a setting. It is compared, and never shown or written down: whoever could
/// guess a secret could prove the guess by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        Fingerprint(hasher.finish())
    }

    /// Of this, and more.
    pub(crate) fn and(self, more: impl Hash) -> Self {
        Fingerprint::of((self, Fingerprint::of(more)))
    }

    /// Of what stands in files; one that cannot be read is as good as none.
    pub(crate) fn of_files<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let read = |file: &PathBuf| Fingerprint::of((file, fs::read(file).ok()));
        Fingerprint::of(files.into_iter().map(read).collect::<Vec<_>>())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}
