//! The classes of faults.

mod receiver;

use anyhow::Result;

use crate::{
    load::Source,
    round::{Outcome, Round},
};

/// A kind of fault.
pub(crate) struct Class {
    /// Its name, kebab-case.
    pub(crate) name: &'static str,
    /// What goes wrong, in a line.
    pub(crate) what: &'static str,
    /// The sources that it needs; others may be there.
    pub(crate) needs: &'static [Source],
    /// What explains that something comes again.
    pub(crate) explained: Explained,
    /// Whether this machine can run it.
    pub(crate) can: fn() -> bool,
    /// Before the collector is started.
    pub(crate) prepare: fn(&mut Round) -> Result<()>,
    /// The fault, from its beginning to its end.
    pub(crate) strike: fn(&mut Round) -> Result<()>,
    /// When all has come to rest, or was given up.
    pub(crate) after: fn(&mut Round, &mut Outcome) -> Result<()>,
    /// The same on a connection of Devo's SDK.
    pub(crate) sdk: bool,
}

/// What explains that something comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explained {
    /// Nothing does.
    Never,
    /// Connections that were not confirmed: what they carried.
    Connections,
    /// A kill: what had arrived and was not yet forgotten by its source.
    Kill,
}

impl Class {
    /// What most classes have in common.
    const USUAL: Class = Class {
        name: "",
        what: "",
        needs: &[],
        explained: Explained::Never,
        can: || true,
        prepare: |_| Ok(()),
        strike: |_| Ok(()),
        after: |_, _| Ok(()),
        sdk: false,
    };
}

/// Every class, whether or not this machine can run it.
pub(crate) fn all() -> impl Iterator<Item = &'static Class> {
    [receiver::CLASSES].into_iter().flatten()
}
