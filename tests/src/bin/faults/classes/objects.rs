//! Transfers of objects break, stall, are damaged, or the object becomes another.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::aws::BodyFault;

use super::Class;
use crate::{
    load::Source,
    round::{Round, pick},
};

const OBJECTS: &[Source] = &[Source::Objects];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "s3-cut",
        what: "transfers of objects break, several times in a row",
        needs: OBJECTS,
        strike: cut,
        ..Class::USUAL
    },
    Class {
        name: "s3-stalled",
        what: "transfers of objects stop and never go on",
        needs: OBJECTS,
        prepare: |round| {
            round.keys.push((Source::Objects, "transfer_timeout: 1s".to_owned()));
            Ok(())
        },
        strike: stalled,
        ..Class::USUAL
    },
    Class {
        name: "s3-corrupted",
        what: "a byte of an object is another when it comes",
        needs: OBJECTS,
        prepare: |round| {
            round.damaged = true;
            Ok(())
        },
        strike: corrupted,
        ..Class::USUAL
    },
    Class {
        name: "s3-overwritten",
        what: "objects are overwritten while they are read, in a bucket that keeps versions",
        needs: OBJECTS,
        prepare: |round| {
            round.versions = true;
            Ok(())
        },
        strike: overwritten,
        ..Class::USUAL
    },
];

fn cut(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..6) {
        let faults = (0..round.rng.usize(1..4)).map(|_| BodyFault::CutAfter(1 << round.rng.u64(0..15))).collect();
        let events = round.rng.usize(5..150);
        round.put_object(events, None, faults)?;
    }
    round.some_arrived()?;
    round.cleared()
}

fn stalled(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        let faults = vec![BodyFault::StallAfter(1 << round.rng.u64(0..14))];
        let events = round.rng.usize(5..150);
        round.put_object(events, None, faults)?;
    }
    round.pause_between(100, 400)?;
    round.cleared()
}

fn corrupted(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        let faults = vec![BodyFault::CorruptAt(round.rng.u64(0..6000))];
        let events = round.rng.usize(20..150);
        let before = round.load.bytes;
        round.put_object(events, None, faults)?;
        // What stands before the damage, and all of it once more.
        let bytes = round.load.bytes - before;
        round.explain(2 * bytes);
    }
    round.some_arrived()?;
    round.cleared()
}

fn overwritten(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        let rate = *pick(&mut round.rng, &[5_000, 20_000, 60_000]);
        let events = round.rng.usize(20..150);
        let key = round.put_object(events, None, vec![BodyFault::Slow(rate)])?;
        let time = Duration::from_millis(round.rng.u64(0..400));
        round.pause(time)?;
        let events = round.rng.usize(20..150);
        round.put_object(events, Some(&key), Vec::new())?;
    }
    round.cleared()
}
