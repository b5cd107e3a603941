//! The classes of faults.

mod apis;
mod machine;
mod network;
mod objects;
mod processes;
mod queues;
mod receiver;

pub(crate) use machine::Disk;
pub(crate) use network::Network;

use anyhow::Result;

use crate::{
    arrivals::{Arrival, written},
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
    /// The only sources that there may be.
    pub(crate) among: &'static [Source],
    /// What the receiver writes what it has got to, in the round's folder, and what a line there says.
    pub(crate) arrivals: &'static str,
    pub(crate) parse: fn(&[u8]) -> Option<Arrival>,
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
    /// Nothing does, or what the class says itself.
    Never,
    /// Connections that were not confirmed: what they carried.
    Connections,
}

impl Class {
    /// What most classes have in common.
    const USUAL: Class = Class {
        name: "",
        what: "",
        needs: &[],
        among: &Source::ALL,
        arrivals: "arrivals",
        parse: written,
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
    [
        receiver::CLASSES,
        network::CLASSES,
        objects::CLASSES,
        queues::CLASSES,
        apis::CLASSES,
        machine::CLASSES,
        processes::CLASSES,
    ]
    .into_iter()
    .flatten()
}
