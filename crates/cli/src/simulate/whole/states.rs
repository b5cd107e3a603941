//! Which interesting states were reached: heard from what the collector says in its log, and seen by those around it.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// States by what is said of them: the words of a message, and words of its fields.
const SAID: [(&str, &str, &str); 40] = [
    ("batch returned", "connection lost, its batches are given again", ""),
    ("connection broken while it carried", "connection lost", "writing"),
    ("connection broken while it waited", "connection lost", "reading"),
    ("reset during an end", "connection lost", "ending"),
    ("end of the receiver before ours", "connection lost", "ended the connection"),
    ("end timed out", "connection lost", "did not end"),
    ("destination does not confirm", "destination does not confirm", ""),
    ("handshake failed", "", "handshake"),
    ("message cannot be held longer", "message cannot be held longer", ""),
    ("heartbeat failed", "cannot extend visibility", ""),
    ("delete failed", "cannot delete", ""),
    ("receive failed", "cannot receive", ""),
    ("left to the redrive policy", "message left to the queue's redrive policy", ""),
    ("message set aside", "message set aside", ""),
    ("message cannot be set aside", "cannot be set aside, and stays where it is", "message "),
    ("event set aside", "event is too long to be sent: set aside", ""),
    ("event cannot be set aside", "cannot be set aside, and stays where it is", "longer than max_event_bytes"),
    ("test event", "message of the service itself", ""),
    ("object damaged", "not read", "cannot be decoded"),
    ("damage not found again", "damage was not found again", ""),
    ("object not there yet", "not read", "NoSuchKey"),
    ("object overwritten while it was owed", "events were not delivered before their object was overwritten", ""),
    ("object read afresh", "not read", "read afresh"),
    ("bucket refuses", "bucket refuses us", ""),
    ("bucket open again", "bucket can be read again", ""),
    ("mark write failed", "progress mark not written", ""),
    ("marks cannot be read", "progress marks cannot be read", ""),
    ("checkpoint write failed", "what was delivered cannot be written down", ""),
    ("window asked again after an error", "a window could not be read", ""),
    ("page token refused", "a window could not be read", "nextToken"),
    ("page token refused", "a window could not be read", "InvalidNextToken"),
    ("listing of cursors failed", "what is new here could not be listed", ""),
    ("credentials renewed late", "credentials renewed", ""),
    ("credentials not renewed", "credentials are not renewed yet", ""),
    ("page token repeated", "", "answered with the token that it was asked with"),
    ("clock differs from AWS's", "this machine's clock is", ""),
    ("unit failed", "unit failed", ""),
    ("stop before the last calls", "stopped before the last calls came back", ""),
    ("mark read after a restart", "progress marks read", ""),
    ("window split", "a window is cut in two", ""),
];

/// How often each state was reached.
#[derive(Clone, Default)]
pub(super) struct States(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl States {
    pub(super) fn add(&self, state: &'static str, count: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(state).or_default() += count;
    }

    pub(super) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every state that is heard of.
pub(super) fn heard() -> impl Iterator<Item = &'static str> {
    SAID.iter().map(|(state, ..)| *state)
}

/// Hears what the collector of one thread says.
pub(super) struct Ear {
    states: States,
    /// For a seed that is looked into.
    aloud: bool,
}

impl Ear {
    pub(super) fn new(states: States) -> Ear {
        Ear { states, aloud: std::env::var_os("QUITTANCE_LOG").is_some() }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("quittance") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        if self.aloud {
            let at = tokio::runtime::Handle::try_current().map(|_| tokio::time::Instant::now());
            eprintln!("{at:?} {} {}{}", event.metadata().level(), said.message, said.fields);
        }
        for (state, message, fields) in SAID {
            if said.message.contains(message) && said.fields.contains(fields) {
                self.states.add(state, 1);
            }
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A string takes every write.
        _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
