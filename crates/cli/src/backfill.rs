//! `quittance backfill`: gives what a bucket holds of a range of time, without a queue.

use std::{
    fmt::Write,
    io::{IsTerminal, stderr},
    num::NonZeroU32,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use quittance_collector::{
    Aside, Backfilling, CollectorError, Config, Replayed, Sqlite, WantedPast, open_store, state_folder,
    with_state_of_backfill,
};
use quittance_core::{Counts, NoStore, Past, Progress, Survey, Surveyed, chain};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{documents, output::print, plain, run::parts_of, signals::Signals};

/// Time between two looks at how far it is.
const TICK: Duration = Duration::from_millis(500);

/// Looks between two log lines, where there is no terminal.
const LOOKS: u64 = 20;

/// What tells how old an object is.
#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// The day in its key (`2026/01/15`, `2026-01-15`, `year=2026/month=01/day=15`), as a whole; where there is none, when it
    /// was stored.
    Key,
    /// When it was stored.
    Modified,
}

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    documents: documents::Options,
    /// The input whose account reads.
    #[arg(long, value_name = "NAME")]
    input: String,
    /// The service whose events they are; its filters and tags hold.
    #[arg(long, value_name = "NAME")]
    service: String,
    /// Its type, where several of them read objects.
    #[arg(long = "type", value_name = "NAME")]
    of_type: Option<String>,
    /// How the address of the unit begins, where several could give it, as in `aws/12351`.
    #[arg(long, value_name = "PREFIX")]
    unit: Option<String>,
    /// The bucket.
    #[arg(long, value_name = "NAME")]
    bucket: String,
    /// How the keys of its objects begin.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
    /// The bucket's region; left out, that of the unit.
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// The beginning: a day (UTC) or a time, as in `2026-01-15` or `2026-01-15T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<SystemTime>,
    /// The end, which is not in it any more: a day means its beginning.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<SystemTime>,
    /// What tells how old an object is.
    #[arg(long, value_enum, default_value = "key")]
    by: By,
    /// Only says what there is, day by day. The bucket is listed; nothing is read.
    #[arg(long)]
    dry_run: bool,
    /// Gives once more what this backfill has set aside, and nothing else.
    #[arg(long, conflicts_with = "dry_run")]
    replay: bool,
    /// The result as one JSON object.
    #[arg(long)]
    json: bool,
    /// Most objects that are begun in a second.
    #[arg(long, value_name = "N")]
    max_rate: Option<NonZeroU32>,
}

/// A day or a time.
fn time(text: &str) -> Result<SystemTime, String> {
    // As a day, jiff takes the day of any time.
    let is_day = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = || Some(text.parse::<Date>().ok().filter(|_| is_day)?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let at = text.parse::<Timestamp>().ok().or_else(day);
    at.map(SystemTime::from).ok_or_else(|| {
        "expected a day or a time with its zone, as in `2026-01-15` or `2026-01-15T12:00:00Z`".to_owned()
    })
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let Options { documents, input, service, of_type, unit, bucket, prefix, region, from, to, by, json, .. } = options;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        bail!("nothing lies between: --from must be before --to, which is not in the range any more");
    }
    let by_name = matches!(by, By::Key);
    let past = Past { place: bucket, region, prefix, from, to, by_name, rate: options.max_rate };
    let wanted = WantedPast { input, service, of_type, unit, past };
    let id = wanted.id();
    let config = with_state_of_backfill(Config::load(documents)?, &id);
    let stop = CancellationToken::new();
    if options.dry_run {
        let backfilling = Box::pin(Backfilling::build(config, &wanted, parts_of(Arc::new(NoStore)), stop)).await?;
        return survey(&backfilling, json).await;
    }
    let folder = state_folder(&config).display().to_string();
    let store: Arc<Sqlite> = open_store(&config)?;
    let backfilling = Box::pin(Backfilling::build(config, &wanted, parts_of(store.clone()), stop.clone())).await?;
    info!(id, unit = %backfilling.unit().id, source = backfilling.unit().source, state = folder, "backfill");
    if options.replay {
        return Box::pin(replay(backfilling, store, &stop)).await;
    }
    let (ledger, progress) = (backfilling.ledger(), backfilling.progress());
    let watching = tokio::spawn(watch(progress.clone(), backfilling.survey()));
    let ended = until_stopped(Box::pin(backfilling.run()), &stop).await;
    watching.abort();
    _ = watching.await;
    if !ended? {
        return Ok(ExitCode::from(1));
    }
    for (filter, dropped) in ledger.dropped() {
        info!(%filter, events = dropped.events, bytes = dropped.bytes, "dropped by a filter");
    }
    let is_complete = progress.is_complete();
    tell(&id, &folder, progress.dealt(), is_complete, &ledger.total(), json)?;
    Ok(ExitCode::from(u8::from(!is_complete)))
}

/// Runs it until it ends, or is told to. Whether it ended in order.
async fn until_stopped(
    running: impl Future<Output = Result<(), CollectorError>>,
    stop: &CancellationToken,
) -> Result<bool> {
    let stopping = "stopping: no object is begun any more, what is under way is settled";
    Signals::listen()?
        .run(running, stop, stopping, "ended at once; what is not settled is given again by the next run")
        .await
}

/// Shows how far it is: as a bar on a terminal, and in log lines elsewhere.
async fn watch(progress: Arc<Progress>, survey: Arc<dyn Survey>) {
    // The total is asked for beside the work, which does not wait for it.
    let counting = tokio::spawn(async move { survey.survey().await });
    let is_terminal = stderr().is_terminal();
    let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(style("{spinner} {human_pos} objects, {msg}"));
    let (mut counting, mut total) = (Some(counting), None);
    let mut looks = 0;
    loop {
        tokio::time::sleep(TICK).await;
        if let Some(finished) = counting.take_if(|counting| counting.is_finished()) {
            match finished.await {
                Ok(Ok(days)) => {
                    let (objects, _) = sum(&days);
                    total = Some(objects);
                    bar.set_length(objects);
                    bar.set_style(style("{bar:30} {percent}% {human_pos}/{human_len} objects, {msg}, {eta} left"));
                }
                // The work meets it too, and says it.
                Ok(Err(failure)) => {
                    warn!(code = %failure.code, error = chain(&*failure.error), "how much there is cannot be counted")
                }
                Err(_) => {}
            }
        }
        let (objects, bytes) = progress.dealt();
        bar.set_position(objects);
        bar.set_message(size(bytes));
        looks += 1;
        if !is_terminal && looks % LOOKS == 0 {
            let eta = bar.length().map(|_| bar.eta().as_secs());
            info!(objects, of = total, bytes, seconds_left = eta, "backfill goes on");
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Bytes in words.
fn size(bytes: u64) -> String {
    const STEPS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let step = STEPS.iter().find(|(_, step)| bytes >= *step);
    step.map_or_else(|| format!("{bytes} bytes"), |(name, step)| format!("{:.1} {name}", bytes as f64 / *step as f64))
}

/// Objects that are read, and their bytes.
fn sum(days: &[Surveyed]) -> (u64, u64) {
    let read = days.iter().filter(|day| day.skipped.is_none());
    read.fold((0, 0), |(objects, bytes), day| (objects + day.objects, bytes + day.bytes))
}

async fn survey(backfilling: &Backfilling, json: bool) -> Result<ExitCode> {
    let unit = backfilling.unit();
    let days = backfilling.survey().survey().await.map_err(|failure| {
        anyhow::anyhow!("{} cannot be listed: {} [{}]", unit.source, failure.chain(), failure.code)
    })?;
    let (objects, bytes) = sum(&days);
    if json {
        let days = days.iter().map(|Surveyed { day, skipped, objects, bytes }| {
            json!({ "day": day, "skipped": skipped, "objects": objects, "bytes": bytes })
        });
        let days: Vec<_> = days.collect();
        let survey =
            json!({ "source": unit.source, "tag": unit.tag, "objects": objects, "bytes": bytes, "days": days });
        print(&format!("{survey}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{} -> {}\n", plain::line(&unit.source), plain::line(&unit.tag));
    for Surveyed { day, skipped, objects, bytes } in &days {
        let skipped = skipped.map(|why| format!("  not read: {why}")).unwrap_or_default();
        writeln!(text, "{day}  {objects} objects  {}{skipped}", size(*bytes))?;
    }
    writeln!(text, "{objects} objects, {bytes} bytes as they are stored, would be read")?;
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(id: &str, folder: &str, dealt: (u64, u64), is_complete: bool, total: &Counts, json: bool) -> Result<()> {
    let (objects, bytes) = dealt;
    if json {
        let result = json!({
            "id": id,
            "state": folder,
            "complete": is_complete,
            "objects": objects,
            "bytes": bytes,
            "ledger": {
                "pulled": total.pulled,
                "filtered": total.filtered,
                "quarantined": total.quarantined,
                "delivered": total.delivered(),
                "returned": total.returned,
            },
        });
        return Ok(print(&format!("{result}\n"))?);
    }
    let mut text = match is_complete {
        true => format!("complete: {objects} objects ({}) are dealt with\n", size(bytes)),
        false => format!(
            "stopped: {objects} objects ({}) are dealt with; the same command goes on from there\n",
            size(bytes)
        ),
    };
    writeln!(
        text,
        "ledger of this run: {} events pulled, {} filtered, {} quarantined, {} delivered, {} returned",
        total.pulled,
        total.filtered,
        total.quarantined,
        total.delivered(),
        total.returned
    )?;
    if total.quarantined > 0 {
        writeln!(
            text,
            "what was set aside: `quittance quarantine list --backfill {id}`; the same command with --replay gives it once more"
        )?;
    }
    Ok(print(&text)?)
}

async fn replay(backfilling: Backfilling, store: Arc<Sqlite>, stop: &CancellationToken) -> Result<ExitCode> {
    let (given, left) = (AtomicU64::new(0), AtomicU64::new(0));
    let tell = |replayed: Replayed| {
        let Replayed { aside: Aside { id, address, .. }, result } = replayed;
        let address = address.escape_debug();
        // What is printed is of no more weight than what was done.
        _ = match result {
            Ok(()) => {
                given.fetch_add(1, Relaxed);
                print(&format!("{id}  delivered  {address}\n"))
            }
            Err((code, problem)) => {
                left.fetch_add(1, Relaxed);
                print(&format!("{id}  stays  {address}: {} [{code}]\n", plain::line(&problem)))
            }
        };
    };
    let in_order = until_stopped(Box::pin(backfilling.replay(store, tell)), stop).await?;
    let (given, left) = (given.into_inner(), left.into_inner());
    print(&format!("{given} delivered and out of the quarantine, {left} stay\n"))?;
    Ok(ExitCode::from(u8::from(left > 0 || !in_order || stop.is_cancelled())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning_and_a_time_has_its_zone() {
        assert_eq!(time("2026-01-15"), time("2026-01-15T00:00:00Z"));
        assert_eq!(time("2026-01-15T12:00:00+02:00"), time("2026-01-15T10:00:00Z"));
        for wrong in ["yesterday", "15.01.2026", "2026-01-15T12:00:00", ""] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_told_in_words() {
        assert_eq!([size(0), size(1023), size(1536), size(5 << 30)], ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 GiB"]);
    }
}
