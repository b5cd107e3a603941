//! The codes of what every collector can meet, whatever it reads and wherever it sends.

use crate::{Code, Family::*};

/// A setup found what keeps its unit from working.
pub static SETUP_FAILED: Code = Code::new(
    PrePull,
    201,
    "the unit does not start",
    "Its setup found something that keeps it from working, which is told beside this with a code of its own.",
    "Mend what the setup found. The unit tries again by itself, after a minute at first and five at most.",
);

/// The state cannot be read.
pub static STATE_UNREADABLE: Code = Code::new(
    PrePull,
    202,
    "the state cannot be read",
    "The disk fails, or the file of the state is damaged. Nothing is pulled as if there were no state.",
    "Look at the disk. If the file is damaged, put back a copy, or move it away to begin anew.",
);

/// What would become of a sample is not known.
pub static NOT_JUDGED: Code = Code::new(
    PrePull,
    220,
    "a sample cannot be judged",
    "It is not what its service reads, it is damaged, or its service composes its events of answers that a file cannot stand for.",
    "Take the sample as the source holds it: an object, the body of a message, or the answer of an API; and name the service that \
     reads it.",
);

/// A task of a unit ended in a way that nobody thought of.
pub static PANICKED: Code = Code::new(
    Pull,
    301,
    "the unit stopped by a bug",
    "A mistake in the collector. Nothing is lost by it: what was not confirmed is given again, and no other unit is touched.",
    "Report it with the lines around it. The unit is started again by itself.",
);

/// Something fails that no code speaks of.
pub static FAILED: Code = Code::new(
    Pull,
    302,
    "the unit stopped",
    "The text beside it says why.",
    "It is started again by itself, with growing waits. Look at the text if it goes on.",
);

/// A unit has work and does not get on.
pub static STALLED: Code = Code::new(
    Pull,
    303,
    "the unit does not get on",
    "It has work, or its source does not answer, and nothing was done for `unhealthy_after`. The line names the stage: `destination`, \
     `setup`, `retry`, `state`, `room`, `delivery` or `source`.",
    "Look at the lines of the stage before it. It goes on by itself once the cause is gone; it is said again while it lasts.",
);

/// A unit saw no event for longer than its user expects.
pub static QUIET: Code = Code::new(
    Pull,
    304,
    "no event for longer than expected",
    "The unit saw no event for its `expect_every`. The line says the cause that was found, with a code of its own.",
    "Look at the cause. If the source is quiet by nature, give `expect_every` more time.",
);

/// A unit is quiet since a destination takes nothing.
pub static QUIET_DESTINATION: Code = Code::new(
    Pull,
    305,
    "nothing is asked of the source, since a destination does not confirm",
    "An output is not known to confirm; until it is, no source is asked for anything.",
    "Look at the lines of the output's sender. Nothing is lost: events stay at their source, as long as it keeps them.",
);

/// A source wrote nothing.
pub static NOTHING_WRITTEN: Code = Code::new(
    Pull,
    306,
    "the source has written nothing",
    "What feeds the source is there and switched on, permissions are as they were, and nothing waits to be read.",
    "Nothing, if the source is quiet now and then; else look at what it should have written.",
);

/// The cause of a silence cannot be told.
pub static CANNOT_TELL: Code = Code::new(
    Pull,
    307,
    "the cause of a silence cannot be told",
    "What would have to be looked at may not be: a permission is missing that nothing else needs, or AWS did not answer.",
    "Give the permission that is named (`quittance iam` writes it as an optional statement), or look there yourself.",
);

/// The state cannot be written.
pub static NOT_WRITTEN: Code = Code::new(
    SaveState,
    501,
    "the state cannot be written",
    "The disk is full, read-only or failing. Events still flow; after a crash some would be sent twice.",
    "Make room, and check that the state's folder can be written. It is tried again by itself.",
);

/// Another process has the state now.
pub static TAKEN_OVER: Code = Code::new(
    SaveState,
    502,
    "another process has taken over the state",
    "A second collector was started with the same state, and this one may write no more.",
    "Stop one of them: every collector needs a state of its own.",
);

/// The quarantine takes nothing more.
pub static QUARANTINE_FULL: Code = Code::new(
    SaveState,
    503,
    "the quarantine is full",
    "What can never be delivered has come up to `quarantine_max_bytes`. Such messages now stay in their queues; all others flow.",
    "Look at what is there and why, mend the cause, and empty it or raise `quarantine_max_bytes`.",
);

/// Items of the quarantine were too old.
pub static QUARANTINE_OLD: Code = Code::new(
    SaveState,
    504,
    "items of the quarantine were discarded for their age",
    "They were older than `quarantine_max_age`, and nobody gave them again.",
    "Look into the quarantine in time, or raise `quarantine_max_age`.",
);

/// An item of the quarantine cannot be given again.
pub static NOT_REPLAYED: Code = Code::new(
    SaveState,
    505,
    "an item of the quarantine cannot be given again",
    "Its unit is not in the configuration, or what set it aside did not say how. It stays in the quarantine.",
    "Read its reason. If it is of no use, discard it.",
);

/// All of them.
pub static CODES: &[&Code] = &[
    &SETUP_FAILED,
    &STATE_UNREADABLE,
    &NOT_JUDGED,
    &PANICKED,
    &FAILED,
    &STALLED,
    &QUIET,
    &QUIET_DESTINATION,
    &NOTHING_WRITTEN,
    &CANNOT_TELL,
    &NOT_WRITTEN,
    &TAKEN_OVER,
    &QUARANTINE_FULL,
    &QUARANTINE_OLD,
    &NOT_REPLAYED,
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_is_listed() {
        let defined = include_str!("codes.rs").lines().filter(|line| line.ends_with(": Code = Code::new("));
        assert_eq!(defined.count(), super::CODES.len());
    }
}
