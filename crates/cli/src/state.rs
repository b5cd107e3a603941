//! `quittance state`: what a collector remembers between its runs.

use std::{
    fmt::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use quittance_collector::{Config, Contents, Holding, Remembered, look_into_state, open_store, state_folder};
use quittance_core::{Change, Record, Store};
use serde_json::{Value, json};

use crate::{documents, output::print, plain};

/// What tells the outputs from the units.
const VERDICT: Record = Record::Verdict;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists what is remembered, by unit.
    Show(ShowOptions),
    /// Forgets how far units have come: their checkpoints, and the events that were delivered. Their sources are then asked
    /// as if for the first time. Progress marks of queues and the quarantine stay.
    Reset(ResetOptions),
}

#[derive(Args)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    documents: documents::Options,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ResetOptions {
    #[command(flatten)]
    documents: documents::Options,
    /// Only the units whose address begins so, in whole levels, as in `aws/12351/cwl_1`.
    #[arg(long, value_name = "PREFIX")]
    unit: Option<String>,
    /// Only this cursor, as `show` names it.
    #[arg(long)]
    cursor: Option<String>,
    /// Forgets indeed; without it, only says what would be forgotten.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Show(options) => show(options),
        Command::Reset(options) => reset(options).await,
    }
}

fn show(options: ShowOptions) -> Result<ExitCode> {
    let config = Config::load(options.documents)?;
    let folder = state_folder(&config);
    let contents = look_into_state(&config)?;
    print(&match (options.json, contents) {
        (true, contents) => in_json(&folder, contents),
        (false, None) => format!("there is no state in `{}` yet\n", folder.display()),
        (false, Some(contents)) if contents.is_empty() => "nothing is remembered yet\n".to_owned(),
        (false, Some(contents)) => in_lines(&contents),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn reset(options: ResetOptions) -> Result<ExitCode> {
    let config = Config::load(options.documents)?;
    let mut found = look_into_state(&config)?.unwrap_or_default();
    found.retain(|unit, _| options.unit.as_deref().is_none_or(|prefix| is_within(unit, prefix)));
    for holding in found.values_mut() {
        let asked = |cursor: &String| options.cursor.as_ref().is_none_or(|asked| asked == cursor);
        holding.records.retain(|kind, _| kind == Record::Checkpoint.name());
        holding.records.values_mut().for_each(|checkpoints| checkpoints.retain(|cursor, _| asked(cursor)));
        holding.remembered.retain(|cursor, _| asked(cursor));
        (holding.quarantined, holding.quarantined_bytes) = (0, 0);
    }
    found.retain(|_, holding| !holding.remembered.is_empty() || holding.records.values().any(|kind| !kind.is_empty()));
    if found.is_empty() {
        print("no unit and cursor matches that has a checkpoint or remembers events: nothing to forget\n")?;
        return Ok(ExitCode::from(1));
    }
    let gone = what_is_not_asked_again(&config, found.keys());
    if !options.yes {
        print(&format!("this would be forgotten:\n{}{gone}nothing is forgotten yet: add --yes\n", in_lines(&found)))?;
        return Ok(ExitCode::from(1));
    }
    let store = open_store(&config)?;
    for unit in found.keys() {
        let change = Change::Reset { cursor: options.cursor.clone() };
        store.commit(store.fence(), unit, vec![change]).await?;
    }
    print(&format!("forgotten:\n{}{gone}", in_lines(&found)))?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each unit that begins at its next start: its source is not asked for what happened before. (A bucket is
/// listed from its `lookback_days` on.)
fn what_is_not_asked_again<'u>(config: &Config, units: impl Iterator<Item = &'u String>) -> String {
    let is_of = |unit: &str, id: &str, service: &str| {
        let rest = unit.strip_prefix("aws/").and_then(|rest| rest.strip_prefix(id));
        rest.is_some_and(|rest| rest.starts_with('/') && rest.split('/').any(|part| part == service))
    };
    let has_start_time = |unit: &str| {
        let sections = config.inputs.values().flat_map(|input| {
            input.services.iter().map(move |(name, section)| (input.id.as_str(), name.as_str(), section))
        });
        let mut own = sections.filter(|(id, name, _)| is_of(unit, id, name));
        own.any(|(.., section)| section.text("start_time").is_some() || section.text("bucket").is_some())
    };
    let line = |unit: &String| {
        let unit = plain::line(unit);
        format!(
            "{unit}: no `start_time` is set, so it begins at its next start, and what happened since the last confirmed event \
             is not asked for again; set one to collect it\n"
        )
    };
    units.filter(|unit| !has_start_time(unit)).map(line).collect()
}

/// Whether an address is `prefix` or below it.
pub(crate) fn is_within(unit: &str, prefix: &str) -> bool {
    let rest = unit.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn in_lines(contents: &Contents) -> String {
    let mut text = String::new();
    let mut line = |line: fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes every write");
    for (unit, Holding { records, remembered, quarantined, quarantined_bytes }) in contents {
        let unit = plain::line(unit);
        line(format_args!("{unit}"));
        for (kind, of_kind) in records {
            if kind == Record::Progress.name() {
                line(format_args!("  progress marks: {}", of_kind.len()));
                continue;
            }
            for (key, value) in of_kind {
                let space = if key.is_empty() { "" } else { " " };
                let (key, value) = (plain::line(key), plain::line(value));
                line(format_args!("  {kind}{space}{key}: {value}"));
            }
        }
        for (cursor, Remembered { ids, hours, oldest, newest }) in remembered {
            let (cursor, oldest, newest) = (plain::line(cursor), hour(*oldest), hour(*newest));
            line(format_args!("  remembered {cursor}: {ids} ids in {hours} hours, from {oldest} to {newest}"));
        }
        if *quarantined > 0 {
            line(format_args!("  quarantine: {quarantined} items, {quarantined_bytes} bytes"));
        }
    }
    text
}

fn in_json(folder: &Path, contents: Option<Contents>) -> String {
    let exists = contents.is_some();
    let (outputs, units): (Contents, Contents) =
        contents.unwrap_or_default().into_iter().partition(|(_, holding)| holding.records.contains_key(VERDICT.name()));
    let verdicts =
        outputs.into_values().flat_map(|mut holding| holding.records.remove(VERDICT.name()).unwrap_or_default());
    let unit = |(unit, holding): (String, Holding)| {
        let of_kind = |record: Record| holding.records.get(record.name());
        let checkpoints = of_kind(Record::Checkpoint).into_iter().flatten();
        let remembered = holding.remembered.iter();
        json!({
            "unit": unit,
            "checkpoints": checkpoints
                .map(|(cursor, value)| json!({ "cursor": cursor, "value": value_of(value) }))
                .collect::<Vec<_>>(),
            "remembered": remembered
                .map(|(cursor, Remembered { ids, hours, oldest, newest })| json!({
                    "cursor": cursor, "ids": ids, "hours": hours, "oldest": hour(*oldest), "newest": hour(*newest),
                }))
                .collect::<Vec<_>>(),
            "progress_marks": of_kind(Record::Progress).map_or(0, |marks| marks.len()),
            "reset": of_kind(Record::Reset).and_then(|words| words.get("")),
            "quarantined": holding.quarantined,
            "quarantined_bytes": holding.quarantined_bytes,
        })
    };
    let state = json!({
        "folder": folder.display().to_string(),
        "exists": exists,
        "outputs": verdicts.map(|(name, verdict)| json!({ "name": name, "verdict": verdict })).collect::<Vec<_>>(),
        "units": units.into_iter().map(unit).collect::<Vec<_>>(),
    });
    format!("{state}\n")
}

/// A checkpoint is its engine's own: JSON is shown as such, anything else as a text.
fn value_of(checkpoint: &str) -> Value {
    serde_json::from_str(checkpoint).unwrap_or_else(|_| checkpoint.into())
}

/// The start of an hour that is counted from the epoch.
fn hour(hour: i64) -> String {
    let start = hour.checked_mul(3600).and_then(|seconds| Timestamp::from_second(seconds).ok());
    start.map_or_else(|| hour.to_string(), |start| start.to_string())
}
