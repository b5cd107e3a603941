//! `quittance quarantine`: what was set aside since it could not be delivered.

use std::{
    fmt::Write,
    io::{self, BufRead, IsTerminal},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use quittance_collector::{
    Aside, Collector, Config, Replayed, Sqlite, WEIGHT, look_into_quarantine, open_store, replay, state_folder,
    with_state_of_backfill,
};
use quittance_core::{Clock, Interval, Quarantined, SystemClock};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    documents,
    output::{print, print_bytes},
    plain,
    run::parts_of,
    state::is_within,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists what was set aside, without its content.
    List(ListOptions),
    /// Shows one item with its content.
    Show(ShowOptions),
    /// Gives items to the outputs once more, and discards those that were confirmed.
    Replay(ReplayOptions),
    /// Discards items for good.
    Discard(DiscardOptions),
}

/// Whose quarantine.
#[derive(Args)]
struct Place {
    #[command(flatten)]
    documents: documents::Options,
    /// That of a backfill, by the id that it says.
    #[arg(long, value_name = "ID")]
    backfill: Option<String>,
}

impl Place {
    fn config(self) -> Result<Config> {
        let config = Config::load(self.documents)?;
        let Some(id) = self.backfill else { return Ok(config) };
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            bail!("`{}` is no id of a backfill", id.escape_debug());
        }
        Ok(with_state_of_backfill(config, &id))
    }
}

#[derive(Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    place: Place,
    /// Only of the units whose address begins so, in whole levels, as in `aws/12351/cwl_1`.
    #[arg(long, value_name = "PREFIX")]
    unit: Option<String>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ShowOptions {
    /// The item's number, as `list` shows it.
    #[arg(value_name = "ID")]
    id: i64,
    #[command(flatten)]
    place: Place,
    /// Its bytes alone, as they are. A terminal would obey what stands in them.
    #[arg(long)]
    raw: bool,
    /// With --raw, prints to a terminal all the same.
    #[arg(long, requires = "raw")]
    force: bool,
}

/// Which items.
#[derive(Args)]
struct Which {
    /// Their numbers, as `list` shows them.
    #[arg(value_name = "ID", required_unless_present_any = ["all", "unit", "older_than"], conflicts_with_all = ["all", "unit", "older_than"])]
    ids: Vec<i64>,
    /// All of them.
    #[arg(long, conflicts_with_all = ["unit", "older_than"])]
    all: bool,
    /// Those of the units whose address begins so, in whole levels.
    #[arg(long, value_name = "PREFIX")]
    unit: Option<String>,
    /// Those that were set aside longer ago, as in `30d`.
    #[arg(long, value_name = "AGE")]
    older_than: Option<Interval>,
}

#[derive(Args)]
pub(crate) struct ReplayOptions {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    documents: documents::Options,
    /// Only says what would be given.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct DiscardOptions {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: Place,
    /// Discards without asking. Who runs it without a terminal is not asked, and must say so.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::List(options) => list(options),
        Command::Show(options) => show(options),
        Command::Replay(options) => Box::pin(replay_items(options)).await,
        Command::Discard(options) => discard(options).await,
    }
}

fn list(options: ListOptions) -> Result<ExitCode> {
    let config = options.place.config()?;
    let all = look_into_quarantine(&config)?.list()?;
    let most = config.globals.persistence.config.quarantine_max_bytes;
    let used: u64 = all.iter().map(|aside| aside.bytes + WEIGHT).sum();
    let is_asked = |aside: &&Aside| options.unit.as_deref().is_none_or(|prefix| is_within(&aside.unit, prefix));
    let asked: Vec<_> = all.iter().filter(is_asked).collect();
    if options.json {
        let items = asked.iter().map(|aside| {
            json!({
                "id": aside.id,
                "at": time(aside.at),
                "unit": aside.unit,
                "address": aside.address,
                "reason": aside.reason,
                "bytes": aside.bytes,
            })
        });
        let quarantine = json!({
            "folder": state_folder(&config).display().to_string(),
            "items": items.collect::<Vec<_>>(),
            "used_bytes": used,
            "max_bytes": most,
            "full": is_full(used, most),
        });
        print(&format!("{quarantine}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = lines(&asked);
    let of = format!("{used} of {most} bytes are in use");
    match is_full(used, most) {
        true => writeln!(text, "{}; {of}: it is full, and what should go there stays where it is", total(&asked))?,
        false => writeln!(text, "{}; {of}", total(&asked))?,
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether not even an address would find room.
fn is_full(used: u64, most: u64) -> bool {
    used + WEIGHT > most
}

fn show(options: ShowOptions) -> Result<ExitCode> {
    let config = options.place.config()?;
    let Some(item) = look_into_quarantine(&config)?.item(options.id)? else {
        bail!("there is no item {} in the quarantine", options.id);
    };
    let Quarantined { unit, address, reason, bytes, at, .. } = item;
    if options.raw {
        if io::stdout().is_terminal() && !options.force {
            bail!("not to a terminal, which would obey what stands in them: send it elsewhere, or add --force");
        }
        print_bytes(&bytes)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "id       {}\nat       {}\nunit     {}\naddress  {}\nreason   {}\nbytes    {}\n",
        options.id,
        time(at),
        plain::line(unit.as_str()),
        address.escape_debug(),
        reason.escape_debug(),
        bytes.len()
    );
    if !bytes.is_empty() {
        writeln!(text, "\n{}", escaped(&bytes))?;
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn discard(options: DiscardOptions) -> Result<ExitCode> {
    let config = options.place.config()?;
    let chosen = options.which.of(look_into_quarantine(&config)?.list()?)?;
    if chosen.is_empty() {
        return nothing();
    }
    let (lines, total) = (lines(&chosen.iter().collect::<Vec<_>>()), total(&chosen.iter().collect::<Vec<_>>()));
    if !options.yes {
        print(&format!("this would be discarded, for good:\n{lines}{total}\n"))?;
        if !(io::stdin().is_terminal() && is_confirmed()?) {
            print("nothing is discarded: add --yes\n")?;
            return Ok(ExitCode::from(1));
        }
    }
    let store = open_store(&config)?;
    let discarded = store.discard(chosen.iter().map(|aside| aside.id).collect()).await?;
    print(&format!("discarded: {}, {} bytes\n", items(discarded.items), discarded.bytes))?;
    Ok(ExitCode::SUCCESS)
}

fn is_confirmed() -> io::Result<bool> {
    print("discard them? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn replay_items(options: ReplayOptions) -> Result<ExitCode> {
    let config = Config::load(options.documents)?;
    if options.dry_run {
        let chosen = options.which.of(look_into_quarantine(&config)?.list()?)?;
        if chosen.is_empty() {
            return nothing();
        }
        let chosen: Vec<_> = chosen.iter().collect();
        print(&format!("this would be given once more:\n{}{}\n", lines(&chosen), total(&chosen)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let store: Arc<Sqlite> = open_store(&config)?;
    let chosen = options.which.of(store.quarantined().await?)?;
    if chosen.is_empty() {
        return nothing();
    }
    let stop = CancellationToken::new();
    let collector = Collector::build_to_replay(config, parts_of(store.clone()), stop.clone()).await?;
    let count = chosen.len() as u64;
    let given = AtomicU64::new(0);
    let tell = |replayed: Replayed| {
        let Replayed { aside: Aside { id, unit, address, .. }, result } = replayed;
        let (address, unit) = (address.escape_debug(), plain::line(&unit).into_owned());
        // What is printed is of no more weight than what was done.
        _ = match result {
            Ok(()) => {
                given.fetch_add(1, Relaxed);
                print(&format!("{id}  delivered  {unit}  {address}\n"))
            }
            Err((code, problem)) => {
                print(&format!("{id}  stays  {unit}  {address}: {} [{code}]\n", plain::line(&problem)))
            }
        };
    };
    let running = replay(collector, store, chosen, tell);
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => ended?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            stop.cancel();
            running.await?;
        }
    }
    let given = given.load(Relaxed);
    print(&format!("{} of {} delivered and out of the quarantine\n", given, items(count)))?;
    Ok(ExitCode::from(u8::from(given < count)))
}

impl Which {
    /// Those of `all` that are meant. A number of none is an error.
    fn of(&self, all: Vec<Aside>) -> Result<Vec<Aside>> {
        if let Some(unknown) = self.ids.iter().find(|id| !all.iter().any(|aside| aside.id == **id)) {
            bail!("there is no item {unknown} in the quarantine");
        }
        let before = self.older_than.map(|age| SystemClock.wall().checked_sub(age.0).unwrap_or(SystemTime::UNIX_EPOCH));
        let is_meant = |aside: &Aside| {
            (self.ids.is_empty() || self.ids.contains(&aside.id))
                && self.unit.as_deref().is_none_or(|prefix| is_within(&aside.unit, prefix))
                && before.is_none_or(|before| aside.at < before)
        };
        Ok(all.into_iter().filter(is_meant).collect())
    }
}

fn nothing() -> Result<ExitCode> {
    print("nothing in the quarantine is meant\n")?;
    Ok(ExitCode::from(1))
}

/// Items by unit, a line each. Addresses and reasons may hold what others wrote: a terminal must not obey it.
fn lines(asides: &[&Aside]) -> String {
    let mut text = String::new();
    let mut sorted = asides.to_vec();
    sorted.sort_by(|a, b| (&a.unit, a.id).cmp(&(&b.unit, b.id)));
    for of_unit in sorted.chunk_by(|a, b| a.unit == b.unit) {
        _ = writeln!(text, "{}", plain::line(&of_unit[0].unit));
        for Aside { id, address, reason, bytes, at, .. } in of_unit {
            let (at, address, reason) = (time(*at), address.escape_debug(), reason.escape_debug());
            _ = writeln!(text, "  {id}  {at}  {bytes} bytes  {address}: {reason}");
        }
    }
    text
}

fn total(asides: &[&Aside]) -> String {
    let bytes: u64 = asides.iter().map(|aside| aside.bytes).sum();
    format!("{} with {bytes} bytes", items(asides.len() as u64))
}

fn items(count: u64) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "?".to_owned(), |at| at.round(jiff::Unit::Second).unwrap_or(at).to_string())
}

/// Text that a terminal does not obey: what is no text is shown by its bytes.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\n' | '\t' | '"' | '\'' | '\\' => text.push(c),
                c => text.extend(c.escape_debug()),
            }
        }
        part.invalid().iter().for_each(|byte| _ = write!(text, "\\x{byte:02x}"));
    }
    text
}
