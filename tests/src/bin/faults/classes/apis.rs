//! AWS throttles, fails, or does not take our credentials any more.

use anyhow::Result;
use quittance_testbed::aws::Loss;

use super::Class;
use crate::{
    aws::AwsOrder,
    load::Source,
    round::{Round, pick},
};

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "throttling",
        what: "AWS throttles some calls, or all of them for a while",
        strike: throttling,
        ..Class::USUAL
    },
    Class {
        name: "aws-500",
        what: "AWS answers with internal errors, or connections to it break before or after a call is carried out",
        // What a receive took whose answer was lost comes back no sooner.
        prepare: |round| {
            for source in [Source::Queue, Source::Objects] {
                round.keys.push((source, "visibility_timeout: 5s".to_owned()));
            }
            Ok(())
        },
        strike: aws_500,
        ..Class::USUAL
    },
    Class {
        name: "credentials-expired",
        what: "sessions of a role are over before their time, and STS may be away for a while",
        prepare: |round| {
            for source in Source::ALL {
                round.keys.push((source, ROLE.to_owned()));
            }
            Ok(())
        },
        strike: credentials_expired,
        ..Class::USUAL
    },
];

const ROLE: &str = "credentials:
  access_key: AKIATESTTESTTESTTEST
  access_secret: test
  base_assume_role: arn:aws:iam::111122223333:role/collector
";

/// Every call that a round makes of a source, and how AWS throttles it.
const CALLS: [(&str, &str); 6] = [
    ("ReceiveMessage", "RequestThrottled"),
    ("DeleteMessageBatch", "RequestThrottled"),
    ("ChangeMessageVisibilityBatch", "RequestThrottled"),
    ("GetQueueAttributes", "RequestThrottled"),
    ("GetObject", "SlowDown"),
    ("FilterLogEvents", "ThrottlingException"),
];

fn throttling(round: &mut Round) -> Result<()> {
    let chance = *pick(&mut round.rng, &[0.2, 0.5, 0.8]);
    let all = round.rng.u8(..3) == 0;
    if round.rng.bool() {
        round.some_arrived()?;
    }
    for (api, code) in CALLS {
        let (api, code) = (api.to_owned(), code.to_owned());
        round.aws(&match all {
            true => AwsOrder::FailWhile { api, code },
            false => AwsOrder::FailSometimes { api, chance, code },
        })?;
    }
    round.put_more()?;
    round.pause_between(200, 1500)?;
    well_again(round)
}

fn aws_500(round: &mut Round) -> Result<()> {
    let chance = *pick(&mut round.rng, &[0.1, 0.3, 0.6]);
    if round.rng.bool() {
        round.some_arrived()?;
    }
    for (api, _) in CALLS {
        let api = api.to_owned();
        let order = match round.rng.u8(..3) {
            0 => AwsOrder::FailSometimes { api, chance, code: "InternalError".to_owned() },
            1 => AwsOrder::LoseSometimes { api, chance, loss: Loss::Request },
            _ => AwsOrder::LoseSometimes { api, chance, loss: Loss::Answer },
        };
        round.aws(&order)?;
    }
    round.put_more()?;
    round.pause_between(200, 1500)?;
    well_again(round)
}

fn credentials_expired(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        round.some_arrived()?;
        let away = round.rng.bool();
        if away {
            round.aws(&AwsOrder::FailWhile { api: "AssumeRole".to_owned(), code: "InternalFailure".to_owned() })?;
        }
        round.aws(&AwsOrder::ExpireSessions)?;
        round.put_more()?;
        round.pause_between(50, 500)?;
        round.aws(&AwsOrder::Recover { api: "AssumeRole".to_owned() })?;
    }
    round.cleared()
}

fn well_again(round: &mut Round) -> Result<()> {
    for (api, _) in CALLS {
        round.aws(&AwsOrder::Recover { api: api.to_owned() })?;
    }
    round.cleared()
}
