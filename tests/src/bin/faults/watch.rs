//! What happens at the receiver and at the sources, and when.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    arrivals::{Arrival, Mark, Reader},
    aws::{AwsState, Counts},
    clock::{millis, now},
    load::{Load, Source},
};

/// Everything seen so far.
pub(crate) struct Watch {
    reader: Reader,
    /// When each event came, and where its line ends in the file.
    arrivals: Vec<(Instant, u64, Arrival)>,
    /// How often each came.
    seen: HashMap<Mark, u64>,
    /// Lines that are no event.
    pub(crate) strange: u64,
    /// When messages of a queue were seen deleted.
    deletes: Vec<(Instant, Source)>,
    queues: BTreeMap<String, Counts>,
    /// How often each API was called.
    pub(crate) calls: BTreeMap<String, u64>,
    /// When each source was seen to have nothing left.
    done: HashMap<Source, Instant>,
    missing: u64,
}

/// What arrived beside what must.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) missing: u64,
    pub(crate) duplicates: u64,
    pub(crate) duplicate_bytes: u64,
    pub(crate) unexpected: u64,
}

impl Watch {
    pub(crate) fn new(reader: Reader) -> Watch {
        Watch {
            reader,
            arrivals: Vec::new(),
            seen: HashMap::new(),
            strange: 0,
            deletes: Vec::new(),
            queues: BTreeMap::new(),
            calls: BTreeMap::new(),
            done: HashMap::new(),
            missing: 0,
        }
    }

    /// Takes in what has arrived since.
    pub(crate) fn look_at_receiver(&mut self) -> Result<()> {
        let at = now();
        for (end, arrival) in self.reader.news()? {
            match arrival {
                Some(arrival) => {
                    *self.seen.entry(arrival.mark).or_default() += 1;
                    self.arrivals.push((at, end, arrival));
                }
                None => self.strange += 1,
            }
        }
        Ok(())
    }

    /// Takes in how the sources stand.
    pub(crate) fn look_at_sources(&mut self, state: AwsState, load: &Load) {
        let at = now();
        self.missing = load.expected.keys().filter(|mark| !self.seen.contains_key(mark)).count() as u64;
        let mut open: Vec<Source> = Vec::new();
        for (mark, source) in &load.expected {
            if !open.contains(source) && !self.seen.contains_key(mark) {
                open.push(*source);
            }
        }
        for &source in &load.sources {
            let counts = source.queue().and_then(|queue| state.queues.get(queue)).copied().unwrap_or_default();
            let before = source.queue().and_then(|queue| self.queues.get(queue)).copied().unwrap_or_default();
            if counts.deleted > before.deleted {
                self.deletes.push((at, source));
            }
            if open.contains(&source) || counts.visible + counts.in_flight > 0 {
                self.done.remove(&source);
            } else {
                self.done.entry(source).or_insert(at);
            }
        }
        self.queues = state.queues;
        self.calls = state.calls;
    }

    /// Whether everything is at the receiver, and no queue holds a message.
    pub(crate) fn is_done(&self, load: &Load) -> bool {
        load.sources.iter().all(|source| self.done.contains_key(source))
    }

    /// Something was put into sources: they are no longer done.
    pub(crate) fn forget_done(&mut self) {
        self.done.clear();
    }

    /// Arrivals so far.
    pub(crate) fn arrived(&self) -> usize {
        self.arrivals.len()
    }

    /// Messages that became dead letters.
    pub(crate) fn dead(&self) -> u64 {
        self.queues.values().map(|counts| counts.dead).sum()
    }

    /// Compares what arrived with what must have.
    pub(crate) fn tally(&self, load: &Load) -> Tally {
        let mut tally = Tally::default();
        let mut first: HashMap<Mark, u64> = HashMap::new();
        for (_, _, arrival) in &self.arrivals {
            let times = first.entry(arrival.mark).or_default();
            *times += 1;
            if *times > 1 {
                tally.duplicates += 1;
                tally.duplicate_bytes += arrival.bytes;
            }
        }
        tally.missing = load.expected.keys().filter(|mark| !first.contains_key(mark)).count() as u64;
        tally.unexpected = first.keys().filter(|mark| !load.expected.contains_key(mark)).count() as u64;
        tally
    }

    /// Events that a source was made to forget before the receiver had them: by message, and how long the file of
    /// arrivals was at that moment.
    pub(crate) fn forgotten_early(&self, load: &Load, forgotten: &[(String, u64)]) -> u64 {
        let mut first: HashMap<Mark, u64> = HashMap::new();
        for (_, end, arrival) in &self.arrivals {
            first.entry(arrival.mark).or_insert(*end);
        }
        let events = forgotten.iter().filter_map(|(id, length)| Some((load.messages.get(id)?, *length)));
        events
            .flat_map(|(marks, length)| marks.iter().map(move |mark| (mark, length)))
            .filter(|(mark, length)| first.get(mark).is_none_or(|end| end > length))
            .count() as u64
    }

    /// Bytes that arrived and that no deleted message stands for.
    pub(crate) fn unforgotten_bytes(&self, load: &Load, forgotten: &[(String, u64)]) -> u64 {
        let gone: std::collections::HashSet<Mark> =
            forgotten.iter().filter_map(|(id, _)| load.messages.get(id)).flatten().copied().collect();
        let kept = self.arrivals.iter().filter(|(_, _, arrival)| !gone.contains(&arrival.mark));
        kept.map(|(_, _, arrival)| arrival.bytes).sum()
    }

    /// The longest time after `cleared` in which no event reached the receiver while one was still to come: from that moment,
    /// or an arrival, to the next arrival, until the last event had come for the first time.
    pub(crate) fn longest_silence(&self, cleared: Instant, load: &Load) -> Duration {
        let marks = self.arrivals.iter().map(|(at, ..)| *at);
        longest(cleared, marks, self.last_of(|mark| load.expected.contains_key(&mark)))
    }

    /// The longest time after `cleared` in which a source stood still with something left: no event of it arrived, and no
    /// message of it was deleted.
    pub(crate) fn longest_stall(&self, cleared: Instant, load: &Load) -> (Duration, Source) {
        let of = |source: Source| {
            let is_its = move |mark: &Mark| load.expected.get(mark) == Some(&source);
            let arrivals = self.arrivals.iter().filter(|(_, _, a)| is_its(&a.mark)).map(|(at, ..)| *at);
            let deletes = self.deletes.iter().filter(|(_, of)| *of == source).map(|(at, _)| *at);
            let end = match source.queue() {
                Some(_) => self.done.get(&source).copied().or_else(|| Some(now())),
                None => self.last_of(|mark| is_its(&mark)),
            };
            let mut marks: Vec<Instant> = arrivals.chain(deletes).collect();
            marks.sort_unstable();
            (longest(cleared, marks.into_iter(), end), source)
        };
        load.sources.iter().map(|source| of(*source)).max().unwrap_or((Duration::ZERO, Source::Objects))
    }

    /// When the last of these came for the first time.
    fn last_of(&self, which: impl Fn(Mark) -> bool) -> Option<Instant> {
        let mut seen = std::collections::HashSet::new();
        self.arrivals.iter().filter(|(_, _, a)| which(a.mark) && seen.insert(a.mark)).map(|(at, ..)| *at).last()
    }

    /// How it stands, for a message.
    pub(crate) fn describe(&self) -> String {
        format!("{} arrivals, {} events missing; queues: {:?}", self.arrivals.len(), self.missing, self.queues)
    }
}

/// The longest way between neighbours among `from`, the marks after it, and `end`.
fn longest(from: Instant, marks: impl Iterator<Item = Instant>, end: Option<Instant>) -> Duration {
    let Some(end) = end.filter(|end| *end > from) else { return Duration::ZERO };
    let (mut last, mut longest) = (from, Duration::ZERO);
    for mark in marks.filter(|mark| *mark > from && *mark <= end).chain([end]) {
        longest = longest.max(mark - last);
        last = mark;
    }
    // Looks are taken every few milliseconds.
    Duration::from_millis(millis(longest))
}
