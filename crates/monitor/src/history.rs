//! How much came and went lately, by unit, table and sender, in memory that is bounded.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::Subject;

/// Between two looks.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// Looks that a present rate is made of.
const WINDOW: usize = 6;

/// Looks that a point of a plot is made of.
pub(crate) const LOOKS_A_POINT: u64 = 5;

/// Points of a plot: twenty minutes.
pub(crate) const POINTS: usize = 240;

/// Tables that have a plot of their own.
const MOST_TABLES: usize = 48;

/// The rest of them.
pub(crate) const OTHER: &str = "other";

/// Events a second, and bytes a second.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) events: f64,
    pub(crate) bytes: f64,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    events: u64,
    bytes: u64,
}

impl Sum {
    fn since(self, before: Sum, seconds: f64) -> Rate {
        // What was counted may begin anew, with another configuration.
        let a_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds.max(0.001);
        Rate { events: a_second(self.events, before.events), bytes: a_second(self.bytes, before.bytes) }
    }
}

/// Everything at one moment.
#[derive(Default)]
struct Look {
    at: Option<Instant>,
    /// What each unit pulled.
    units: BTreeMap<String, Sum>,
    /// What was delivered for each table.
    tables: BTreeMap<String, Sum>,
    /// What each sender wrote.
    senders: BTreeMap<String, Sum>,
}

/// The last looks.
#[derive(Default)]
pub(crate) struct History {
    looks: VecDeque<Look>,
    taken: u64,
    /// Events a second of each table; the newest last.
    plots: BTreeMap<String, VecDeque<f32>>,
    at_point: Option<(Instant, BTreeMap<String, Sum>)>,
}

impl History {
    pub(crate) fn look(&mut self, subject: &Subject, now: Instant) {
        let mut look = Look { at: Some(now), ..Look::default() };
        for (unit, account) in subject.ledger.units() {
            let mut pulled = Sum::default();
            for (tag, counts) in account.snapshot() {
                pulled.events += counts.pulled;
                pulled.bytes += counts.bytes + counts.in_flight_bytes + counts.returned_bytes;
                let table = self.name(tag.table(), &look);
                let sum = look.tables.entry(table).or_default();
                sum.events += counts.delivered();
                sum.bytes += counts.bytes;
            }
            look.units.insert(unit.as_str().to_owned(), pulled);
        }
        for view in &subject.senders {
            let read = view.sender.counts().read();
            let name = format!("{}/{}", view.sender.name(), view.pool);
            look.senders.insert(name, Sum { events: read.events, bytes: read.bytes });
        }
        if self.taken.is_multiple_of(LOOKS_A_POINT) {
            self.point(&look, now);
        }
        self.taken += 1;
        self.looks.push_back(look);
        if self.looks.len() > WINDOW {
            self.looks.pop_front();
        }
    }

    fn name(&self, table: &str, look: &Look) -> String {
        let has_plot = self.plots.contains_key(table) || look.tables.contains_key(table);
        let is_one_of_few = has_plot || self.plots.len().max(look.tables.len()) < MOST_TABLES;
        if is_one_of_few { table.to_owned() } else { OTHER.to_owned() }
    }

    fn point(&mut self, look: &Look, now: Instant) {
        let before = self.at_point.replace((now, look.tables.clone()));
        let Some((at, before)) = before else { return };
        let seconds = (now - at).as_secs_f64();
        for (table, sum) in &look.tables {
            // Before its first event there was none.
            let plot = self.plots.entry(table.clone()).or_insert_with(|| VecDeque::from([0.0]));
            plot.push_back(sum.since(before.get(table).copied().unwrap_or_default(), seconds).events as f32);
            while plot.len() > POINTS {
                plot.pop_front();
            }
        }
        for (_, plot) in self.plots.iter_mut().filter(|(table, _)| !look.tables.contains_key(*table)) {
            plot.push_back(0.0);
            while plot.len() > POINTS {
                plot.pop_front();
            }
        }
    }

    fn rates(&self, of: impl Fn(&Look) -> &BTreeMap<String, Sum>) -> BTreeMap<String, Rate> {
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else { return BTreeMap::new() };
        let (Some(from), Some(to)) = (first.at, last.at) else { return BTreeMap::new() };
        let seconds = (to - from).as_secs_f64();
        let rate = |(name, sum): (&String, &Sum)| {
            let before = of(first).get(name).copied().unwrap_or_default();
            let rate = if seconds > 0.0 { sum.since(before, seconds) } else { Rate::default() };
            (name.clone(), rate)
        };
        of(last).iter().map(rate).collect()
    }

    /// What each unit pulls.
    pub(crate) fn units(&self) -> BTreeMap<String, Rate> {
        self.rates(|look| &look.units)
    }

    /// What is delivered for each table.
    pub(crate) fn tables(&self) -> BTreeMap<String, Rate> {
        self.rates(|look| &look.tables)
    }

    /// What each sender writes.
    pub(crate) fn senders(&self) -> BTreeMap<String, Rate> {
        self.rates(|look| &look.senders)
    }

    /// Events a second of each table over time; the newest last, of every [`LOOKS_A_POINT`] looks one.
    pub(crate) fn plots(&self) -> &BTreeMap<String, VecDeque<f32>> {
        &self.plots
    }
}
