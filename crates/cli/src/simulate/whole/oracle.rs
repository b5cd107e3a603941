//! Knows every event that there was, and holds everybody to it.
//!
//! It is told of each event when it happens, with what its source will forget together: a message and all that is in it,
//! an object of a listing, a range of time. It is told of each arrival, and of each moment at which a source is made to
//! forget something: then every event concerned must have arrived, whole, at every output. Not later: at that moment.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quittance_core::{Change, EventId};
use quittance_testbed::{aws::MessageId, sink::fingerprint};
use tokio::time::Instant;

use super::shape::MOST_RECEIVES;

/// How long after its arrival an event may be unknown to the collector as delivered: a confirmation, the longest end of a
/// connection, and the time until it is written down.
const UNCONFIRMED: Duration = Duration::from_secs(150);

/// What is said of broken rules, at most.
const MOST_SAID: usize = 20;

/// An event, by its number.
pub(super) type Id = usize;

/// What must become of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Duty {
    /// It arrives at every output.
    Arrives,
    /// It may arrive: it stands before damage, or was overwritten.
    May,
    /// It is too long: it is set aside, and never arrives.
    SetAside,
}

/// What must become of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It is deleted when everything in it has arrived.
    Deleted,
    /// It can never be processed: it is moved to this dead-letter queue.
    DeadLetter(&'static str),
    /// The same, of a queue without one: it is deleted after something was set aside whose address contains this.
    Quarantined(String),
}

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rule {
    /// It never arrived.
    Missing,
    /// Its source was told to forget it before it arrived.
    ForgottenEarly,
    /// It came twice, and no fault explains it.
    Repeated,
    /// Something arrived that there never was, or in a table that is not its own.
    Unexpected,
    /// A message is neither deleted nor where it belongs.
    Stuck,
    /// What can never be delivered is not where it belongs.
    Misplaced,
    /// Messages of a group were deleted out of order.
    Order,
    /// The ledger does not add up.
    Ledger,
    /// An API was asked faster than its share allows.
    Pace,
    /// It did not stop, or died by itself.
    Process,
    /// A message was received more often than faults explain that spend receives.
    Spent,
}

impl Rule {
    pub(super) fn name(self) -> &'static str {
        match self {
            Rule::Missing => "missing",
            Rule::ForgottenEarly => "forgotten early",
            Rule::Repeated => "repeated",
            Rule::Unexpected => "unexpected",
            Rule::Stuck => "stuck",
            Rule::Misplaced => "misplaced",
            Rule::Order => "order",
            Rule::Ledger => "ledger",
            Rule::Pace => "pace",
            Rule::Process => "process",
            Rule::Spent => "spent",
        }
    }
}

struct Event {
    duty: Duty,
    /// For people.
    what: String,
    /// When it arrived, by output.
    arrivals: Vec<Vec<Instant>>,
    /// Its object was damaged on the way, or its message came back: it may be given again.
    may_repeat: bool,
    /// If an API shows it at once: its cursor and time. A checkpoint behind it says that it was seen.
    prompt: Option<(String, i64)>,
}

struct Message {
    events: Vec<Id>,
    fate: Fate,
    /// Of a FIFO queue: its group, and its place there.
    turn: Option<(String, u64)>,
    deleted: bool,
    /// How often it was received.
    receives: u32,
    /// SQS said that it was deleted, and it was not.
    out_of_turn: bool,
}

#[derive(Default)]
struct State {
    outputs: usize,
    events: Vec<Event>,
    by_text: HashMap<u64, Id>,
    messages: BTreeMap<MessageId, Message>,
    /// What is remembered under an id of its own.
    ids: HashMap<EventId, Vec<Id>>,
    /// The last message of each group that was deleted.
    groups: HashMap<String, u64>,
    quarantined: Vec<String>,
    faults: Vec<(Instant, Option<Instant>)>,
    unexpected: Vec<String>,
    /// Damage may have gone unnoticed, in a bucket without checksums.
    garbled: bool,
    /// Receives of one message that may have been spent by what went wrong with AWS, or by restarts; a fault of a destination,
    /// of a bucket or of the store spends none.
    spent: u32,
    /// The collector's clock was ahead: what was shown at once is not known to have been seen.
    clock_jumped: bool,
    broken: BTreeMap<Rule, Vec<String>>,
    /// All that arrived and when, as one number.
    digest: u64,
    began: Option<Instant>,
}

/// The oracle; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Oracle(Arc<Mutex<State>>);

/// What the oracle says at the end.
pub(super) struct Verdict {
    pub(super) events: u64,
    pub(super) missing: u64,
    pub(super) duplicates: u64,
    pub(super) duplicates_without_fault: u64,
    /// What was said of each broken rule.
    pub(super) broken: BTreeMap<Rule, Vec<String>>,
    pub(super) digest: u64,
}

impl Oracle {
    pub(super) fn new(outputs: usize) -> Oracle {
        Oracle(Arc::new(Mutex::new(State { outputs, began: Some(Instant::now()), ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event that must go to `tag`.
    pub(super) fn event(&self, tag: &str, text: &[u8], duty: Duty) -> Id {
        let mut state = self.state();
        let id = state.events.len();
        let shown = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
        let arrivals = vec![Vec::new(); state.outputs];
        let what = format!("{tag}: {shown}");
        state.events.push(Event { duty, what, arrivals, may_repeat: false, prompt: None });
        if let Some(other) = state.by_text.insert(key(tag.as_bytes(), text), id) {
            let what = state.events[other].what.clone();
            state.break_rule(Rule::Unexpected, format!("two events are the same: {what}"));
        }
        id
    }

    /// An API shows it as soon as it happened, at `at` (milliseconds).
    pub(super) fn prompt(&self, id: Id, cursor: &str, at: i64) {
        self.state().events[id].prompt = Some((cursor.to_owned(), at));
    }

    /// A message that holds, or announces, these events.
    pub(super) fn message(&self, id: MessageId, events: Vec<Id>, fate: Fate, turn: Option<(String, u64)>) {
        self.state()
            .messages
            .insert(id, Message { events, fate, turn, deleted: false, receives: 0, out_of_turn: false });
    }

    /// Whoever remembers this id will never give these events again.
    pub(super) fn remembered_as(&self, id: EventId, events: Vec<Id>) {
        self.state().ids.insert(id, events);
    }

    /// From now on these may, or must, become of it.
    pub(super) fn change(&self, events: &[Id], duty: Duty) {
        let mut state = self.state();
        for id in events {
            state.events[*id].duty = duty;
        }
    }

    /// They may come again, for a reason of their own.
    pub(super) fn may_repeat(&self, events: &[Id]) {
        let mut state = self.state();
        for id in events {
            state.events[*id].may_repeat = true;
        }
    }

    /// Bytes may have been changed on their way, and nothing was there to notice.
    pub(super) fn garbled(&self) {
        self.state().garbled = true;
    }

    /// What goes wrong now may spend so many receives of a message. After as many as a redrive policy lets be, it takes what
    /// nothing is wrong with.
    pub(super) fn receives_spent(&self, receives: u32) {
        self.state().spent += receives;
    }

    /// A message was received, for the so-manieth time.
    pub(super) fn received(&self, id: MessageId, receives: u32) {
        if let Some(message) = self.state().messages.get_mut(&id) {
            message.receives = receives;
        }
    }

    /// Others received these messages, so that our deletes of them may have no effect.
    pub(super) fn taken_by_another(&self, ids: &[MessageId]) {
        let mut state = self.state();
        let events: Vec<_> =
            ids.iter().filter_map(|id| Some(state.messages.get(id)?.events.clone())).flatten().collect();
        events.into_iter().for_each(|id| state.events[id].may_repeat = true);
    }

    /// The collector's clock is ahead.
    pub(super) fn clock_jumped(&self) {
        self.state().clock_jumped = true;
    }

    /// Something goes wrong with the process, a receiver or the store from now on.
    pub(super) fn fault_begins(&self) -> usize {
        let mut state = self.state();
        state.faults.push((Instant::now(), None));
        state.faults.len() - 1
    }

    /// That is over.
    pub(super) fn fault_ends(&self, fault: usize) {
        self.state().faults[fault].1 = Some(Instant::now());
    }

    /// An event arrived at an output.
    pub(super) fn arrived(&self, output: usize, tag: &[u8], text: &[u8]) {
        let mut state = self.state();
        let key = key(tag, text);
        let now = Instant::now();
        let at = state.began.map_or(0, |began| (now - began).as_millis() as u64);
        state.digest = (state.digest.rotate_left(5) ^ key ^ at ^ output as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match state.by_text.get(&key).copied() {
            Some(id) => state.events[id].arrivals[output].push(now),
            None => {
                let text = String::from_utf8_lossy(&text[..text.len().min(80)]);
                let text = format!("{}: {text}", String::from_utf8_lossy(tag));
                state.unexpected.push(text);
            }
        }
    }

    /// A message was deleted, just now; not `really` if it comes again all the same.
    pub(super) fn deleted(&self, id: MessageId, really: bool) {
        let mut state = self.state();
        let Some(message) = state.messages.get_mut(&id) else { return };
        message.deleted |= really;
        let (events, fate, turn) = (message.events.clone(), message.fate.clone(), message.turn.clone());
        let turn = turn.filter(|_| !message.out_of_turn);
        if !really {
            // It counts as deleted for those who asked: it is no longer in the way of the later ones of its group.
            message.out_of_turn = true;
            events.iter().for_each(|id| state.events[*id].may_repeat = true);
            return;
        }
        if let Some((group, place)) = turn {
            let last = state.groups.insert(group.clone(), place);
            if last.is_some_and(|last| last > place) {
                state.break_rule(
                    Rule::Order,
                    format!("message {place} of {group} ({id}) was deleted after a later one"),
                );
            }
        }
        match fate {
            Fate::Deleted => state.forget(&events, &format!("message {id} was deleted")),
            Fate::DeadLetter(queue) => {
                state.break_rule(Rule::Misplaced, format!("message {id} was deleted, and belongs to {queue}"));
            }
            Fate::Quarantined(what) => {
                if !state.quarantined.iter().any(|address| address.contains(&what)) {
                    state.break_rule(Rule::Misplaced, format!("message {id} was deleted before {what} was set aside"));
                }
            }
        }
    }

    /// The store was told this, just now.
    pub(super) fn committed(&self, scope: &str, change: &Change) {
        let mut state = self.state();
        match change {
            Change::Remember { ids, .. } => {
                for id in ids {
                    if let Some(events) = state.ids.get(id).cloned() {
                        state.forget(&events, &format!("{scope} remembered it"));
                    }
                }
            }
            Change::Checkpoint { cursor, value } if !state.clock_jumped => {
                let Ok(checkpoint) = serde_json::from_str::<serde_json::Value>(value) else { return };
                let Some(frontier) = checkpoint["frontier"].as_i64() else { return };
                let is_behind = |event: &Event| {
                    event
                        .prompt
                        .as_ref()
                        .is_some_and(|(of, at)| *at < frontier && of.split_once('|') == Some((scope, cursor.as_str())))
                };
                let behind: Vec<_> = (0..state.events.len()).filter(|id| is_behind(&state.events[*id])).collect();
                state.forget(&behind, &format!("the checkpoint of {scope} {cursor} moved to {frontier}, past it"));
                for id in behind {
                    state.events[id].prompt = None;
                }
            }
            _ => {}
        }
    }

    /// What stands in the quarantine now, by address.
    pub(super) fn quarantined(&self, addresses: Vec<String>) {
        self.state().quarantined = addresses;
    }

    /// A rule was broken, as others see it.
    pub(super) fn break_rule(&self, rule: Rule, what: String) {
        self.state().break_rule(rule, what);
    }

    /// Whether every event that must arrive has, and every message is gone that must be. `dead` is what the dead-letter
    /// queues hold.
    pub(super) fn is_satisfied(&self, dead: &[MessageId]) -> bool {
        let state = self.state();
        let taken = state.taken(dead);
        let arrived = (0..state.events.len())
            .all(|id| state.events[id].duty != Duty::Arrives || state.has_arrived(id) || taken.contains(&id));
        arrived && state.messages.iter().all(|(id, message)| state.is_settled(*id, message, dead))
    }

    /// The last word. `dead` is what the dead-letter queues hold.
    pub(super) fn judge(&self, dead: &[MessageId]) -> Verdict {
        let mut state = self.state();
        let mut missing = Vec::new();
        let (mut duplicates, mut unexplained) = (0, Vec::new());
        let taken = state.taken(dead);
        for (id, event) in state.events.iter().enumerate() {
            let came = event.arrivals.iter().all(|arrivals| !arrivals.is_empty());
            if event.duty == Duty::Arrives && !came && !taken.contains(&id) {
                missing.push(event.what.clone());
            }
            for arrivals in &event.arrivals {
                duplicates += arrivals.len().saturating_sub(1) as u64;
                let repeats = arrivals.windows(2).filter(|pair| !event.may_repeat && !state.explains(pair[0], pair[1]));
                unexplained.extend(repeats.map(|_| event.what.clone()));
            }
        }
        let arrived_too_long: Vec<_> = (state.events.iter())
            .filter(|event| event.duty == Duty::SetAside && event.arrivals.iter().any(|at| !at.is_empty()))
            .map(|event| event.what.clone())
            .collect();
        let stuck: Vec<_> = (state.messages.iter())
            .filter(|(id, message)| !state.is_settled(**id, message, dead))
            .map(|(id, message)| format!("message {id}, which should be {:?}", message.fate))
            .collect();
        // What goes back to a FIFO queue takes the later ones of its group along.
        let takes_along =
            state.messages.values().any(|message| message.turn.is_some() && message.fate != Fate::Deleted);
        let spent = state.spent;
        let too_often: Vec<_> = (state.messages.iter())
            .filter(|(_, message)| message.fate == Fate::Deleted && !(message.turn.is_some() && takes_along))
            .filter(|(_, message)| message.receives > 1 + spent)
            .map(|(id, message)| {
                format!("message {id} was received {} times, and faults spent {spent}", message.receives)
            })
            .collect();
        let unexpected = if state.garbled { Vec::new() } else { std::mem::take(&mut state.unexpected) };
        let lost = missing.len() + stuck.len();
        let repeated = unexplained.len() as u64;
        for (rule, said) in [
            (Rule::Missing, missing),
            (Rule::Repeated, unexplained),
            (Rule::Misplaced, arrived_too_long),
            (Rule::Stuck, stuck),
            (Rule::Spent, too_often),
            (Rule::Unexpected, unexpected),
        ] {
            said.into_iter().for_each(|what| state.break_rule(rule, what));
        }
        let others =
            state.broken.iter().filter(|(rule, _)| !matches!(rule, Rule::Missing | Rule::Repeated | Rule::Stuck));
        let others: usize = others.map(|(_, said)| said.len()).sum();
        Verdict {
            events: state.events.len() as u64,
            missing: (lost + others) as u64,
            duplicates,
            duplicates_without_fault: repeated,
            broken: state.broken.clone(),
            digest: state.digest,
        }
    }
}

impl State {
    fn has_arrived(&self, id: Id) -> bool {
        self.events[id].arrivals.iter().all(|arrivals| !arrivals.is_empty())
    }

    /// Whoever had these events has forgotten them: they must have arrived.
    fn forget(&mut self, events: &[Id], why: &str) {
        for id in events {
            if self.events[*id].duty == Duty::Arrives && !self.has_arrived(*id) {
                let what = format!("{why}: {}", self.events[*id].what);
                self.break_rule(Rule::ForgottenEarly, what);
            }
        }
    }

    fn is_settled(&self, id: MessageId, message: &Message, dead: &[MessageId]) -> bool {
        match message.fate {
            Fate::Deleted | Fate::Quarantined(_) => message.deleted || self.may_be_taken() && dead.contains(&id),
            Fate::DeadLetter(_) => dead.contains(&id),
        }
    }

    /// Whether a redrive policy may have taken messages that nothing is wrong with.
    fn may_be_taken(&self) -> bool {
        self.spent + 1 >= MOST_RECEIVES
    }

    /// Events of messages that it took.
    fn taken(&self, dead: &[MessageId]) -> HashSet<Id> {
        let is_taken = |id: &MessageId, message: &Message| self.may_be_taken() && !message.deleted && dead.contains(id);
        let taken = self.messages.iter().filter(|(id, message)| is_taken(id, message));
        taken.flat_map(|(_, message)| message.events.iter().copied()).collect()
    }

    /// Whether some fault explains why an event that came at `before` came again at `after`.
    fn explains(&self, before: Instant, after: Instant) -> bool {
        let near = |(from, to): &(Instant, Option<Instant>)| {
            *from <= after && to.is_none_or(|to| before <= to + UNCONFIRMED) && *from <= before + 4 * UNCONFIRMED
        };
        self.faults.iter().any(near)
    }

    fn break_rule(&mut self, rule: Rule, what: String) {
        let said = self.broken.entry(rule).or_default();
        if said.len() < MOST_SAID {
            said.push(what);
        }
    }
}

fn key(tag: &[u8], text: &[u8]) -> u64 {
    fingerprint(&[tag, b"\0", text].concat())
}
