//! The same fault on a connection of Devo's own SDK, which has no receipts.

use std::{
    fs::File,
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use quittance_tests::tools;

use crate::{arrivals::Mark, classes::Class, clock::now, load::Source, round::Round};

const SCRIPT: &str = include_str!("sdk.py");

/// Events that it is told to send, and the bytes of each.
const EVENTS: u64 = 2000;
const BYTES: usize = 300;

/// How long nothing more may come once it has ended, and how long it may take.
const QUIET: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(60);

/// A process that sends events by the SDK; killed when it is dropped.
pub(crate) struct Sender {
    child: Child,
    log: PathBuf,
}

impl Sender {
    /// Starts it against the receiver of a round.
    fn start(round: &Round) -> Result<Sender> {
        let python = tools::devo_sdk().map_err(|missing| anyhow::anyhow!(missing.0))?;
        let log = round.place.folder().join("sdk.log");
        let listen = round.sink_place.listen;
        let child = Command::new(python)
            .args(["-c", SCRIPT, &round.configuration.address, &listen.port().to_string()])
            .arg(&round.sink_place.certs)
            .args([EVENTS.to_string(), BYTES.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start Devo's SDK")?;
        Ok(Sender { child, log })
    }

    /// Whether it is through.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().ok().flatten().is_some()
    }

    /// The numbers of the events that it took without a complaint.
    fn taken(&mut self) -> Result<Vec<u64>> {
        let mut said = String::new();
        self.child.stdout.take().context("no output")?.read_to_string(&mut said)?;
        serde_json::from_str(&said)
            .with_context(|| std::fs::read_to_string(&self.log).unwrap_or_else(|_| "the SDK says nothing".to_owned()))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays a class on the SDK: how many events it said it had sent, and how many of these are missing.
pub(crate) fn play(class: &Class, seed: u64) -> Result<(u64, u64)> {
    let mut round = Round::new(class, seed)?;
    round.load.sources.clear();
    for number in 0..EVENTS {
        round.load.expected.insert(mark(number), Source::Queue);
    }
    (class.prepare)(&mut round)?;
    round.start_sink()?;
    round.sender = Some(Sender::start(&round)?);
    (class.strike)(&mut round)?;
    let end = now() + LONGEST;
    round.until("the SDK is through", |round| round.sender.as_mut().is_none_or(Sender::has_ended) || now() > end)?;
    let (mut arrived, mut since) = (0, now());
    round.until("nothing more comes", |round| {
        if round.watch.arrived() != arrived {
            (arrived, since) = (round.watch.arrived(), now());
        }
        since.elapsed() > QUIET
    })?;
    let taken = round.sender.as_mut().context("there is no SDK")?.taken()?;
    let missing = taken.iter().filter(|number| !round.watch.has(mark(**number))).count();
    Ok((taken.len() as u64, missing as u64))
}

fn mark(number: u64) -> Mark {
    let message = format!("{:x<BYTES$}", format!("{number} "));
    Mark::of(b"my.app.faults.sdk", message.as_bytes())
}
