//! The receiver breaks connections, is slow, or dies.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::sink::Fault;

use super::{Class, Explained};
use crate::{
    round::{Round, pick},
    sink::SinkOrder,
};

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "peer-reset",
        what: "the receiver resets connections, after some bytes, at their end, or all at once",
        explained: Explained::Connections,
        strike: peer_reset,
        sdk: true,
        ..Class::USUAL
    },
    Class {
        name: "orderly-close",
        what: "the receiver ends connections in order while more is on its way",
        explained: Explained::Connections,
        strike: orderly_close,
        sdk: true,
        ..Class::USUAL
    },
    Class {
        name: "slow-end",
        what: "the receiver ends its half late, within the time that it has or after",
        explained: Explained::Connections,
        strike: slow_end,
        sdk: true,
        ..Class::USUAL
    },
    Class {
        name: "slow-reader",
        what: "the receiver reads slowly",
        explained: Explained::Connections,
        strike: slow_reader,
        sdk: true,
        ..Class::USUAL
    },
    Class {
        name: "sink-killed",
        what: "the receiver stops reading and is killed, with what its kernel has taken unread, and started again",
        explained: Explained::Connections,
        strike: sink_killed,
        sdk: true,
        ..Class::USUAL
    },
    Class {
        name: "certificate-replaced",
        what: "the receiver's certificate is replaced while all runs, by a wrong one first or by a good one at once",
        explained: Explained::Connections,
        strike: certificate_replaced,
        ..Class::USUAL
    },
];

fn peer_reset(round: &mut Round) -> Result<()> {
    let times = round.rng.usize(1..5);
    for _ in 0..times {
        let bytes = 1 << round.rng.u64(0..19);
        match round.rng.u8(..3) {
            0 => {
                round.sink(&SinkOrder::Script(vec![Some(Fault::ResetAfter(bytes))]))?;
            }
            1 => {
                round.sink(&SinkOrder::Script(vec![Some(Fault::ResetAtEnd)]))?;
            }
            _ => {
                round.some_arrived()?;
                round.pause_between(0, 30)?;
                round.sink(&SinkOrder::ResetOpen)?;
            }
        }
    }
    round.put_more()?;
    round.faults_met()?;
    round.cleared()
}

fn orderly_close(round: &mut Round) -> Result<()> {
    let faults = (0..round.rng.usize(1..6)).map(|_| Some(Fault::LeaveAfter(1 << round.rng.u64(0..19)))).collect();
    if round.rng.bool() {
        round.some_arrived()?;
    }
    round.sink(&SinkOrder::Script(faults))?;
    round.put_more()?;
    round.faults_met()?;
    round.cleared()
}

fn slow_end(round: &mut Round) -> Result<()> {
    let delay = Duration::from_millis(round.rng.u64(100..2500));
    if round.rng.bool() {
        round.some_arrived()?;
    }
    round.always(Some(Fault::SlowEnd(delay)))?;
    round.put_more()?;
    round.pause_between(200, 900)?;
    round.always(None)?;
    round.cleared()
}

fn slow_reader(round: &mut Round) -> Result<()> {
    let rate = *pick(&mut round.rng, &[5_000, 20_000, 100_000, 400_000]);
    if round.rng.bool() {
        round.some_arrived()?;
    }
    round.always(Some(Fault::SlowReader(rate)))?;
    round.put_more()?;
    round.pause_between(300, 1200)?;
    round.always(None)?;
    // Who reads slowly goes on so on the connections that it has.
    round.sink(&SinkOrder::ResetOpen)?;
    round.cleared()
}

fn sink_killed(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        round.some_arrived()?;
        round.put_more()?;
        let unread_for = Duration::from_millis(round.rng.u64(0..600));
        round.kill_sink(unread_for)?;
        round.pause_between(0, 300)?;
        round.start_sink()?;
    }
    round.cleared()
}

fn certificate_replaced(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..3) {
        round.some_arrived()?;
        // Another name, or one of an authority that nobody trusts; or at once a new one of the right kind.
        let wrong = *pick(&mut round.rng, &["wrong_host", "stranger", "expired", "renewed"]);
        let renewed = round.place.pki.authority.server(&["localhost", "127.0.0.1", "::1"])?;
        renewed.write_to(&round.sink_place.certs, "renewed")?;
        round.sink(&SinkOrder::Certificate(wrong.to_owned()))?;
        if round.rng.bool() {
            round.sink(&SinkOrder::ResetOpen)?;
        }
        round.put_more()?;
        round.pause_between(100, 700)?;
        round.sink(&SinkOrder::Certificate("renewed".to_owned()))?;
    }
    round.cleared()
}
