//! Faults of whole API calls, scripted by tests.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FakeAws, lock};

/// What becomes of a call whose connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// The request never arrives: nothing is done.
    Request,
    /// The request is carried out, but its answer is lost.
    Answer,
    /// The request is never answered and nothing is done: a black hole.
    Hang,
}

/// What a scripted fault does to one call.
#[derive(Clone)]
pub(super) enum Fault {
    /// Answered with this error; without a status, the one that suits the code.
    Error {
        status: Option<u16>,
        code: String,
        message: Option<String>,
    },
    Lose(Loss),
}

/// An error of one entry in a batch call.
pub(super) struct EntryFault {
    pub(super) code: String,
    pub(super) sender_fault: bool,
}

#[derive(Default)]
struct Script {
    next: VecDeque<(u32, Fault)>,
    always: Option<Fault>,
    sometimes: Option<(f64, Fault)>,
    entries: VecDeque<(u32, String, bool)>,
    delay: Option<Duration>,
}

pub(super) struct Faults(Mutex<Scripts>);

struct Scripts {
    by_api: HashMap<String, Script>,
    rng: fastrand::Rng,
}

impl Faults {
    pub(super) fn new(rng: fastrand::Rng) -> Self {
        Self(Mutex::new(Scripts { by_api: HashMap::new(), rng }))
    }

    /// The fault that the next call of `api` meets, taken from the script.
    pub(super) fn next(&self, api: &str) -> Option<Fault> {
        let Scripts { by_api, rng } = &mut *lock(&self.0);
        let script = by_api.get_mut(api)?;
        if let Some((_, fault)) = take_one(&mut script.next, |(left, _)| left) {
            return Some(fault);
        }
        if script.always.is_some() {
            return script.always.clone();
        }
        let (chance, fault) = script.sometimes.as_ref()?;
        (rng.f64() < *chance).then(|| fault.clone())
    }

    /// The fault that the next entry of a batch call of `api` meets.
    pub(super) fn next_entry(&self, api: &str) -> Option<EntryFault> {
        let scripts = &mut *lock(&self.0);
        let script = scripts.by_api.get_mut(api)?;
        let (_, code, sender_fault) = take_one(&mut script.entries, |(left, ..)| left)?;
        Some(EntryFault { code, sender_fault })
    }

    pub(super) fn delay(&self, api: &str) -> Option<Duration> {
        lock(&self.0).by_api.get(api)?.delay
    }

    fn script(&self, api: &str, change: impl FnOnce(&mut Script)) {
        change(lock(&self.0).by_api.entry(api.to_owned()).or_default());
    }
}

/// Uses up one of the front item's repetitions.
fn take_one<T: Clone>(queue: &mut VecDeque<T>, left: impl Fn(&mut T) -> &mut u32) -> Option<T> {
    while let Some(front) = queue.front_mut() {
        let left = left(front);
        if *left > 1 {
            *left -= 1;
            return Some(front.clone());
        }
        let spent = *left == 0;
        let taken = queue.pop_front();
        if !spent {
            return taken;
        }
    }
    None
}

impl FakeAws {
    /// The next `n` calls of `api` fail with `status` and `code`, in the wire format of its service.
    ///
    /// SQS codes may be given by either of their names (`QueueDoesNotExist` or
    /// `AWS.SimpleQueueService.NonExistentQueue`). The SDK's own retries count as calls.
    pub fn fail_next(&self, api: &str, n: u32, status: u16, code: &str) {
        let fault = Fault::Error { status: Some(status), code: code.to_owned(), message: None };
        self.0.faults.script(api, |script| script.next.push_back((n, fault)));
    }

    /// Every call of `api` fails with `code`, and the status AWS uses for it, until
    /// [`FakeAws::recover`].
    pub fn fail_while(&self, api: &str, code: &str) {
        let fault = Fault::Error { status: None, code: code.to_owned(), message: None };
        self.0.faults.script(api, |script| script.always = Some(fault));
    }

    /// The same, with AWS's own words.
    pub fn fail_while_saying(&self, api: &str, code: &str, message: &str) {
        let fault = Fault::Error { status: None, code: code.to_owned(), message: Some(message.to_owned()) };
        self.0.faults.script(api, |script| script.always = Some(fault));
    }

    /// Each call of `api` fails with `code` by this chance (0 to 1) until [`FakeAws::recover`].
    pub fn fail_sometimes(&self, api: &str, chance: f64, code: &str) {
        let fault = Fault::Error { status: None, code: code.to_owned(), message: None };
        self.0.faults.script(api, |script| script.sometimes = Some((chance, fault)));
    }

    /// The connections of the next `n` calls of `api` fail.
    pub fn lose_next(&self, api: &str, n: u32, loss: Loss) {
        self.0.faults.script(api, |script| script.next.push_back((n, Fault::Lose(loss))));
    }

    /// The connection of each call of `api` fails by this chance (0 to 1) until
    /// [`FakeAws::recover`]. It takes the place of [`FakeAws::fail_sometimes`].
    pub fn lose_sometimes(&self, api: &str, chance: f64, loss: Loss) {
        self.0.faults.script(api, |script| script.sometimes = Some((chance, Fault::Lose(loss))));
    }

    /// The next `n` entries of batch calls of `api` fail, each with `code`, in answers of status 200.
    pub fn fail_entries(&self, api: &str, n: u32, code: &str, sender_fault: bool) {
        let fault = (n, code.to_owned(), sender_fault);
        self.0.faults.script(api, |script| script.entries.push_back(fault));
    }

    /// Every call of `api` takes this long before anything is done.
    pub fn delay(&self, api: &str, delay: Duration) {
        self.0.faults.script(api, |script| script.delay = Some(delay));
    }

    /// Ends every scripted fault and delay of `api`.
    pub fn recover(&self, api: &str) {
        self.0.faults.script(api, |script| *script = Script::default());
    }
}
