//! `quittance tap`: live events of a running collector.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use quittance_collector::{Config, Documents};
use quittance_monitor::{Tapped, Wish, tap};
use secrecy::SecretString;

use crate::{health::here, output::print, plain};

#[derive(Args)]
pub(crate) struct Options {
    /// The configuration of the collector, which names its `page_address` and `page_token`.
    #[arg(long, value_name = "FILE", required_unless_present = "address")]
    config: Option<PathBuf>,
    /// The address of its status page, instead of what the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Only events of this table, or of all tables that begin with these levels.
    #[arg(long)]
    table: Option<String>,
    /// Only events of units with this text in their address.
    #[arg(long)]
    unit: Option<String>,
    /// Only events that hold this text.
    #[arg(long)]
    text: Option<String>,
    /// Ends after so many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

/// Shows events until the collector ends, or enough were seen.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let Options { config, address, table, unit, text, limit, json } = options;
    let (configured, token) = match config {
        Some(config) => configured(config)?,
        None => (None, token_of_environment()),
    };
    let address = address.or(configured);
    let address = address.context("the configuration has no `globals.page_address`: there is no page to ask")?;
    let mut events = tap(address, token.as_ref(), &Wish { table, unit, text }).await?;
    let (mut seen, mut missed) = (0, 0);
    while limit.is_none_or(|limit| seen < limit) {
        let Some(line) = events.next().await? else { bail!("the collector ended") };
        match &line {
            Tapped::Event { tag, event, .. } => {
                seen += 1;
                let shown = if json { serde_json::to_string(&line)? } else { format!("{tag}: {event}") };
                print(&format!("{}\n", plain::line(&shown)))?;
            }
            Tapped::Dropped { dropped } => {
                missed += dropped;
                match json {
                    true => print(&format!("{}\n", serde_json::to_string(&line)?))?,
                    false => eprintln!("({dropped} events not shown: they come faster than they are shown)"),
                }
            }
            Tapped::Quiet {} => {}
        }
    }
    if missed > 0 && !json {
        eprintln!("({missed} events were not shown)");
    }
    Ok(ExitCode::SUCCESS)
}

fn configured(config: PathBuf) -> Result<(Option<SocketAddr>, Option<SecretString>)> {
    let globals = Config::load(Documents { config, server: None })?.globals;
    Ok((globals.page_address.map(here), globals.page_token))
}

/// Where there is no configuration at hand.
fn token_of_environment() -> Option<SecretString> {
    std::env::var("QUITTANCE_PAGE_TOKEN").ok().map(SecretString::from)
}
