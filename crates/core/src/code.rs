//! Stable codes: what a person is told can be looked up by them, and they outlive its wording.

use std::fmt;

/// What was under way, in the words of Devo's collectors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Family {
    /// The configuration and the files that it names are read.
    InitVariables,
    /// A unit proves that it can work, before it pulls.
    Setup,
    /// Between setup and the first pull: the state is read, what there is to pull is looked for.
    PrePull,
    /// Events are taken and given on.
    Pull,
    /// Something is written down.
    SaveState,
    /// A call of an API failed in a way that passes by itself.
    Api,
}

impl Family {
    /// As Devo's documentation writes it.
    pub fn name(self) -> &'static str {
        match self {
            Family::InitVariables => "InitVariablesError",
            Family::Setup => "SetupError",
            Family::PrePull => "PrePullError",
            Family::Pull => "PullError",
            Family::SaveState => "SaveStateError",
            Family::Api => "ApiError",
        }
    }
}

/// What all of a collector can meet.
pub const EVERYTHING: &str = "Common for all services";

/// A kind of problem, with what Devo's error tables say of one. Each stands once, as a static of the crate that finds it.
#[derive(PartialEq, Eq, Debug)]
pub struct Code {
    /// What was under way.
    pub family: Family,
    /// Unlike that of any other code; it is never given to another.
    pub number: u16,
    /// Which services can meet it: the heading that it is listed under.
    pub concerns: &'static str,
    /// What is wrong, in a few words.
    pub message: &'static str,
    /// How that comes about.
    pub cause: &'static str,
    /// What to do.
    pub solution: &'static str,
}

impl Code {
    /// A code that every service can meet.
    pub const fn new(
        family: Family,
        number: u16,
        message: &'static str,
        cause: &'static str,
        solution: &'static str,
    ) -> Self {
        Code { family, number, concerns: EVERYTHING, message, cause, solution }
    }

    /// The same for some services only.
    pub const fn of(self, concerns: &'static str) -> Self {
        Code { concerns, ..self }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.family.name(), self.number)
    }
}
