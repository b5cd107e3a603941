//! What of an object is still owed.

use std::ops::Range;

use quittance_core::{OutputSet, planted};

/// Events of one object that must be given, by ordinal, and the outputs that lack them. Ranges are disjoint and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed(Vec<(Range<u64>, OutputSet)>);

impl Owed {
    /// Everything, to every output of `to`.
    pub fn all(to: OutputSet) -> Self {
        Owed(vec![(0..u64::MAX, to)])
    }

    /// What was written down of a collector with so many outputs: first ordinals, those one past the last, and outputs as
    /// bits. `None` if no collector can have written it.
    pub(crate) fn stored(ranges: &[(u64, u64, u64)], outputs: usize) -> Option<Self> {
        let mut owed = Owed::default();
        let mut before = 0;
        for (start, end, to) in ranges {
            let to = OutputSet::from_bits(*to);
            if *start < before || start >= end || to.is_empty() || to != to.and(OutputSet::first(outputs)) {
                return None;
            }
            owed.add(*start..*end, to);
            before = *end;
        }
        Some(owed)
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a range that is not owed yet.
    pub fn add(&mut self, events: Range<u64>, to: OutputSet) {
        if events.is_empty() || to.is_empty() {
            return;
        }
        let at = self.0.partition_point(|(range, _)| range.start < events.start);
        self.0.insert(at, (events, to));
        // Neighbours for the same outputs become one.
        let mut merge = |left: usize| {
            if let Some([(a, a_to), (b, b_to)]) = self.0.get(left..left + 2).map(|pair| [&pair[0], &pair[1]])
                && a.end == b.start
                && a_to == b_to
            {
                self.0[left].0.end = b.end;
                self.0.remove(left + 1);
            }
        };
        merge(at);
        if at > 0 {
            merge(at - 1);
        }
    }

    /// What is left from ordinal `from` on.
    pub fn from(mut self, from: u64) -> Self {
        self.0.retain_mut(|(range, _)| {
            range.start = range.start.max(from);
            !range.is_empty()
        });
        self
    }

    /// The events in `events` are owed to no output but those in `to`, if they were owed at all.
    pub fn narrow(&mut self, events: Range<u64>, to: OutputSet) {
        let (mut before, mut within, mut after) = (Owed::default(), Owed::default(), Owed::default());
        let end = if planted("receipt-narrows-all-that-follows") { u64::MAX } else { events.end };
        let events = events.start..end;
        for (range, owed) in std::mem::take(&mut self.0) {
            before.add(range.start..range.end.min(events.start), owed);
            within.add(range.start.max(events.start)..range.end.min(events.end), owed.and(to));
            after.add(range.start.max(events.end)..range.end, owed);
        }
        *self = before;
        self.join(within);
        self.join(after);
    }

    /// The ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Range<u64>, OutputSet)> {
        self.0.iter()
    }

    /// Joins what another holds; the two have nothing in common.
    pub fn join(&mut self, other: Owed) {
        other.0.into_iter().for_each(|(range, to)| self.add(range, to));
    }

    /// Whom the event at `ordinal` is owed to. `hint` is kept between calls with rising ordinals, so that a pass over
    /// an object costs nothing more.
    pub fn to(&self, ordinal: u64, hint: &mut usize) -> OutputSet {
        while let Some((range, to)) = self.0.get(*hint) {
            if ordinal < range.start {
                return OutputSet::NONE;
            }
            if ordinal < range.end {
                return *to;
            }
            *hint += 1;
        }
        OutputSet::NONE
    }
}
