//! What must arrive beside what did.

use std::collections::HashMap;

use quittance_testbed::sink::Sink;

use crate::raw_json::compact;

/// Events with their tags, each as often as it is there.
#[derive(Clone, Debug, Default)]
pub struct Events(HashMap<(String, Vec<u8>), u64>);

impl Events {
    /// Adds one.
    pub fn add(&mut self, tag: impl Into<String>, message: impl Into<Vec<u8>>) {
        *self.0.entry((tag.into(), message.into())).or_default() += 1;
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Events) {
        for (event, times) in others.0 {
            *self.0.entry(event).or_default() += times;
        }
    }

    /// What a receiver that keeps messages has got. White space in JSON may stay or go, so it does not count.
    pub fn arrived_at(sink: &Sink) -> Events {
        let mut events = Events::default();
        for (tag, message) in sink.messages() {
            let is_json = message.starts_with(b"{");
            events.add(tag, if is_json { compact(&message) } else { message });
        }
        events
    }

    /// Each event once: its tag and its message.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.keys().map(|(tag, message)| (&**tag, &**message))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many bytes their messages have.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|((_, message), times)| message.len() as u64 * times).sum()
    }

    /// Compares these, which must arrive, with those that did.
    pub fn verdict(&self, arrived: &Events) -> Verdict {
        let mut verdict = Verdict::default();
        for (event, &times) in &self.0 {
            let got = arrived.0.get(event).copied().unwrap_or(0);
            verdict.missing += times.saturating_sub(got);
            verdict.repeated += got.saturating_sub(times);
            verdict.repeated_bytes += got.saturating_sub(times) * event.1.len() as u64;
            if got < times {
                verdict.remember("missing", event);
            }
        }
        for (event, times) in arrived.0.iter().filter(|(event, _)| !self.0.contains_key(*event)) {
            verdict.unexpected += times;
            verdict.remember("unexpected", event);
        }
        verdict
    }
}

/// How what arrived differs from what must arrive: in its bytes, its tag, or its number.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Lost.
    pub missing: u64,
    /// Arrivals beyond those expected.
    pub repeated: u64,
    /// The bytes of their messages.
    pub repeated_bytes: u64,
    /// Not sent by the source like this.
    pub unexpected: u64,
    /// A few of those that differ.
    pub examples: Vec<String>,
}

impl Verdict {
    fn remember(&mut self, what: &str, (tag, message): &(String, Vec<u8>)) {
        if self.examples.len() < 4 {
            let message: String = String::from_utf8_lossy(message).chars().take(160).collect();
            self.examples.push(format!("{what}: {tag}: {message}"));
        }
    }

    /// # Panics
    ///
    /// Unless everything has arrived, and nothing else.
    pub fn assert_complete(&self) {
        assert!(self.missing == 0 && self.unexpected == 0, "{self:#?}");
    }

    /// # Panics
    ///
    /// Unless everything has arrived, each once, and nothing else.
    pub fn assert_exact(&self) {
        self.assert_complete();
        assert_eq!(self.repeated, 0, "{self:#?}");
    }
}
