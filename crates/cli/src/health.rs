//! `quittance health`: how a running collector is.

use std::{
    fmt::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use quittance_collector::{Config, Documents, state_folder};
use quittance_monitor::{Cause, Health, LastReload, Optional, Output, Unit, ask};

use crate::{documents, output::print, whereabouts};

#[derive(Args)]
#[group(multiple = false, id = "where")]
struct Where {
    /// The configuration of the collector, which names its `probes_address`. Without it and `--address`, the collector is
    /// meant whose `state/` and `config/` stand here.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address of its probes.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    at: Where,
    /// Whether to fail as well if a unit does not get on, or an output does not confirm. Do not let an orchestrator restart a
    /// collector for that: no other would do better.
    #[arg(long)]
    strict: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Asks and prints. Fails if the collector does not answer.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let Options { at: Where { config, address }, strict, json } = options;
    let address = match (config, address) {
        (_, Some(address)) => address,
        (Some(config), None) => configured(config)?,
        // A collector goes on when somebody spoils its configuration.
        (None, None) => match whereabouts::noted(Path::new("state")) {
            Some(address) => here(address),
            None => configured(documents::usual())?,
        },
    };
    let health = ask(address).await?;
    print(&if json { format!("{}\n", serde_json::to_string(&health)?) } else { in_text(&health) })?;
    Ok(ExitCode::from(u8::from(strict && !health.healthy)))
}

fn configured(config: PathBuf) -> Result<SocketAddr> {
    let config = Config::load(Documents { config, server: None })?;
    // What a collector noted is where it is; what is configured may be any free port.
    let address = whereabouts::noted(&state_folder(&config)).or(config.globals.probes_address);
    address.map(here).context("the configuration has no `globals.probes_address`: the collector answers no probes")
}

/// One that listens everywhere does so here, too.
pub(crate) fn here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn in_text(health: &Health) -> String {
    let mut text = String::new();
    let mut line = |what: std::fmt::Arguments<'_>| writeln!(text, "{what}").expect("a string takes every write");
    line(format_args!("{}", if health.healthy { "healthy" } else { "unhealthy" }));
    for Output { name, confirms, optional } in &health.outputs {
        let confirms = if *confirms { "confirms" } else { "does not confirm" };
        match optional {
            None => line(format_args!("output {name}: {confirms}")),
            Some(Optional { offered, lost, .. }) => {
                line(format_args!("output {name}: {confirms} (optional: {lost} of {offered} events lost to it)"));
            }
        }
    }
    if let Some(LastReload { ok: false, refused, .. }) = &health.reload {
        let reason = refused.as_deref().unwrap_or_default();
        line(format_args!("a changed configuration was refused, and the one before goes on: {reason}"));
    }
    for Unit { unit, stage, seconds, held, in_flight, causes, .. } in health.units.iter().flatten() {
        let what = match (stage, seconds) {
            (Some(stage), Some(seconds)) => format!("does not get on for {seconds} s, at: {stage}"),
            _ => "gets on".to_owned(),
        };
        line(format_args!("unit {unit}: {what} ({held} messages held, {in_flight} events on their way)"));
        for Cause { code, problem, fix } in causes {
            line(format_args!("  no event for longer than expected: {problem} ({fix}) [{code}]"));
        }
    }
    text
}
