//! Log lines, to standard error: standard output is for results.

use std::{
    fmt::Debug,
    io::{IsTerminal, stderr},
};

use clap::ValueEnum;
use quittance_collector::MessageSink;
use quittance_core::{Clock, SystemClock};
use quittance_monitor::{Level as Badness, Problem, Problems};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{EnvFilter, Layer, Registry, filter::LevelFilter, fmt, layer::Context, prelude::*, reload};

use crate::plain::{self, LogLines};

/// How log lines look.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged, where a configuration may still say it.
pub(crate) struct Verbosity(Option<reload::Handle<EnvFilter, Registry>>);

impl Verbosity {
    /// Whether this program's debug lines are logged too, unless `QUITTANCE_LOG` says what is logged.
    pub(crate) fn debug(&self, wanted: bool) {
        let filter = EnvFilter::new(if wanted { "info,quittance=debug" } else { "info" });
        // Only a subscriber that is gone refuses, and it would log nothing in any case.
        let _ = self.0.as_ref().map(|handle| handle.reload(filter));
    }
}

/// Starts logging; `QUITTANCE_LOG` sets what is logged, as in `info,quittance_aws=debug`. Warnings and statistics are
/// also offered to `internal`, and warnings and errors kept in `problems`.
pub(crate) fn start(format: Format, quiet: bool, internal: MessageSink, problems: Problems) -> Verbosity {
    let default = if quiet { "error" } else { "info" };
    let set = EnvFilter::try_from_env("QUITTANCE_LOG").ok();
    let is_set = set.is_some();
    let (filter, handle) = reload::Layer::new(set.unwrap_or_else(|| EnvFilter::new(default)));
    let lines = fmt::layer().with_writer(|| LogLines(stderr())).with_ansi(stderr().is_terminal());
    let lines = match format {
        Format::Human => lines.with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(Internal(internal).with_filter(LevelFilter::INFO))
        .with(Recent(problems).with_filter(LevelFilter::WARN))
        .init();
    Verbosity((!is_set).then_some(handle))
}

/// Offers the collector's own warnings and statistics as JSON objects.
struct Internal(MessageSink);

impl<S: Subscriber> Layer<S> for Internal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let statistics = metadata.target() == "quittance_devo::statistics";
        // Only what this program says itself: a library's words may be about anything.
        if !metadata.target().starts_with("quittance") || (*metadata.level() > Level::WARN && !statistics) {
            return;
        }
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        // Never about the senders that carry it: one failure would feed the next.
        if fields.values().any(|value| value.as_str().is_some_and(|text| text.contains("internal_senders"))) {
            return;
        }
        fields.insert("level".to_owned(), metadata.level().as_str().into());
        fields.insert("target".to_owned(), metadata.target().into());
        self.0.offer(Value::Object(fields).to_string());
    }
}

/// Keeps this program's own warnings and errors for the status page.
struct Recent(Problems);

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("quittance") {
            return;
        }
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        // What differs each time would make the same thing look like many.
        for changing in ["retry_in", "wait"] {
            fields.remove(changing);
        }
        let mut take = |name: &str| fields.remove(name).map(|value| text(&value));
        let (code, unit, message) = (take("code"), take("unit"), take("message").unwrap_or_default());
        let rest = fields.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect::<Vec<_>>();
        let said = [vec![message], rest].concat().join(" · ");
        let level = if *metadata.level() == Level::ERROR { Badness::Error } else { Badness::Warning };
        let text = plain::line(&said).into_owned();
        self.0.note(Problem { level, code, unit, text, last: SystemClock.wall(), times: 1 });
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
