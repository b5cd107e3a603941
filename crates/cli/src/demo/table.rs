//! What the demo shows: events by Devo table as they arrive, and the ledger at the end.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write, stdout},
    time::Duration,
};

use quittance_core::Ledger;
use quittance_testbed::sink::Snapshot;

use super::Report;

/// Rows shown while events flow; the end shows all.
const LIVE_ROWS: usize = 16;

pub(super) struct Table {
    events: u64,
    /// Whether to draw over and over: only on a terminal.
    live: bool,
    drawn: usize,
}

impl Table {
    pub(super) fn new(events: u64, wanted: bool) -> Self {
        Table { events, live: wanted && stdout().is_terminal(), drawn: 0 }
    }

    /// Draws over what was drawn before.
    pub(super) fn show(&mut self, snapshot: &Snapshot, elapsed: Duration) {
        if !self.live {
            return;
        }
        let mut lines = rows(snapshot, elapsed, LIVE_ROWS);
        let share = snapshot.totals.distinct as f64 / self.events.max(1) as f64;
        let filled = (share * 40.0) as usize;
        lines.push(format!(
            "[{}{}] {:3.0} %",
            "#".repeat(filled.min(40)),
            " ".repeat(40 - filled.min(40)),
            share * 100.0
        ));
        let mut out = stdout().lock();
        if self.drawn > 0 {
            _ = write!(out, "\x1b[{}A", self.drawn);
        }
        for line in &lines {
            _ = writeln!(out, "\x1b[2K{line}");
        }
        _ = out.flush();
        self.drawn = lines.len();
    }

    /// Every table, instead of what was drawn before.
    pub(super) fn all(&mut self, snapshot: &Snapshot, elapsed: Duration) {
        if self.drawn > 0 {
            print!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
        for line in rows(snapshot, elapsed, usize::MAX) {
            println!("{line}");
        }
    }

    /// The last word: every table, and the ledger beside the receiver's count.
    pub(super) fn end(&mut self, snapshot: &Snapshot, ledger: &Ledger, report: &Report) {
        self.all(snapshot, Duration::from_secs_f64(report.seconds));
        let total = ledger.total();
        println!();
        println!(
            "ledger    pulled {} = filtered {} + quarantined {} + delivered {} + returned {} + in flight {}",
            total.pulled,
            total.filtered,
            total.quarantined,
            total.delivered(),
            total.returned,
            total.in_flight
        );
        println!(
            "receiver  {} events, {} distinct, {} missing",
            report.sink_events, report.sink_distinct, report.missing
        );
        println!("{:.1} s, {} of memory at most", report.seconds, bytes(report.peak_rss_bytes));
    }
}

fn rows(snapshot: &Snapshot, elapsed: Duration, most: usize) -> Vec<String> {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let mut tables: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for tag in &snapshot.tags {
        let table = tag.tag.match_indices('.').nth(3).map_or(&*tag.tag, |(at, _)| &tag.tag[..at]);
        let row = tables.entry(table.to_owned()).or_default();
        row.0 += tag.events;
        row.1 += tag.bytes;
    }
    let mut sorted: Vec<_> = tables.into_iter().collect();
    sorted.sort_by_key(|(_, row)| std::cmp::Reverse(*row));
    let row = |name: &str, events: u64, size: u64| {
        format!("{name:<44}{events:>12}{:>12}{:>12.0}", bytes(size), events as f64 / seconds)
    };
    let mut lines = vec![format!("{:<44}{:>12}{:>12}{:>12}", "Devo table", "events", "bytes", "events/s")];
    lines.extend(sorted.iter().take(most).map(|(name, (events, size))| row(name, *events, *size)));
    if sorted.len() > most {
        lines.push(format!("and {} more", sorted.len() - most));
    }
    lines.push(row("all", snapshot.totals.events, snapshot.totals.bytes));
    lines
}

fn bytes(n: u64) -> String {
    match n {
        0..1_048_576 => format!("{:.0} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}
