//! The page itself. What changes stands in elements with `data-live`, which the script replaces one by one.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};
use quittance_core::{Counts, UnitView};

use super::{
    flow::{Flow, Node},
    plots::plots,
    state::{Mood, Trouble, state, troubles},
};
use crate::{
    Level, Monitor, Subject,
    format::{bytes, clock, count, moment, rate, span},
    history::Rate,
    metrics::wall_of,
};

/// Units that have a row.
const MOST_UNITS: usize = 200;

/// Tables that have a row in the ledger.
const MOST_TABLES: usize = 100;

/// A certificate that ends sooner is worth a warning.
const NOTICE: Duration = Duration::from_secs(30 * 86_400);

/// What a unit's row is made of.
struct Row {
    view: UnitView,
    troubles: Vec<Trouble>,
    mood: Mood,
    word: &'static str,
    rate: Rate,
    counts: Counts,
    last_event: Option<SystemTime>,
    oldest: Option<Duration>,
}

/// Everything that was seen at one moment.
struct Sight {
    rows: Vec<Row>,
    total: Counts,
    pulled: Rate,
    delivered: Rate,
    oldest: Option<Duration>,
    now: SystemTime,
}

impl Sight {
    fn of(monitor: &Monitor, subject: &Subject) -> Sight {
        let (now, wall) = (monitor.clock().now(), monitor.clock().wall());
        let rates = monitor.history(|history| history.units());
        let row = |view: UnitView| {
            let troubles = troubles(&view);
            let (mood, word) = state(&view, &troubles);
            let account = subject.ledger.unit(&view.health.unit);
            Row {
                mood,
                word,
                rate: rates.get(view.health.unit.as_str()).copied().unwrap_or_default(),
                counts: account.total(),
                last_event: account.last_lent().map(|at| wall_of(at, now, wall)),
                oldest: account.oldest_loan().map(|at| now.saturating_duration_since(at)),
                view,
                troubles,
            }
        };
        let mut rows: Vec<Row> = subject.health.views().into_iter().map(row).collect();
        rows.sort_by(|a, b| a.mood.cmp(&b.mood).then_with(|| a.view.health.unit.cmp(&b.view.health.unit)));
        let sum = |rates: &mut dyn Iterator<Item = Rate>| {
            rates.fold(Rate::default(), |sum, rate| Rate {
                events: sum.events + rate.events,
                bytes: sum.bytes + rate.bytes,
            })
        };
        let pulled = sum(&mut rates.values().copied());
        let delivered = monitor.history(|history| sum(&mut history.tables().into_values()));
        let oldest = rows.iter().filter_map(|row| row.oldest).max();
        Sight { total: subject.ledger.total(), oldest, rows, pulled, delivered, now: wall }
    }
}

/// The whole page.
pub(super) fn page(monitor: &Monitor) -> Markup {
    let subject = monitor.subject();
    let sight = Sight::of(monitor, &subject);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Quittance " (subject.name) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                script src="/page.js" defer {}
            }
            body {
                a.skip href="#units" { "To the units" }
                header {
                    div {
                        h1 { "Quittance " span.name { (subject.name) } }
                        p.quiet { "collector " (subject.id) " · version " (env!("CARGO_PKG_VERSION")) }
                    }
                    div #live-status data-live role="status" { (status(monitor, &subject, &sight)) }
                }
                p #lost role="alert" hidden { "The collector does not answer any more. What stands here is old." }
                noscript { p.notice { "Without a script nothing here moves: load the page again to see what is new." } }
                main {
                    section aria-label="At a glance" { div #live-tiles data-live { (tiles(monitor, &subject, &sight)) } }
                    section aria-labelledby="flow-title" {
                        h2 #flow-title { "From the sources to Devo" }
                        div #live-flow data-live { (flow(monitor, &subject, &sight)) }
                    }
                    section #units aria-labelledby="units-title" {
                        h2 #units-title { "Units" }
                        div #live-units data-live { (units(&sight)) }
                    }
                    section aria-labelledby="plots-title" {
                        h2 #plots-title { "Events by Devo table" }
                        div #live-plots data-live { (monitor.history(plots)) }
                    }
                    section aria-labelledby="problems-title" {
                        h2 #problems-title { "Recent problems" }
                        div #live-problems data-live { (problems(monitor)) }
                    }
                    section aria-labelledby="ledger-title" {
                        h2 #ledger-title { "Ledger" }
                        div #live-ledger data-live { (ledger(&subject, &sight)) }
                    }
                    div.pair {
                        section aria-labelledby="senders-title" {
                            h2 #senders-title { "Senders and certificates" }
                            div #live-senders data-live { (senders(&subject, sight.now)) }
                        }
                        section aria-labelledby="calls-title" {
                            h2 #calls-title { "Calls of AWS" }
                            div #live-calls data-live { (calls(&subject)) }
                        }
                    }
                    (tap())
                    section aria-labelledby="configuration-title" {
                        h2 #configuration-title { "Configuration" }
                        div #live-reload data-live { (reload(monitor)) }
                        details {
                            summary { "Show the configuration that is used, without its secrets" }
                            pre tabindex="0" { (subject.configuration) }
                        }
                    }
                }
                footer { p.quiet { "This page only looks: nothing can be changed here. Times are UTC." } }
            }
        }
    }
}

/// What of it changes.
pub(super) fn live(monitor: &Monitor) -> Markup {
    let subject = monitor.subject();
    let sight = Sight::of(monitor, &subject);
    html! {
        div #live-status data-live { (status(monitor, &subject, &sight)) }
        div #live-tiles data-live { (tiles(monitor, &subject, &sight)) }
        div #live-flow data-live { (flow(monitor, &subject, &sight)) }
        div #live-units data-live { (units(&sight)) }
        div #live-plots data-live { (monitor.history(plots)) }
        div #live-problems data-live { (problems(monitor)) }
        div #live-ledger data-live { (ledger(&subject, &sight)) }
        div #live-senders data-live { (senders(&subject, sight.now)) }
        div #live-calls data-live { (calls(&subject)) }
        div #live-reload data-live { (reload(monitor)) }
    }
}

fn badge(mood: Mood, word: &str) -> Markup {
    html! { span class=(format!("badge {}", mood.class())) { span.mark aria-hidden="true" { (mood.mark()) } " " (word) } }
}

fn status(monitor: &Monitor, subject: &Subject, sight: &Sight) -> Markup {
    let silent: Vec<&str> = subject
        .outputs
        .iter()
        .filter(|output| !output.is_ready() && output.effort().is_none())
        .map(|output| output.name())
        .collect();
    let bad = sight.rows.iter().filter(|row| row.mood == Mood::Bad).count();
    let warns = sight.rows.iter().filter(|row| row.mood == Mood::Warns).count();
    let waits = sight.rows.iter().filter(|row| row.mood == Mood::Waits).count();
    let units = |count: usize, does: &str, do_: &str| match count {
        1 => format!("1 unit {does}"),
        _ => format!("{count} units {do_}"),
    };
    let (mood, words) = match (silent.is_empty(), bad, warns, waits) {
        (false, ..) => (Mood::Bad, format!("{} does not confirm", silent.join(", "))),
        (_, 1.., ..) => (Mood::Bad, units(bad, "has a problem", "have problems")),
        (_, _, 1.., _) => (Mood::Warns, units(warns, "has a warning", "have warnings")),
        (_, _, _, 1..) => (Mood::Waits, units(waits, "begins", "begin")),
        _ => (Mood::Well, "all is well".to_owned()),
    };
    html! {
        (badge(mood, &words))
        span.quiet { "up " (span(monitor.uptime())) }
    }
}

fn tile(name: &str, value: &str, more: &str) -> Markup {
    html! { div.tile { dt { (name) } dd { strong { (value) } @if !more.is_empty() { span.quiet { (more) } } } } }
}

fn tiles(monitor: &Monitor, subject: &Subject, sight: &Sight) -> Markup {
    let Sight { total, pulled, delivered, .. } = sight;
    let aside = monitor.set_aside();
    let end = subject.certificates.iter().map(|certificate| certificate.not_after).min();
    let days = end.map(|end| end.duration_since(sight.now).map_or(0, |left| left.as_secs() / 86_400));
    let receipt = sight.oldest.map_or("—".to_owned(), span);
    html! {
        dl.tiles {
            (tile("Delivered", &format!("{}/s", rate(delivered.events)), &format!("{}/s", bytes(delivered.bytes))))
            (tile("Pulled", &format!("{}/s", rate(pulled.events)), &format!("{}/s", bytes(pulled.bytes))))
            (tile("On their way", &count(total.in_flight), &bytes(total.in_flight_bytes as f64)))
            (tile("Oldest without a receipt", &receipt, ""))
            (tile("Delivered in all", &count(total.delivered()), &bytes(total.bytes as f64)))
            (tile("Quarantine", &count(aside.items), &bytes(aside.bytes as f64)))
            @if let Some(days) = days { (tile("Certificate ends in", &count(days), "days")) }
        }
    }
}

fn flow(monitor: &Monitor, subject: &Subject, sight: &Sight) -> Markup {
    let rates = monitor.history(|history| history.senders());
    let source = |row: &Row| Node {
        name: row.view.health.unit.as_str().to_owned(),
        detail: if row.mood == Mood::Well { String::new() } else { row.word.to_owned() },
        rate: row.rate,
        mood: row.mood,
    };
    let is_of_use = |view: &&crate::SenderView| {
        view.pool != "lookup" && (view.pool != "internal" || view.sender.counts().read().events > 0)
    };
    let sender = |view: &crate::SenderView| {
        let name = format!("{}/{}", view.sender.name(), view.pool);
        let is_ready = view.sender.is_ready();
        Node {
            rate: rates.get(&name).copied().unwrap_or_default(),
            name: if view.pool == "standard" { view.sender.name().to_owned() } else { name },
            detail: if is_ready { String::new() } else { "does not confirm".to_owned() },
            mood: sender_mood(&view.sender),
        }
    };
    let total = sight.total;
    let drawing = Flow {
        sources: sight.rows.iter().map(source).collect(),
        in_flight: format!("{} · {}", count(total.in_flight), bytes(total.in_flight_bytes as f64)),
        senders: subject.senders.iter().filter(is_of_use).map(sender).collect(),
    };
    drawing.shortened().draw()
}

fn units(sight: &Sight) -> Markup {
    let ago = |time: Option<SystemTime>| match time {
        Some(time) => format!("{} ago", span(sight.now.duration_since(time).unwrap_or_default())),
        None => "none yet".to_owned(),
    };
    html! {
        @if sight.rows.is_empty() { p.quiet { "No unit runs." } }
        @else {
            table.cards {
                thead { tr { th scope="col" { "Unit" } th scope="col" { "State" } th.number scope="col" { "Rate" } th.number scope="col" { "Delivered" }
                    th.number scope="col" { "On their way" } th.number scope="col" { "Held" } th.number scope="col" { "Behind" } th scope="col" { "Last event" } } }
                @for row in sight.rows.iter().take(MOST_UNITS) {
                    tbody {
                        tr {
                            th.name scope="row" { (row.view.health.unit) }
                            td data-label="State" { (badge(row.mood, row.word)) }
                            td.number data-label="Rate" { (rate(row.rate.events)) "/s" }
                            td.number data-label="Delivered" { (count(row.counts.delivered())) }
                            td.number data-label="On their way" { (count(row.counts.in_flight)) }
                            td.number data-label="Held" { (count(row.view.health.held as u64)) }
                            td.number data-label="Behind" { (row.view.behind.map_or("—".to_owned(), span)) }
                            td data-label="Last event" { (ago(row.last_event)) }
                        }
                        @for trouble in &row.troubles {
                            tr.trouble { td colspan="8" { (in_full(trouble)) } }
                        }
                    }
                }
            }
            @if sight.rows.len() > MOST_UNITS { p.quiet { "and " (sight.rows.len() - MOST_UNITS) " more, of which none is worse" } }
        }
    }
}

fn in_full(trouble: &Trouble) -> Markup {
    html! {
        div class=(format!("box {}", trouble.mood.class())) {
            p { span.mark aria-hidden="true" { (trouble.mood.mark()) } " " (trouble.problem) @if let Some(code) = &trouble.code { " " code { (code) } } }
            @if !trouble.fix.is_empty() { p.fix { strong { "What to do: " } (trouble.fix) } }
        }
    }
}

fn problems(monitor: &Monitor) -> Markup {
    let problems = monitor.problems().last();
    html! {
        @if problems.is_empty() { p.quiet { "None since the start." } }
        @else {
            ol.problems {
                @for problem in problems.iter().take(30) {
                    @let mood = if problem.level == Level::Error { Mood::Bad } else { Mood::Warns };
                    li {
                        span.when { time datetime=(moment(problem.last)) { (clock(problem.last)) } @if problem.times > 1 { " ×" (count(problem.times)) } }
                        (badge(mood, if problem.level == Level::Error { "error" } else { "warning" }))
                        div.what {
                            p { (problem.text) }
                            p.quiet { @if let Some(code) = &problem.code { code { (code) } } @if let Some(unit) = &problem.unit { " " span.name { (unit) } } }
                        }
                    }
                }
            }
        }
    }
}

fn ledger(subject: &Subject, sight: &Sight) -> Markup {
    let mut tables = std::collections::BTreeMap::<String, Counts>::new();
    for (_, tag, counts) in subject.ledger.snapshot() {
        *tables.entry(tag.table().to_owned()).or_default() += counts;
    }
    let mut tables: Vec<_> = tables.into_iter().collect();
    tables.sort_by(|a, b| b.1.pulled.cmp(&a.1.pulled).then_with(|| a.0.cmp(&b.0)));
    let Counts { pulled, filtered, quarantined, returned, in_flight, .. } = sight.total;
    let delivered = sight.total.delivered();
    html! {
        p.equation {
            span { strong { (count(pulled)) } " pulled" } span { "=" }
            span { strong { (count(delivered)) } " delivered" } span { "+" }
            span { strong { (count(filtered)) } " filtered" } span { "+" }
            span { strong { (count(quarantined)) } " quarantined" } span { "+" }
            span { strong { (count(returned)) } " returned" } span { "+" }
            span { strong { (count(in_flight)) } " on their way" }
        }
        p.quiet { "Every event that was pulled is in one of these. What came back is pulled again." }
        @if !tables.is_empty() {
            table.cards {
                thead { tr { th scope="col" { "Table" } th.number scope="col" { "Pulled" } th.number scope="col" { "Delivered" } th.number scope="col" { "Bytes delivered" }
                    th.number scope="col" { "Filtered" } th.number scope="col" { "Quarantined" } th.number scope="col" { "Returned" } th.number scope="col" { "On their way" } } }
                @for (table, counts) in tables.iter().take(MOST_TABLES) {
                    tbody { tr {
                        th.name scope="row" { (super::plots::breakable(table)) }
                        td.number data-label="Pulled" { (count(counts.pulled)) }
                        td.number data-label="Delivered" { (count(counts.delivered())) }
                        td.number data-label="Bytes delivered" { (bytes(counts.bytes as f64)) }
                        td.number data-label="Filtered" { (count(counts.filtered)) }
                        td.number data-label="Quarantined" { (count(counts.quarantined)) }
                        td.number data-label="Returned" { (count(counts.returned)) }
                        td.number data-label="On their way" { (count(counts.in_flight)) }
                    } }
                }
            }
            @if tables.len() > MOST_TABLES { p.quiet { "and " (tables.len() - MOST_TABLES) " tables more" } }
        }
    }
}

/// Nothing waits for an optional output that does not confirm.
fn sender_mood(sender: &quittance_core::Readiness) -> Mood {
    match (sender.is_ready(), sender.effort()) {
        (true, _) => Mood::Well,
        (false, Some(_)) => Mood::Warns,
        (false, None) => Mood::Bad,
    }
}

fn senders(subject: &Subject, now: SystemTime) -> Markup {
    html! {
        table.cards {
            thead { tr { th scope="col" { "Sender" } th scope="col" { "State" } th.number scope="col" { "Events written" } th.number scope="col" { "Handshakes" }
                th.number scope="col" { "Ended in order" } th.number scope="col" { "Lost or refused" } } }
            @for view in subject.senders.iter().filter(|view| view.pool == "standard" || view.sender.counts().read().opened > 0) {
                @let read = view.sender.counts().read();
                @let (mood, word) = (sender_mood(&view.sender), if view.sender.is_ready() { "confirms" } else { "does not confirm" });
                tbody { tr {
                    th.name scope="row" {
                        (view.sender.name()) " " span.quiet { (view.pool) }
                        @if let Some(effort) = view.sender.effort() { " " span.quiet { "optional, " (count(effort.counts().returned)) " lost" } }
                    }
                    td data-label="State" { (badge(mood, word)) }
                    td.number data-label="Events written" { (count(read.events)) }
                    td.number data-label="Handshakes" { (count(read.opened)) }
                    td.number data-label="Ended in order" { (count(read.ended)) }
                    td.number data-label="Lost or refused" { (count(read.lost + read.refused)) }
                } }
            }
        }
        ul.certificates {
            @for certificate in &subject.certificates {
                @let left = certificate.not_after.duration_since(now).ok();
                @let mood = match left { None => Mood::Bad, Some(left) if left < NOTICE => Mood::Warns, Some(_) => Mood::Well };
                li {
                    (badge(mood, "certificate")) " of " span.name { (certificate.output) }
                    @match left {
                        Some(left) => { " ends in " strong { (count(left.as_secs() / 86_400)) " days" } ", on " (moment(certificate.not_after)) }
                        None => { " ended on " strong { (moment(certificate.not_after)) } ": ask Devo for a new one" }
                    }
                }
            }
        }
    }
}

fn calls(subject: &Subject) -> Markup {
    let calls = subject.calls.read();
    html! {
        @if calls.is_empty() { p.quiet { "None yet." } }
        @else {
            table.narrow {
                thead { tr { th scope="col" { "API" } th.number scope="col" { "Calls" } th.number scope="col" { "Errors" } th.number scope="col" { "Throttled" } } }
                tbody {
                    @for (api, called) in &calls {
                        tr {
                            th.name scope="row" { (api) }
                            td.number { (count(called.calls)) }
                            td.number { (count(called.errors)) }
                            td.number { (count(called.throttled)) }
                        }
                    }
                }
            }
        }
    }
}

fn reload(monitor: &Monitor) -> Markup {
    let reload = monitor.reload();
    html! {
        p.quiet {
            @if let Some(at) = reload.succeeded_at { "In use since " (moment(at)) "." }
        }
        @if let Some((reason, at)) = &reload.refused {
            div.box.bad { p { span.mark aria-hidden="true" { (Mood::Bad.mark()) } " A changed configuration was refused at " (moment(*at)) ", and the one below goes on:" } pre { (reason) } }
        }
    }
}

fn tap() -> Markup {
    html! {
        section aria-labelledby="tap-title" {
            h2 #tap-title { "Tap" }
            p.quiet { "Live events as they leave for their outputs, 200 a second at most. Looking disturbs no delivery." }
            form #tap-form {
                label { "Table" input name="table" autocomplete="off" placeholder="cloud.aws.cloudtrail"; }
                label { "Unit" input name="unit" autocomplete="off" placeholder="audit-events-all"; }
                label { "Text" input name="text" autocomplete="off" placeholder="AccessDenied"; }
                button type="submit" #tap-button aria-pressed="false" { "Look" }
            }
            p #tap-state.quiet role="status" {}
            ol #tap-events tabindex="0" aria-label="Events" {}
        }
    }
}
