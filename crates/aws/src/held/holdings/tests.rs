//! Random lives of held messages, beside a reference that only knows which event was delivered to whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use fastrand::Rng;
use quittance_core::Debt;

use super::*;

const OUTPUTS: usize = 2;

/// What an item really holds.
#[derive(Clone, Copy)]
struct Truth {
    events: u64,
    /// From here on nothing can be read.
    dead_from: Option<u64>,
}

/// An item by message id and place.
type Address = (usize, usize);

struct Life {
    rng: Rng,
    now: Instant,
    holdings: Holdings<Address>,
    truth: BTreeMap<Address, Truth>,
    /// Events by the outputs that have them.
    delivered: BTreeSet<(Address, u64, usize)>,
    /// The same for those under way.
    out: BTreeSet<(Address, u64, usize)>,
    debts: Vec<(Address, Debt, OutputSet)>,
    passes: Vec<(Address, ItemKey, PassEnd, bool)>,
    parked: Vec<ItemKey>,
    keys: BTreeMap<MessageKey, usize>,
    concluded: Vec<usize>,
    remembered: BTreeMap<usize, Vec<Progress>>,
    next: usize,
}

impl Life {
    fn new(seed: u64) -> Life {
        #[allow(clippy::disallowed_methods, reason = "any moment will do")]
        let now = Instant::now();
        Life {
            rng: Rng::with_seed(seed),
            now,
            holdings: Holdings::new(OutputSet::first(OUTPUTS)),
            truth: BTreeMap::new(),
            delivered: BTreeSet::new(),
            out: BTreeSet::new(),
            debts: Vec::new(),
            passes: Vec::new(),
            parked: Vec::new(),
            keys: BTreeMap::new(),
            concluded: Vec::new(),
            remembered: BTreeMap::new(),
            next: 0,
        }
    }

    fn step(&mut self, more: bool) {
        self.now += Duration::from_millis(self.rng.u64(..40_000));
        match self.rng.u8(..10) {
            0 if more => self.receive(),
            1..4 => self.begin(),
            4..6 => self.end_pass(),
            6..9 => self.settle(more),
            _ => self.release(),
        }
    }

    fn receive(&mut self) {
        let message = self.next;
        self.next += 1;
        for place in 0..self.rng.usize(..4) {
            let events = self.rng.u64(..12);
            let dead_from = (events > 0 && self.rng.u8(..5) == 0).then(|| self.rng.u64(..events));
            self.truth.insert((message, place), Truth { events, dead_from });
        }
        self.hold(message);
    }

    fn hold(&mut self, message: usize) {
        let items: Vec<_> = self.items(message).map(|address| (1, address)).collect();
        let (bytes, count) = (self.holdings.bytes(), items.len());
        let progress = self.remembered.remove(&message);
        let (key, outcome) = self.holdings.hold(arrival(&message.to_string()), items, progress, self.now);
        assert_eq!(self.holdings.bytes(), bytes + count);
        self.keys.insert(key, message);
        self.conclude(outcome);
    }

    fn items(&self, message: usize) -> impl Iterator<Item = Address> {
        self.truth.range((message, 0)..(message + 1, 0)).map(|(address, _)| *address)
    }

    /// Begins an item, and does what a pass does: lends debts for a part of what is owed.
    fn begin(&mut self) {
        let Some((item, what)) = self.holdings.next(self.now) else { return };
        let address = **what;
        if self.rng.u8(..8) == 0 {
            self.holdings.park(item);
            self.parked.push(item);
            return;
        }
        let task = self.holdings.begin(item).expect("it was just named");
        let Truth { events, dead_from } = self.truth[&address];
        let breaks = (self.rng.u8(..4) == 0).then(|| self.rng.u64(..=events));
        let end = dead_from.unwrap_or(events).min(breaks.unwrap_or(events));
        let (mut lent, mut hint) = (0, 0);
        let mut ordinal = 0;
        while ordinal < end {
            let to = task.owed.to(ordinal, &mut hint);
            let (from, most) = (ordinal, ordinal + self.rng.u64(1..4));
            let mut probe = hint;
            while ordinal < end.min(most) && task.owed.to(ordinal, &mut probe) == to {
                ordinal += 1;
            }
            if !to.is_empty() {
                self.lend(address, item, from..ordinal, to);
                lent += 1;
            }
        }
        let whole = end == events;
        let rest = if whole { Owed::default() } else { task.owed.from(end) };
        let end = PassEnd { lent, rest, version: None, reached: end, result: Ok(()) };
        self.passes.push((address, item, end, whole));
    }

    fn lend(&mut self, address: Address, item: ItemKey, events: Range<u64>, to: OutputSet) {
        for event in events.clone() {
            for output in (0..OUTPUTS).filter(|output| to.contains(*output)) {
                let given = (address, event, output);
                assert!(!self.delivered.contains(&given), "{given:?} was delivered already");
                assert!(self.out.insert(given), "{given:?} is under way already");
            }
        }
        self.debts.push((address, Debt { item, events }, to));
    }

    fn end_pass(&mut self) {
        if self.passes.is_empty() {
            return;
        }
        let at = self.rng.usize(..self.passes.len());
        let (address, item, end, whole) = self.passes.swap_remove(at);
        let dead = self.truth[&address].dead_from == Some(end.reached);
        let next = match (whole, dead) {
            (true, _) => Next::Settle,
            (false, true) => Next::Stuck,
            (false, false) => Next::Again(self.now + Duration::from_secs(self.rng.u64(..60))),
        };
        let outcome = self.holdings.passed(item, end, next, self.now);
        self.conclude(outcome);
    }

    fn settle(&mut self, faults: bool) {
        if self.debts.is_empty() {
            return;
        }
        let at = self.rng.usize(..self.debts.len());
        let (address, debt, to) = self.debts.swap_remove(at);
        let most = (0..OUTPUTS).filter(|output| to.contains(*output)).count();
        let owed = match faults {
            true => OutputSet::first(self.rng.usize(..=most)),
            false => OutputSet::NONE,
        };
        for event in debt.events.clone() {
            for output in (0..OUTPUTS).filter(|output| to.contains(*output)) {
                assert!(self.out.remove(&(address, event, output)));
                if !owed.contains(output) {
                    self.delivered.insert((address, event, output));
                }
            }
        }
        let (outcome, _) = self.holdings.settled(Settlement { debt, owed }, self.now);
        self.conclude(outcome);
    }

    fn release(&mut self) {
        if let Some(item) = self.parked.pop() {
            self.holdings.release(item, self.now);
        }
    }

    fn conclude(&mut self, outcome: Option<Outcome>) {
        let Some(outcome) = outcome else { return };
        let (key, stuck) = match outcome {
            Outcome::Done(key) => (key, false),
            Outcome::Stuck(key) => (key, true),
            Outcome::Idle(_) => unreachable!("nothing was stopped"),
        };
        let message = self.keys.remove(&key).expect("an outcome comes once");
        assert!(!self.holdings.is_busy(key));
        let addresses: Vec<_> = self.items(message).collect();
        for address in &addresses {
            let Truth { events, dead_from } = self.truth[address];
            for event in 0..dead_from.unwrap_or(events) {
                let has = |output| self.delivered.contains(&(*address, event, output));
                assert!((0..OUTPUTS).all(has), "event {event} of {address:?} is owed still");
            }
        }
        assert_eq!(stuck, addresses.iter().any(|address| self.truth[address].dead_from.is_some()));
        let progress = self.holdings.progress(key);
        self.holdings.forget(key);
        if !stuck {
            assert!(progress.iter().all(|progress| progress.owed.is_empty()));
            self.concluded.push(message);
            return;
        }
        // It comes again, mended: nothing that was delivered is given again.
        for address in addresses {
            self.truth.get_mut(&address).expect("it is there").dead_from = None;
        }
        self.remembered.insert(message, progress);
        self.hold(message);
    }
}

#[test]
fn a_message_is_done_when_every_event_is_delivered_and_not_before() {
    for seed in 0..600 {
        let mut life = Life::new(seed);
        for _ in 0..300 {
            life.step(true);
        }
        for _ in 0..100_000 {
            if life.holdings.len() == 0 {
                break;
            }
            life.step(false);
        }
        let mut concluded = life.concluded.clone();
        concluded.sort_unstable();
        assert_eq!(concluded, (0..life.next).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!((life.holdings.bytes(), life.holdings.items.len(), life.holdings.by_id.len()), (0, 0, 0));
    }
}

fn holding(items: usize) -> (Holdings<usize>, MessageKey, Instant) {
    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    let now = Instant::now();
    let mut holdings = Holdings::new(OutputSet::first(1));
    let items = (0..items).map(|item| (1, item)).collect();
    let (key, outcome) = holdings.hold(Arrival { handle: "h1".to_owned(), ..arrival("id") }, items, None, now);
    assert_eq!(outcome, None);
    (holdings, key, now)
}

fn end(lent: u64, rest: Owed, version: &str) -> PassEnd {
    PassEnd { lent, rest, version: Some(version.to_owned()), reached: 10, result: Ok(()) }
}

fn settlement(item: ItemKey, events: Range<u64>, owed: OutputSet) -> Settlement {
    Settlement { debt: Debt { item, events }, owed }
}

#[test]
fn a_message_of_nothing_is_done_at_once() {
    let mut holdings = Holdings::<usize>::new(OutputSet::first(1));
    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    let now = Instant::now();
    let (key, outcome) = holdings.hold(arrival("id"), Vec::new(), None, now);
    assert_eq!(outcome, Some(Outcome::Done(key)));
}

#[test]
fn a_message_that_comes_again_keeps_its_newest_handle() {
    let (mut holdings, key, now) = holding(1);
    holdings.lapse(key);
    assert_eq!(holdings.came_again("id", "h2", 2, now), Some(key));
    let held = holdings.message(key).unwrap();
    assert_eq!((&*held.handle, held.receives, held.lapsed), ("h2", 2, false));
    assert_eq!(holdings.came_again("other", "h", 1, now), None);
}

#[test]
fn an_answer_that_was_overtaken_brings_no_newer_handle() {
    let (mut holdings, key, now) = holding(1);
    assert_eq!(holdings.came_again("id", "h3", 3, now), Some(key));
    assert_eq!(holdings.came_again("id", "h2", 2, now), Some(key));
    let held = holdings.message(key).unwrap();
    assert_eq!((&*held.handle, held.receives), ("h3", 3));
    // After its time has run out, whatever comes is newer: a message that went through a dead-letter queue is counted anew.
    holdings.lapse(key);
    assert_eq!(holdings.came_again("id", "h4", 1, now), Some(key));
    assert_eq!(holdings.message(key).unwrap().handle, "h4");
}

#[test]
fn debts_of_an_overwritten_object_say_nothing_any_more() {
    let (mut holdings, key, now) = holding(1);
    let old = holdings.next(now).unwrap().0;
    holdings.begin(old).unwrap();
    assert_eq!(holdings.passed(old, end(2, Owed::default(), "v1"), Next::Settle, now), None);
    // One debt comes back, and the next pass meets another version.
    assert_eq!(holdings.settled(settlement(old, 0..4, OutputSet::first(1)), now), (None, 0));
    assert_eq!(holdings.next(now), None, "not read again while a debt is out");
    assert_eq!(holdings.settled(settlement(old, 4..6, OutputSet::first(1)), now), (None, 0));
    let task = holdings.begin(old).unwrap();
    assert_eq!(holdings.passed(old, end(1, task.owed, "v2"), Next::Afresh(now), now), None);
    let (new, _) = holdings.next(now).unwrap();
    assert_ne!(new, old);
    let task = holdings.begin(new).unwrap();
    assert_eq!((task.owed, task.version), (Owed::all(OutputSet::first(1)), None));
    assert_eq!(holdings.settled(settlement(old, 6..9, OutputSet::first(1)), now), (None, 3), "overwritten");
    assert_eq!(holdings.passed(new, end(1, Owed::default(), "v2"), Next::Settle, now), None);
    let done = holdings.settled(settlement(new, 0..9, OutputSet::NONE), now);
    assert_eq!(done, (Some(Outcome::Done(key)), 0));
}

#[test]
fn what_comes_back_again_and_again_waits_longer_each_time() {
    let (mut holdings, _, mut now) = holding(1);
    let (item, _) = holdings.next(now).unwrap();
    let mut waits = Vec::new();
    for _ in 0..14 {
        holdings.begin(item).unwrap();
        holdings.passed(item, end(1, Owed::default(), "v"), Next::Settle, now);
        holdings.settled(settlement(item, 0..10, OutputSet::first(1)), now);
        let next = holdings.next_read().unwrap();
        waits.push(next - now);
        now = next;
    }
    assert_eq!(waits[0], Duration::ZERO);
    assert_eq!(waits[1], Duration::from_millis(200));
    assert_eq!(waits[13], Duration::from_secs(30));
}

#[test]
fn after_a_stop_nothing_is_begun_and_what_rests_is_idle() {
    let (mut holdings, key, now) = holding(2);
    let (first, _) = holdings.next(now).unwrap();
    holdings.begin(first).unwrap();
    assert_eq!(holdings.stop(), Vec::<MessageKey>::new(), "one of its items is being given");
    assert_eq!(holdings.next(now), None);
    assert_eq!(holdings.passed(first, end(1, Owed::default(), "v"), Next::Settle, now), None);
    let outcome = holdings.settled(settlement(first, 0..3, OutputSet::NONE), now).0;
    assert_eq!(outcome, Some(Outcome::Idle(key)));
    assert!(holdings.progress(key)[0].owed.is_empty() && !holdings.progress(key)[1].owed.is_empty());
}

fn arrival(id: &str) -> Arrival {
    Arrival { id: id.to_owned(), handle: "h".to_owned(), receives: 1, turn: None }
}
