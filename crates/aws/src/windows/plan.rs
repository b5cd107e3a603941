//! What is asked next of one cursor, and how far it is confirmed: a state without I/O.
//!
//! *Polls* go forward and are quick; *sweeps* reach back and are complete. A sweep that begins at `W` after one that began
//! at `V` asks from `V - lateness` on: whatever was shown after `V`, and no later than `lateness` after it happened,
//! happened after that. So nothing falls between two sweeps, however long a stop or an outage lay between them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use quittance_core::{Change, planted};

use crate::windows::{Cadence, Window};

#[cfg(test)]
mod fuzz;

/// Windows of one lane that may wait for their receipts: more says that nothing is confirmed.
const MOST_OPEN: usize = 64;

/// The share of its most pages that a window is meant to have.
const MEANT: f64 = 0.75;

/// How fast windows grow again when there is less to see.
const GROWTH: f64 = 1.25;

/// How far a clock may go back before what was planned by it is planned anew.
const CLOCK_STEP: i64 = 60_000;

/// What outlives a run; all times in milliseconds since the epoch.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Checkpoint {
    /// Nothing that happened earlier is wanted.
    pub(super) floor: i64,
    /// Everything before it was polled, and has its receipt.
    pub(super) frontier: i64,
    /// When the last whole sweep of each kind began.
    pub(super) swept: Vec<i64>,
}

/// What no run has written: times that are none, or nothing between where it began and where it is.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} can be no checkpoint")]
struct NoCheckpoint(Checkpoint);

impl Checkpoint {
    /// Reads one that was written down. Whatever was not written by a run is an error, as is what is no JSON.
    pub(super) fn read(text: &str) -> Result<Checkpoint, Box<dyn std::error::Error + Send + Sync>> {
        let read: Checkpoint = serde_json::from_str(text)?;
        let is_time = |at: &i64| jiff::Timestamp::from_millisecond(*at).is_ok();
        let all_are_times = [read.floor, read.frontier].iter().chain(&read.swept).all(is_time);
        if all_are_times && read.floor <= read.frontier { Ok(read) } else { Err(NoCheckpoint(read).into()) }
    }

    /// What writes it down for `cursor`.
    pub(super) fn change(&self, cursor: &str) -> Change {
        let value = serde_json::to_string(self).expect("numbers are JSON");
        Change::Checkpoint { cursor: cursor.to_owned(), value }
    }
}

/// The number of an open window.
pub(super) type Number = u64;

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Ask for a window.
    Ask(Number, Window),
    /// Nothing, until then, or until a receipt comes.
    Wait(i64),
}

/// A window that was planned and is not confirmed.
#[derive(Clone, PartialEq, Hash, Debug)]
struct Open {
    number: Number,
    window: Window,
    /// Whether its last page was seen.
    read: bool,
    /// Batches without a settlement, by the earliest time of their events.
    lent: BTreeMap<i64, usize>,
    /// Whether something of it came back, or could not be given.
    owed: bool,
    /// The earliest time of what came back, until it was given again.
    owed_from: Option<i64>,
    /// When it may be asked again.
    not_before: i64,
}

impl Open {
    fn is_done(&self) -> bool {
        self.read && (self.lent.is_empty() && !self.owed || planted("checkpoint-early"))
    }

    fn is_due(&self, now: i64) -> bool {
        self.not_before <= now && (!self.read || self.owed && self.lent.is_empty())
    }

    /// The earliest time of events that it has given, or owes.
    fn unsettled_from(&self) -> Option<i64> {
        self.lent.keys().next().copied().into_iter().chain(self.owed_from).min()
    }
}

/// A sweep under way.
#[derive(Clone, Copy, PartialEq, Hash, Debug)]
struct Run {
    began: i64,
    next: i64,
    end: i64,
    /// The earliest time of what the one before it has left owed.
    owed_from: Option<i64>,
}

/// Plans the windows of one cursor.
#[derive(Clone, PartialEq, Hash, Debug)]
pub(super) struct Plan {
    cadence: Cadence,
    checkpoint: Checkpoint,
    /// The longest window that is asked for at once: no longer than lately fitted into its pages.
    span: i64,
    /// Polls were planned up to here.
    asked: i64,
    /// The polls before it have nothing left to give; another window may have events of that time still on their way.
    polled_to: i64,
    next_poll: i64,
    /// Polls, then each kind of sweep; every lane in the order of time.
    lanes: Vec<VecDeque<Open>>,
    runs: Vec<Option<Run>>,
    /// What is remembered reaches back to here: to ask for more would repeat it.
    reach: i64,
    /// Nothing is asked before then.
    paused: i64,
    /// Whether the last step was a poll: then it is the sweeps' turn.
    polled: bool,
    /// Whether nothing was polled yet: what the last run had in hand is looked for again.
    fresh: bool,
    numbers: Number,
}

impl Plan {
    /// Goes on from `checkpoint`.
    pub(super) fn new(cadence: Cadence, mut checkpoint: Checkpoint, now: i64) -> Plan {
        // A kind of sweep that is new makes up for what it has not seen.
        checkpoint.swept.resize(cadence.sweeps.len(), checkpoint.frontier.min(now));
        let lanes = (0..=cadence.sweeps.len()).map(|_| VecDeque::new()).collect();
        let grain = millis(cadence.grain).max(1);
        Plan {
            runs: vec![None; cadence.sweeps.len()],
            span: millis(cadence.longest),
            asked: checkpoint.frontier - checkpoint.frontier.rem_euclid(grain),
            polled_to: checkpoint.frontier,
            next_poll: now,
            lanes,
            reach: i64::MIN,
            paused: i64::MIN,
            polled: false,
            fresh: true,
            numbers: 0,
            checkpoint,
            cadence,
        }
    }

    /// How it is asked.
    pub(super) fn cadence(&self) -> &Cadence {
        &self.cadence
    }

    /// How far it is confirmed.
    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Milliseconds by which confirmed polls are behind the youngest time that is asked for.
    pub(super) fn lag(&self, now: i64) -> i64 {
        (self.target(now) - self.checkpoint.frontier).max(0)
    }

    /// The earliest time that may still be asked for.
    pub(super) fn needs_from(&self) -> i64 {
        let sweeps = self.cadence.sweeps.iter().zip(&self.checkpoint.swept);
        let sweeps = sweeps.map(|(sweep, swept)| swept - millis(sweep.lateness));
        let poll = self.checkpoint.frontier - millis(self.cadence.overlap);
        self.down(sweeps.chain([poll]).min().unwrap_or(poll).max(self.checkpoint.floor))
    }

    /// From now on nothing earlier is asked again: it is no longer remembered.
    pub(super) fn set_reach(&mut self, reach: i64) {
        self.reach = self.reach.max(reach);
        // It outlives the run: what is forgotten stays so. What was never polled is not concerned.
        let confirmed = self.forgotten_before();
        self.checkpoint.floor = self.checkpoint.floor.max(confirmed);
        let up = self.down(confirmed + millis(self.cadence.grain).max(1) - 1);
        for run in self.runs.iter_mut().flatten() {
            run.next = run.next.max(up);
        }
    }

    /// What is new and happened before then was seen, and is no longer remembered.
    pub(super) fn forgotten_before(&self) -> i64 {
        self.reach.min(self.checkpoint.frontier)
    }

    /// Nothing is asked before `until`.
    pub(super) fn pause(&mut self, until: i64) {
        self.paused = until;
    }

    /// Plans anew what was planned by a clock that was ahead; `began` is when the first run did, if this is it. Whether it was.
    pub(super) fn follow_clock_back(&mut self, now: i64, began: Option<i64>) -> bool {
        if self.asked <= now + CLOCK_STEP {
            return false;
        }
        let target = self.down(self.target(now).min(began.unwrap_or(i64::MAX)));
        self.asked = target;
        self.checkpoint.frontier = self.checkpoint.frontier.min(target);
        self.polled_to = self.polled_to.min(target);
        self.checkpoint.floor = self.checkpoint.floor.min(target);
        (self.next_poll, self.paused, self.fresh) = (now, i64::MIN, true);
        // What it took for swept was not there yet.
        self.runs.fill(None);
        for (swept, sweep) in self.checkpoint.swept.iter_mut().zip(&self.cadence.sweeps) {
            *swept = (*swept).min(now - millis(sweep.lateness));
        }
        self.lanes.iter_mut().flatten().for_each(|open| open.not_before = i64::MIN);
        true
    }

    /// What to do now.
    pub(super) fn next(&mut self, now: i64) -> Step {
        if now < self.paused {
            return Step::Wait(self.paused);
        }
        // Polls are quick and come first, but each leaves a turn to the sweeps, which make the promise.
        if std::mem::take(&mut self.polled)
            && let Some(step) = self.next_sweep(now)
        {
            return step;
        }
        if let Some(step) = self.next_poll(now) {
            self.polled = true;
            return step;
        }
        self.next_sweep(now).unwrap_or_else(|| self.wait(now))
    }

    fn next_poll(&mut self, now: i64) -> Option<Step> {
        self.due(0, now).or_else(|| {
            let window = self.poll(now)?;
            Some(self.open(0, window))
        })
    }

    fn next_sweep(&mut self, now: i64) -> Option<Step> {
        (0..self.runs.len()).find_map(|sweep| {
            self.due(sweep + 1, now).or_else(|| {
                let window = self.sweep(sweep, now)?;
                Some(self.open(sweep + 1, window))
            })
        })
    }

    /// The oldest window of a lane that is to be asked, or asked again.
    fn due(&mut self, lane: usize, now: i64) -> Option<Step> {
        let at = self.lanes[lane].iter().position(|open| open.is_due(now))?;
        Some(self.ask(lane, at))
    }

    /// Asks for a window, or for as much of it as is likely to fit.
    fn ask(&mut self, lane: usize, at: usize) -> Step {
        let Window { from, to } = self.lanes[lane][at].window;
        let end = self.down(from + self.span).max(from + millis(self.cadence.grain).max(1));
        if end < to {
            self.cut(lane, at, end);
        }
        Step::Ask(self.lanes[lane][at].number, self.lanes[lane][at].window)
    }

    /// What was given of the window stays with its first part, which is not done before that is settled.
    fn cut(&mut self, lane: usize, at: usize, middle: i64) {
        let Window { from, to } = self.lanes[lane][at].window;
        let first = &mut self.lanes[lane][at];
        first.window = Window { from, to: middle };
        let owed_from = first.owed_from.map(|owed| owed.max(middle));
        let second = Open { owed_from, ..self.planned(Window { from: middle, to }) };
        self.lanes[lane].insert(at + 1, second);
    }

    fn wait(&self, now: i64) -> Step {
        let again = self.lanes.iter().flatten().filter(|open| open.not_before > now).map(|open| open.not_before);
        let sweeps = self.cadence.sweeps.iter().zip(&self.checkpoint.swept);
        let sweeps = sweeps.map(|(sweep, swept)| swept + millis(sweep.every)).filter(|due| *due > now);
        // A full lane waits for its receipts.
        let poll = (self.lanes[0].len() < MOST_OPEN).then_some(self.next_poll);
        let soonest = again.chain(sweeps).chain(poll).min().unwrap_or(now + millis(self.cadence.period));
        Step::Wait(soonest.max(now + 1))
    }

    fn open(&mut self, lane: usize, window: Window) -> Step {
        let open = self.planned(window);
        self.lanes[lane].push_back(open);
        self.ask(lane, self.lanes[lane].len() - 1)
    }

    fn planned(&mut self, window: Window) -> Open {
        self.numbers += 1;
        Open {
            number: self.numbers,
            window,
            read: false,
            lent: BTreeMap::new(),
            owed: false,
            owed_from: None,
            not_before: i64::MIN,
        }
    }

    fn poll(&mut self, now: i64) -> Option<Window> {
        let (target, longest) = (self.target(now), millis(self.cadence.longest));
        let behind = target - self.asked;
        let is_backlog = behind > millis(self.cadence.period) * 2;
        if behind <= 0 || self.lanes[0].len() >= MOST_OPEN || (now < self.next_poll && !is_backlog) {
            if behind <= 0 && now >= self.next_poll {
                self.next_poll = now + millis(self.cadence.period);
            }
            return None;
        }
        // Whoever is behind has no time to look back; what came late meanwhile is the sweeps' to find.
        let looks_back = !is_backlog || std::mem::take(&mut self.fresh);
        let overlap = if looks_back { millis(self.cadence.overlap) } else { 0 };
        let from = (self.asked - overlap).max(self.checkpoint.floor).max(self.reach.min(self.asked));
        let to = target.min(self.asked + longest);
        self.asked = to;
        self.next_poll = now + millis(self.cadence.period);
        let from = if planted("poll-skips-its-end") { to - 1000 } else { from };
        Some(Window { from: self.down(from), to })
    }

    fn sweep(&mut self, sweep: usize, now: i64) -> Option<Window> {
        if self.lanes[sweep + 1].len() >= MOST_OPEN {
            return None;
        }
        let of = self.cadence.sweeps[sweep];
        // One that cannot be made whole must not keep what comes late from being found: it begins again.
        let is_stuck = |run: Run| run.next >= run.end && now >= run.began + millis(of.every);
        let mut owed_from = None;
        if let Some(run) = self.runs[sweep].filter(|run| is_stuck(*run))
            && self.lanes[sweep + 1].iter().all(|open| open.lent.is_empty())
        {
            let left = self.lanes[sweep + 1].drain(..).filter_map(|open| open.owed_from);
            owed_from = left.chain(run.owed_from).min();
            self.runs[sweep] = None;
        }
        if self.runs[sweep].is_none() && now >= self.checkpoint.swept[sweep] + millis(of.every) {
            let lateness = if planted("sweep-skips-its-beginning") { 0 } else { millis(of.lateness) };
            let from = self.checkpoint.swept[sweep] - lateness;
            let known = self.cadence.horizon.map_or(i64::MIN, |horizon| now - millis(horizon));
            let next = self.down(from.max(self.checkpoint.floor).max(self.reach).max(known));
            self.runs[sweep] = Some(Run { began: now, next, end: self.asked, owed_from });
        }
        let run = self.runs[sweep].as_mut()?;
        if run.next >= run.end {
            self.settle_sweep(sweep);
            return None;
        }
        let window = Window { from: run.next, to: run.end.min(run.next + millis(self.cadence.longest)) };
        run.next = window.to;
        Some(window)
    }

    /// The youngest time that is asked for.
    fn target(&self, now: i64) -> i64 {
        self.down(now - millis(self.cadence.delay))
    }

    /// Skips what the API no longer knows; the range that is lost, if there is one.
    pub(super) fn skip_beyond_horizon(&mut self, now: i64) -> Option<Window> {
        let known = self.down(now - millis(self.cadence.horizon?));
        let window = Window { from: self.asked, to: known };
        if known <= self.asked {
            return None;
        }
        self.asked = known;
        if self.lanes[0].is_empty() {
            self.polled_to = known;
            self.advance();
        }
        Some(window)
    }

    /// Aligned to the grain.
    fn down(&self, at: i64) -> i64 {
        let grain = millis(self.cadence.grain).max(1);
        at - at.rem_euclid(grain)
    }

    /// Cuts a window that shows too many events into two, both to be asked anew. Whether that was possible.
    pub(super) fn split(&mut self, number: Number) -> bool {
        let Some((lane, at)) = self.find(number) else { return false };
        let Window { from, to } = self.lanes[lane][at].window;
        let middle = self.down(from + (to - from) / 2);
        if middle <= from {
            return false;
        }
        self.cut(lane, at, middle);
        if planted("split-loses-the-middle") {
            self.lanes[lane][at + 1].window.from = (middle + 30_000).min(to);
        }
        self.span = self.span.min(middle - from);
        true
    }

    /// A window was read to its end in so many pages: those to come are as long as seems to fit.
    pub(super) fn fitted(&mut self, window: Window, pages: u32) {
        let Some(most) = self.cadence.most_pages else { return };
        let grown = (self.span as f64 * GROWTH).min(millis(self.cadence.longest) as f64);
        let span = match f64::from(pages) / f64::from(most) {
            // A few pages of a short window tell nothing of a long one.
            filled if filled < MEANT / 2.0 => grown,
            filled => grown.min((window.to - window.from) as f64 * MEANT / filled),
        };
        self.span = (span as i64).max(millis(self.cadence.grain)).max(1);
    }

    /// A batch of the window was given, of events of that time.
    pub(super) fn lent(&mut self, number: Number, times: Window) {
        if let Some(open) = self.get(number) {
            *open.lent.entry(times.from).or_default() += 1;
        }
    }

    /// A batch of events of that time was settled; if not every output has them, they may be given again from `again` on.
    pub(super) fn settled(&mut self, number: Number, times: Window, again: Option<i64>) {
        if let Some(open) = self.get(number)
            && let Some(batches) = open.lent.get_mut(&times.from)
        {
            *batches -= 1;
            open.lent.retain(|_, batches| *batches > 0);
        }
        if let Some(again) = again {
            // The window may have been cut since: whichever part shows the events gives them again.
            let overlaps = |window: Window| window.from < times.to && times.from < window.to;
            for open in self.lanes.iter_mut().flatten().filter(|open| overlaps(open.window)) {
                open.owed = !planted("owed-range-not-asked");
                open.owed_from = Some(open.owed_from.map_or(times.from, |from| from.min(times.from)));
                open.not_before = open.not_before.max(again);
            }
        }
        self.advance();
    }

    /// The asking of a window begins.
    pub(super) fn asking(&mut self, number: Number) {
        if let Some(open) = self.get(number) {
            open.read = false;
            open.owed = false;
        }
    }

    /// Its last page was seen; `left` if something of it could not be given.
    pub(super) fn read(&mut self, number: Number, left: bool, not_before: i64) {
        if let Some(open) = self.get(number) {
            open.read = true;
            open.owed |= left;
            if !open.owed {
                open.owed_from = None;
            }
            // What came back meanwhile may have to wait for longer.
            open.not_before = open.not_before.max(not_before);
        }
        self.advance();
    }

    /// It could not be asked to its end.
    pub(super) fn failed(&mut self, number: Number, not_before: i64) {
        if let Some(open) = self.get(number) {
            open.not_before = not_before;
        }
    }

    /// Whether every batch has its settlement.
    pub(super) fn is_quiet(&self) -> bool {
        self.lanes.iter().flatten().all(|open| open.lent.is_empty())
    }

    fn advance(&mut self) {
        while let Some(open) = self.lanes[0].pop_front_if(|open| open.is_done()) {
            self.polled_to = self.polled_to.max(open.window.to);
        }
        // Windows overlap: what one has shown may be on its way by another.
        let unsettled = self.lanes.iter().flatten().filter_map(Open::unsettled_from);
        let left = self.runs.iter().flatten().filter_map(|run| run.owed_from);
        let confirmed = unsettled.chain(left).fold(self.polled_to, i64::min);
        self.checkpoint.frontier = self.checkpoint.frontier.max(confirmed);
        self.lanes.iter_mut().for_each(merge_done);
        for sweep in 0..self.runs.len() {
            while self.lanes[sweep + 1].pop_front_if(|open| open.is_done()).is_some() {}
            self.settle_sweep(sweep);
        }
    }

    fn settle_sweep(&mut self, sweep: usize) {
        let is_whole = |run: &mut Run| run.next >= run.end;
        if self.lanes[sweep + 1].is_empty()
            && let Some(run) = self.runs[sweep].take_if(is_whole)
        {
            self.checkpoint.swept[sweep] = run.began;
        }
    }

    fn find(&self, number: Number) -> Option<(usize, usize)> {
        let places = self.lanes.iter().enumerate();
        places.filter_map(|(l, lane)| Some((l, lane.iter().position(|open| open.number == number)?))).next()
    }

    fn get(&mut self, number: Number) -> Option<&mut Open> {
        self.lanes.iter_mut().flatten().find(|open| open.number == number)
    }
}

/// Makes one of neighbours that are done behind one that is not, so that a window that cannot be finished does not fill
/// its lane.
fn merge_done(lane: &mut VecDeque<Open>) {
    let mut at = 1;
    while at + 1 < lane.len() {
        if !lane[at].is_done() || !lane[at + 1].is_done() {
            at += 1;
            continue;
        }
        if let Some(next) = lane.remove(at + 1) {
            let window = &mut lane[at].window;
            *window = Window { from: window.from.min(next.window.from), to: window.to.max(next.window.to) };
        }
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
