//! What SQS may do: hand a message out twice, or give it to somebody else.

use anyhow::Result;

use super::Class;
use crate::{aws::AwsOrder, load::Source, round::Round};

const QUEUES: &[Source] = &[Source::Objects, Source::Queue];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "duplicate-delivery",
        what: "messages are handed out again while they are worked on",
        needs: QUEUES,
        strike: duplicate_delivery,
        ..Class::USUAL
    },
    Class {
        name: "handle-expired",
        what: "messages come back before their time, and their receipt handles are outdated",
        needs: QUEUES,
        strike: handle_expired,
        ..Class::USUAL
    },
];

fn duplicate_delivery(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        for queue in QUEUES.iter().filter_map(|source| source.queue()) {
            let times = round.rng.u32(1..30);
            round.aws(&AwsOrder::Redeliver { queue: queue.to_owned(), times })?;
        }
        round.put_more()?;
        round.pause_between(20, 300)?;
    }
    round.cleared()
}

fn handle_expired(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..8) {
        for queue in QUEUES.iter().filter_map(|source| source.queue()) {
            round.aws(&AwsOrder::MakeVisible { queue: queue.to_owned() })?;
        }
        if round.rng.bool() {
            round.put_more()?;
        }
        round.pause_between(5, 200)?;
    }
    round.cleared()
}
