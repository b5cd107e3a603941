//! Everything that is counted, for Prometheus.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::atomic::AtomicU64,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use quittance_core::{Counts, UnitView};
use tokio::time::Instant;

use crate::{Monitor, process::Process};

/// Units and tables together that have series of their own; the events of others are counted for the table `other` of the
/// unit `other`.
const MOST_SERIES: usize = 500;

/// Units with series of their own, beside their events.
const MOST_UNITS: usize = 1000;

const OTHER: &str = "other";

/// How the answer of `/metrics` is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    /// OpenMetrics 1.0.
    Open,
    /// Prometheus's older text, 0.0.4.
    Plain,
}

impl Text {
    /// What who asks can read.
    pub(crate) fn of(accept: &str) -> Text {
        if accept.contains("application/openmetrics-text") { Text::Open } else { Text::Plain }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Text::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Text::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The answer of `/metrics`.
pub(crate) fn text(monitor: &Monitor, how: Text) -> String {
    let mut sheet = Sheet::default();
    sheet.program(monitor);
    sheet.events(monitor);
    sheet.units(monitor);
    sheet.senders(monitor);
    let mut text = String::new();
    // A string takes every write.
    _ = encode(&mut text, &sheet.0);
    match how {
        Text::Open => text,
        Text::Plain => plain(&text),
    }
}

type Labels = Vec<(&'static str, String)>;

/// What is being written.
#[derive(Default)]
struct Sheet(Registry);

impl Sheet {
    fn counter(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter<u64, AtomicU64>>::default();
        for (labels, value) in series {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }

    fn gauge(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        let mut is_empty = true;
        for (labels, value) in series {
            family.get_or_create(&labels).set(value);
            is_empty = false;
        }
        if !is_empty {
            self.0.register(name, help, family);
        }
    }

    /// Without labels.
    fn one(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            let gauge = Gauge::<f64, AtomicU64>::default();
            gauge.set(value);
            self.0.register(name, help, gauge);
        }
    }

    fn program(&mut self, monitor: &Monitor) {
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.gauge("quittance_build_info", "The version that runs", [(version, 1.0)]);
        let process = Process::read();
        let cpu = Counter::<f64, AtomicU64>::default();
        cpu.inc_by(process.cpu_seconds.unwrap_or_default());
        self.0.register("process_cpu_seconds", "User and system CPU time", cpu);
        self.one("process_resident_memory_bytes", "Resident memory", process.resident_bytes);
        self.one("process_virtual_memory_bytes", "Virtual memory", process.virtual_bytes);
        self.one("process_open_fds", "Open file descriptors", process.open_fds);
        self.one("process_max_fds", "The most that may be open", process.max_fds);
        self.one("process_start_time_seconds", "When the process began, since the epoch", process.start_seconds);
        let reload = monitor.reload();
        let name = "quittance_config_last_reload_successful";
        let successful = if reload.refused.is_some() { 0.0 } else { 1.0 };
        self.one(name, "Whether the configuration that was read last is used", Some(successful));
        let name = "quittance_config_last_reload_success_timestamp_seconds";
        self.one(name, "When the configuration that is used was read", reload.succeeded_at.map(since_epoch));
        let reloads = Counter::<u64, AtomicU64>::default();
        reloads.inc_by(reload.times);
        self.0.register("quittance_config_reloads", "Reloads of the configuration, refused ones too", reloads);
        let (warnings, errors) = monitor.problems().totals();
        let of = |level: &str| vec![("level", level.to_owned())];
        let lines = [(of("warning"), warnings), (of("error"), errors)];
        self.counter("quittance_log_problems", "Warnings and errors in the log", lines);
        let set_aside = monitor.set_aside();
        self.one("quittance_quarantine_items", "What is in the quarantine", Some(set_aside.items as f64));
        self.one("quittance_quarantine_bytes", "Its bytes", Some(set_aside.bytes as f64));
    }

    fn events(&mut self, monitor: &Monitor) {
        let mut all: BTreeMap<(String, String), Counts> = BTreeMap::new();
        let mut folded = 0_u32;
        for (unit, tag, counts) in monitor.subject().ledger.snapshot() {
            let (unit, table) = (unit.as_str(), tag.table());
            let key = match monitor.has_series(unit, table, MOST_SERIES) {
                true => (unit.to_owned(), table.to_owned()),
                false => {
                    folded += 1;
                    (OTHER.to_owned(), OTHER.to_owned())
                }
            };
            *all.entry(key).or_default() += counts;
        }
        let labels = |(unit, table): &(String, String)| vec![("unit", unit.clone()), ("table", table.clone())];
        let with = |key, outcome: &str| [labels(key), vec![("outcome", outcome.to_owned())]].concat();
        self.counter(
            "quittance_pulled_events",
            "Events taken from their source; one that is given again counts again",
            all.iter().map(|(key, counts)| (labels(key), counts.pulled)),
        );
        let outcomes = all.iter().flat_map(|(key, counts)| {
            [
                (with(key, "filtered"), counts.filtered),
                (with(key, "quarantined"), counts.quarantined),
                (with(key, "delivered_closed"), counts.delivered_closed),
                (with(key, "delivered_acked"), counts.delivered_acked),
                (with(key, "returned"), counts.returned),
            ]
        });
        let help =
            "What became of the events that were pulled and are not in flight, by proof where they were delivered";
        self.counter("quittance_events", help, outcomes);
        let bytes = all.iter().flat_map(|(key, counts)| {
            [(with(key, "delivered"), counts.bytes), (with(key, "returned"), counts.returned_bytes)]
        });
        self.counter("quittance_event_bytes", "Payload bytes of events, by what became of them", bytes);
        let in_flight = all.iter().map(|(key, counts)| (labels(key), counts.in_flight as f64));
        self.gauge("quittance_in_flight_events", "Events on their way, without a receipt yet", in_flight);
        let in_flight = all.iter().map(|(key, counts)| (labels(key), counts.in_flight_bytes as f64));
        self.gauge("quittance_in_flight_bytes", "Their payload bytes", in_flight);
        let help = "Tags whose events are counted under `other`, since there are too many units and tables";
        self.one("quittance_metrics_folded_tags", help, Some(f64::from(folded)));
    }

    fn units(&mut self, monitor: &Monitor) {
        let subject = monitor.subject();
        let (now, wall) = (monitor.clock().now(), monitor.clock().wall());
        let mut views = subject.health.views();
        self.one("quittance_units", "Units that run", Some(views.len() as f64));
        let well = views.iter().filter(|view| is_well(view)).count();
        self.one("quittance_units_well", "Units that run and have no problem", Some(well as f64));
        views.truncate(MOST_UNITS);
        let of = |view: &UnitView| vec![("unit", view.health.unit.as_str().to_owned())];
        let healthy = views.iter().map(|view| (of(view), f64::from(u8::from(view.health.stalled.is_none()))));
        self.gauge("quittance_unit_healthy", "Whether a unit gets on", healthy);
        let stalled = views.iter().filter_map(|view| {
            let (stage, stands) = view.health.stalled?;
            Some(([of(view), vec![("stage", stage.name().to_owned())]].concat(), stands.as_secs_f64()))
        });
        self.gauge(
            "quittance_unit_stalled_seconds",
            "For how long a unit does not get on, and where it stands",
            stalled,
        );
        let problems = views.iter().flat_map(|view| {
            let found = view.findings.iter().map(|finding| finding.code);
            let codes = found.chain(view.failed.as_ref().map(|failed| failed.code));
            codes.map(|code| ([of(view), vec![("code", code.to_string())]].concat(), 1.0)).collect::<Vec<_>>()
        });
        self.gauge("quittance_unit_problem", "1 for every problem that a unit has at present", problems);
        let held = views.iter().map(|view| (of(view), view.health.held as f64));
        self.gauge("quittance_unit_held_messages", "Messages of its queue that a unit holds", held);
        let lag = views.iter().filter_map(|view| Some((of(view), view.behind?.as_secs_f64())));
        let help = "How much older than the present what a unit read last was: the oldest message of its last receive, \
                    or the time up to which an API was read and confirmed";
        self.gauge("quittance_unit_lag_seconds", help, lag);
        let accounts: Vec<_> = views.iter().map(|view| (of(view), subject.ledger.unit(&view.health.unit))).collect();
        let oldest = accounts.iter().map(|(labels, account)| {
            let age = account.oldest_loan().map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
            (labels.clone(), age)
        });
        self.gauge("quittance_unit_oldest_unsettled_seconds", "Age of the oldest events without a receipt", oldest);
        let last = accounts.iter().filter_map(|(labels, account)| {
            Some((labels.clone(), since_epoch(wall_of(account.last_lent()?, now, wall))))
        });
        self.gauge("quittance_unit_last_event_timestamp_seconds", "When a unit gave events last", last);
        let calls = subject.calls.read();
        let of = |api: &str| vec![("api", api.to_owned())];
        let every = calls.iter().map(|(api, called)| (of(api), called.calls));
        self.counter("quittance_api_calls", "Calls of AWS, by the API's name of the operation", every);
        let errors = calls.iter().map(|(api, called)| (of(api), called.errors));
        self.counter("quittance_api_errors", "Calls that failed or were refused, but for throttled ones", errors);
        let throttled = calls.iter().map(|(api, called)| (of(api), called.throttled));
        self.counter("quittance_api_throttled", "Calls that AWS found too many", throttled);
    }

    fn senders(&mut self, monitor: &Monitor) {
        let subject = monitor.subject();
        let all: Vec<_> = subject
            .senders
            .iter()
            .map(|view| {
                let labels = vec![("sender", view.sender.name().to_owned()), ("pool", view.pool.to_owned())];
                (labels, &view.sender, view.sender.counts().read())
            })
            .collect();
        let ready = all.iter().map(|(labels, sender, _)| (labels.clone(), f64::from(u8::from(sender.is_ready()))));
        self.gauge("quittance_sender_ready", "Whether a destination is known to confirm", ready);
        let waiting = all.iter().map(|(labels, sender, _)| (labels.clone(), sender.waiting() as f64));
        self.gauge("quittance_sender_waiting_batches", "Batches that wait for a sender", waiting);
        let mut counter = |name, help, value: fn(&quittance_core::SenderReading) -> u64| {
            self.counter(name, help, all.iter().map(|(labels, _, read)| (labels.clone(), value(read))));
        };
        counter("quittance_sender_events", "Events written, those that were given again too", |read| read.events);
        counter("quittance_sender_bytes", "Their payload bytes", |read| read.bytes);
        counter("quittance_sender_batches", "Batches written", |read| read.batches);
        counter("quittance_sender_handshakes", "Connections made, with their TLS handshake", |read| read.opened);
        counter("quittance_sender_refused_connections", "Connections that could not be made", |read| read.refused);
        counter(
            "quittance_sender_ended_connections",
            "Connections whose orderly end proved what they carried",
            |read| read.ended,
        );
        counter("quittance_sender_lost_connections", "Connections that broke, by a reset or otherwise", |read| {
            read.lost
        });
        let optional = |value: fn(&quittance_core::Counts) -> u64| {
            let events = subject.senders.iter().filter(|view| view.pool == "standard").filter_map(move |view| {
                let counts = view.sender.effort()?.counts();
                Some((vec![("sender", view.sender.name().to_owned())], value(&counts)))
            });
            events.collect::<Vec<_>>()
        };
        let (offered, confirmed, lost) = (
            optional(|counts| counts.pulled),
            optional(|counts| counts.delivered()),
            optional(|counts| counts.returned),
        );
        self.counter("quittance_optional_offered_events", "Events that optional outputs were offered", offered);
        self.counter("quittance_optional_confirmed_events", "Events that optional outputs have confirmed", confirmed);
        self.counter(
            "quittance_optional_lost_events",
            "Events that optional outputs had no room for, or never confirmed",
            lost,
        );
        let ends = subject
            .certificates
            .iter()
            .map(|certificate| (vec![("sender", certificate.output.clone())], since_epoch(certificate.not_after)));
        self.gauge("quittance_certificate_not_after_timestamp_seconds", "When our certificate at an output ends", ends);
    }
}

pub(crate) fn is_well(view: &UnitView) -> bool {
    view.health.stalled.is_none() && view.findings.is_empty() && view.failed.is_none()
}

/// The time of day of a moment in the past.
pub(crate) fn wall_of(at: Instant, now: Instant, wall: SystemTime) -> SystemTime {
    wall.checked_sub(now.saturating_duration_since(at)).unwrap_or(UNIX_EPOCH)
}

fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// OpenMetrics in the older text: there a counter's family has the name of its series, and there is no last line.
fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let counters: Vec<&str> =
        open.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    for line in open.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let word = ["# HELP ", "# TYPE "].into_iter().find(|word| line.starts_with(word));
        let described = word.and_then(|word| Some((word, line[word.len()..].split_once(' ')?)));
        // A string takes every write.
        _ = match described {
            Some((word, (name, rest))) if counters.contains(&name) => writeln!(text, "{word}{name}_total {rest}"),
            _ => writeln!(text, "{line}"),
        };
    }
    text
}
