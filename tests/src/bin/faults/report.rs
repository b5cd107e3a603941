//! What many rounds of a class have shown.

use serde::Serialize;

use crate::{clock::millis, round::Outcome};

/// A row of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    class: &'static str,
    rounds: u64,
    events: u64,
    missing: u64,
    #[serde(skip_serializing_if = "is_none")]
    quarantined: u64,
    duplicates: u64,
    /// Of one round.
    median_duplicates: u64,
    worst_duplicates: u64,
    worst_duplicate_bytes: u64,
    /// The most bytes that may have come again in that round.
    bound_bytes: u64,
    longest_silence_ms: u64,
    longest_stall_ms: u64,
    stalled: &'static str,
    longest_round_ms: u64,
    /// Rounds in which something was that must not be.
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdk_events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdk_missing: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Row {
    /// The sum of a class's rounds.
    pub(crate) fn new(class: &'static str, outcomes: &[Outcome]) -> Row {
        let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
        let mut duplicates: Vec<u64> = outcomes.iter().map(|outcome| outcome.duplicates).collect();
        duplicates.sort_unstable();
        let worst = outcomes.iter().max_by_key(|outcome| outcome.duplicate_bytes);
        let stalled = outcomes.iter().max_by_key(|outcome| outcome.stall);
        let sdk = outcomes.iter().any(|outcome| outcome.sdk.is_some());
        Row {
            class,
            rounds: outcomes.len() as u64,
            events: sum(|outcome| outcome.events),
            missing: sum(|outcome| outcome.missing),
            quarantined: sum(|outcome| outcome.quarantined),
            duplicates: sum(|outcome| outcome.duplicates),
            median_duplicates: duplicates.get(duplicates.len() / 2).copied().unwrap_or_default(),
            worst_duplicates: duplicates.last().copied().unwrap_or_default(),
            worst_duplicate_bytes: worst.map_or(0, |outcome| outcome.duplicate_bytes),
            bound_bytes: worst.map_or(0, |outcome| outcome.bound_bytes),
            longest_silence_ms: outcomes.iter().map(|outcome| millis(outcome.silence)).max().unwrap_or_default(),
            longest_stall_ms: stalled.map_or(0, |outcome| millis(outcome.stall)),
            stalled: stalled.map_or("", |outcome| outcome.stalled),
            longest_round_ms: outcomes.iter().map(|outcome| millis(outcome.took)).max().unwrap_or_default(),
            failed: outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count() as u64,
            sdk_events: sdk.then(|| sum(|outcome| outcome.sdk.map_or(0, |(events, _)| events))),
            sdk_missing: sdk.then(|| sum(|outcome| outcome.sdk.map_or(0, |(_, missing)| missing))),
        }
    }

    /// Whether nothing was that must not be.
    pub(crate) fn is_well(&self) -> bool {
        self.failed == 0 && self.missing == 0
    }
}

/// A table for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = [
        "class",
        "rounds",
        "events",
        "missing",
        "duplicates",
        "median",
        "worst",
        "bytes",
        "of at most",
        "silence ms",
        "stall ms",
        "stalled",
        "round ms",
        "sdk events",
        "sdk missing",
    ];
    let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let sdk = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let mut line = vec![row.class.to_owned()];
        let counts = [
            row.rounds,
            row.events,
            row.missing,
            row.duplicates,
            row.median_duplicates,
            row.worst_duplicates,
            row.worst_duplicate_bytes,
            row.bound_bytes,
            row.longest_silence_ms,
            row.longest_stall_ms,
        ];
        line.extend(counts.map(|count| count.to_string()));
        line.extend([row.stalled.to_owned(), row.longest_round_ms.to_string()]);
        line.extend([sdk(row.sdk_events), sdk(row.sdk_missing)]);
        lines.push(line);
    }
    let widths: Vec<usize> =
        (0..head.len()).map(|at| lines.iter().map(|line| line[at].len()).max().unwrap_or_default()).collect();
    let mut text = String::new();
    for line in lines {
        for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
            match at {
                0 => text.push_str(&format!("{cell:width$}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push('\n');
    }
    text
}
