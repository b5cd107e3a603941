//! The collector, or a receiver that others wrote, is killed and started again.

use anyhow::{Context, Result};
use quittance_tests::{rsyslog::Rsyslog, tools};

use super::{Class, Explained};
use crate::{arrivals::of_rsyslog, load::Source, round::Round};

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "killed",
        what: "the collector is killed (SIGKILL) and started again",
        strike: killed,
        ..Class::USUAL
    },
    Class {
        name: "terminated",
        what: "the collector is told to stop (SIGTERM) and started again",
        strike: terminated,
        ..Class::USUAL
    },
    Class {
        name: "rsyslog-killed",
        what: "rsyslog, which others wrote, is killed and started again, with `confirm.mode: closed`",
        // It writes a newline inside an event as it comes, so that its file does not tell where an event ends.
        among: &[Source::Objects, Source::Queue],
        needs: &[Source::Objects],
        explained: Explained::Connections,
        arrivals: "rsyslog/events.log",
        parse: of_rsyslog,
        can: || tools::rsyslogd().is_ok(),
        prepare: prepare_rsyslog,
        strike: rsyslog_killed,
        ..Class::USUAL
    },
];

fn killed(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        round.some_arrived()?;
        round.pause_between(0, 60)?;
        round.kill_collector()?;
        round.hold_ends()?;
        round.put_more()?;
        round.start_collector()?;
    }
    round.cleared()
}

fn terminated(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..3) {
        round.some_arrived()?;
        round.pause_between(0, 60)?;
        round.stop_collector()?;
        round.hold_ends()?;
        round.put_more()?;
        round.start_collector()?;
    }
    round.cleared()
}

fn prepare_rsyslog(round: &mut Round) -> Result<()> {
    let program = tools::rsyslogd().map_err(|missing| anyhow::anyhow!(missing.0))?;
    let folder = round.place.folder().join("rsyslog");
    let started = wait(Rsyslog::start(&program, &folder, &round.place.pki))??;
    round.configuration.port = started.port;
    round.configuration.output.clear();
    round.configuration.confirm = "mode: closed".to_owned();
    round.rsyslog = Some(started);
    Ok(())
}

fn rsyslog_killed(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        round.some_arrived()?;
        round.put_more()?;
        round.pause_between(0, 100)?;
        let rsyslog = round.rsyslog.as_mut().context("there is no rsyslog")?;
        rsyslog.kill()?;
        // Whatever it has written of connections that were not confirmed.
        round.explain_connections(6);
        round.pause_between(0, 200)?;
        let rsyslog = round.rsyslog.as_mut().context("there is no rsyslog")?;
        wait(rsyslog.come_back())??;
    }
    round.cleared()
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}
