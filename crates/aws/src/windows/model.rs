//! Every order of asking, settling, saving, failing and dying that is possible within bounds, tried out on the real [`Plan`].
//!
//! The API shows a few events, each some time after it happened; around the plan is the least that a follower does. Whatever
//! the order: what was shown in time is delivered in the end, and nothing twice unless a kill came between.

use std::{collections::BTreeSet, time::Duration};

use stateright::{Checker, Model, Property};

use crate::windows::{
    Cadence, Sweep, Window,
    plan::{Checkpoint, Number, Plan, Step},
};

const PERIOD: i64 = 2;
const OVERLAP: i64 = 1;
const LATENESS: i64 = 3;
const EVERY: i64 = 3;

/// Milliseconds here stand for whatever is the grain of an API.
fn cadence() -> Cadence {
    let millis = |n: i64| Duration::from_millis(n.unsigned_abs());
    Cadence {
        period: millis(PERIOD),
        grain: millis(1),
        delay: millis(0),
        overlap: millis(OVERLAP),
        sweeps: vec![Sweep { lateness: millis(LATENESS), every: millis(EVERY) }],
        longest: millis(4),
        most_pages: Some(2),
        horizon: None,
        advice: "",
    }
}

/// How much may happen.
struct Bounds {
    /// When time ends.
    end: i64,
    /// When events happen, each with how long it is until it is shown.
    events: Vec<(i64, i64)>,
    faults: Faults,
}

/// How often something may go wrong yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Faults {
    /// Time that passes while there is something to ask.
    delays: u8,
    kills: u8,
    returns: u8,
    failures: u8,
    cuts: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Known {
    New,
    Pending,
    Owed,
    Seen,
}

/// A window that is being asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Asking {
    number: Number,
    /// What its pages show: what comes later may fall on a page that was read already.
    shown: Vec<usize>,
    given: bool,
}

#[derive(Clone, PartialEq, Hash, Debug)]
struct State {
    now: i64,
    plan: Plan,
    known: Vec<Known>,
    delivered: Vec<u8>,
    asking: Option<Asking>,
    lent: Vec<(Number, Vec<usize>)>,
    saved: (Checkpoint, BTreeSet<usize>),
    left: Faults,
    killed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Tick,
    Ask,
    Give,
    Finish,
    Fail,
    Cut,
    Settle(usize, bool),
    Save,
    Kill,
}

impl State {
    fn seen(&self) -> BTreeSet<usize> {
        (0..self.known.len()).filter(|event| self.known[*event] == Known::Seen).collect()
    }

    fn step(&self) -> Step {
        self.plan.clone().next(self.now)
    }

    /// Nothing is to be asked before time goes on.
    fn is_idle(&self) -> bool {
        self.asking.is_none() && matches!(self.step(), Step::Wait(_))
    }

    /// The same, and nothing is on its way.
    fn is_at_rest(&self) -> bool {
        self.is_idle() && self.lent.is_empty()
    }
}

impl Bounds {
    /// The time of these events.
    fn times(&self, events: &[usize]) -> Window {
        let times = || events.iter().map(|event| self.events[*event].0);
        Window { from: times().min().unwrap_or_default(), to: times().max().unwrap_or_default() + 1 }
    }

    /// Whether the event was shown long enough before the end for the promise.
    fn is_promised(&self, event: usize) -> bool {
        let (at, late) = self.events[event];
        late <= LATENESS && at + late < self.end - EVERY - PERIOD
    }
}

impl Model for Bounds {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let first = Checkpoint { floor: 0, frontier: 0, swept: vec![0] };
        vec![State {
            now: 0,
            plan: Plan::new(cadence(), first.clone(), 0),
            known: vec![Known::New; self.events.len()],
            delivered: vec![0; self.events.len()],
            asking: None,
            lent: Vec::new(),
            saved: (first, BTreeSet::new()),
            left: self.faults,
            killed: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < self.end && (state.is_idle() || state.left.delays > 0) {
            actions.push(Action::Tick);
        }
        match &state.asking {
            None => actions.extend(matches!(state.step(), Step::Ask(..)).then_some(Action::Ask)),
            Some(asking) => {
                actions.push(if asking.given { Action::Finish } else { Action::Give });
                actions.extend((state.left.failures > 0).then_some(Action::Fail));
                actions.extend((state.left.cuts > 0).then_some(Action::Cut));
            }
        }
        for batch in 0..state.lent.len() {
            actions.push(Action::Settle(batch, true));
            actions.extend((state.left.returns > 0).then_some(Action::Settle(batch, false)));
        }
        if (state.plan.checkpoint(), &state.seen()) != (&state.saved.0, &state.saved.1) {
            actions.push(Action::Save);
        }
        actions.extend((state.left.kills > 0).then_some(Action::Kill));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let now = state.now;
        match action {
            Action::Tick => {
                state.left.delays -= u8::from(!state.is_idle());
                state.now += 1;
            }
            Action::Ask => {
                let Step::Ask(number, Window { from, to }) = state.plan.next(now) else { return None };
                state.plan.asking(number);
                let is_shown = |&(at, late): &(i64, i64)| (from..to).contains(&at) && at + late <= now;
                let shown = (0..self.events.len()).filter(|event| is_shown(&self.events[*event])).collect();
                state.asking = Some(Asking { number, shown, given: false });
            }
            Action::Give => {
                let asking = state.asking.as_mut()?;
                asking.given = true;
                let is_wanted = |event: &usize| matches!(state.known[*event], Known::New | Known::Owed);
                let events: Vec<usize> = asking.shown.iter().copied().filter(is_wanted).collect();
                if !events.is_empty() {
                    events.iter().for_each(|event| state.known[*event] = Known::Pending);
                    state.plan.lent(asking.number, self.times(&events));
                    state.lent.push((asking.number, events));
                }
            }
            Action::Finish => state.plan.read(state.asking.take()?.number, false, now),
            Action::Fail => {
                state.left.failures -= 1;
                state.plan.failed(state.asking.take()?.number, now);
            }
            Action::Cut => {
                state.left.cuts -= 1;
                if !state.plan.split(state.asking.take()?.number) {
                    return None;
                }
            }
            Action::Settle(batch, true) => {
                let (number, events) = state.lent.remove(batch);
                for event in &events {
                    state.known[*event] = Known::Seen;
                    state.delivered[*event] += 1;
                }
                state.plan.settled(number, self.times(&events), None);
            }
            Action::Settle(batch, false) => {
                state.left.returns -= 1;
                let (number, events) = state.lent.remove(batch);
                events.iter().for_each(|event| state.known[*event] = Known::Owed);
                // Another window may show them before this one is due again.
                state.plan.settled(number, self.times(&events), Some((now + 1).min(self.end)));
            }
            Action::Save => state.saved = (state.plan.checkpoint().clone(), state.seen()),
            Action::Kill => {
                state.left.kills -= 1;
                state.killed = true;
                let (checkpoint, seen) = &state.saved;
                let known = |event| if seen.contains(&event) { Known::Seen } else { Known::New };
                state.known = (0..self.events.len()).map(known).collect();
                state.plan = Plan::new(cadence(), checkpoint.clone(), now);
                (state.asking, state.lent) = (None, Vec::new());
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what was shown in time is delivered in the end", |model: &Bounds, state: &State| {
                let delivered = |event| state.delivered[event] > 0;
                let is_over = state.now == model.end && state.is_at_rest();
                !is_over || (0..model.events.len()).all(|event| !model.is_promised(event) || delivered(event))
            }),
            Property::always(
                "the checkpoint never passes what is on its way or owed",
                |model: &Bounds, state: &State| {
                    let is_unsettled = |event: usize| matches!(state.known[event], Known::Pending | Known::Owed);
                    // What was late is found behind it.
                    let is_behind = |event: usize| {
                        model.events[event].1 == 0 && model.events[event].0 < state.plan.checkpoint().frontier
                    };
                    !(0..model.events.len()).any(|event| is_unsettled(event) && is_behind(event))
                },
            ),
            Property::always("nothing comes twice without a kill", |_: &Bounds, state: &State| {
                state.killed || state.delivered.iter().all(|times| *times <= 1)
            }),
            Property::always("a kill repeats an event once", |model: &Bounds, state: &State| {
                state.delivered.iter().all(|times| *times <= 1 + model.faults.kills)
            }),
            Property::sometimes("the end is reached with all delivered", |model: &Bounds, state: &State| {
                state.now == model.end && state.is_at_rest() && state.delivered.iter().all(|times| *times > 0)
            }),
        ]
    }
}

/// All orders that the bounds allow.
fn explore(events: &[(i64, i64)], end: i64, faults: Faults) {
    let model = Bounds { end, events: events.to_vec(), faults };
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} different, {faults:?}", checker.state_count(), checker.unique_state_count());
    checker.assert_properties();
}

const NONE: Faults = Faults { delays: 0, kills: 0, returns: 0, failures: 0, cuts: 0 };

#[test]
fn late_events_are_found_whatever_the_order() {
    for late in 0..=LATENESS {
        explore(&[(1, late), (2, LATENESS - late)], 11, Faults { delays: 2, ..NONE });
    }
}

#[test]
fn a_kill_at_any_point_loses_nothing() {
    explore(&[(1, 0), (2, 2)], 10, Faults { kills: 1, delays: 1, ..NONE });
}

#[test]
fn what_comes_back_at_any_point_is_given_again() {
    explore(&[(1, 0), (2, 1)], 10, Faults { returns: 2, delays: 1, ..NONE });
}

#[test]
fn a_window_that_fails_or_is_cut_at_any_point_loses_nothing() {
    explore(&[(1, 0), (2, 1)], 10, Faults { failures: 1, cuts: 1, delays: 1, ..NONE });
}

#[test]
fn everything_at_once() {
    explore(&[(0, 1)], 7, Faults { kills: 1, returns: 1, cuts: 1, ..NONE });
}
