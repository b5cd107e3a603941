//! Events by table over time, one small plot each: they are told apart by their names, not by colours.

use std::{collections::VecDeque, fmt::Write};

use maud::{Markup, html};

use crate::{
    format,
    history::{EVERY, History, LOOKS_A_POINT, POINTS},
};

/// Plots that are shown.
const SHOWN: usize = 12;

const WIDTH: f32 = 240.0;
const HEIGHT: f32 = 56.0;

/// Points that a plot has room for at least: two minutes.
const LEAST: usize = 24;

pub(super) fn plots(history: &History) -> Markup {
    let rates = history.tables();
    let mut plots: Vec<_> = history.plots().iter().collect();
    let sum = |plot: &VecDeque<f32>| plot.iter().sum::<f32>();
    plots.sort_by(|a, b| sum(b.1).total_cmp(&sum(a.1)));
    html! {
        @if plots.is_empty() { p.quiet { "Nothing was delivered yet. Plots begin some seconds after the first event." } }
        div.plots {
            @for (table, plot) in plots.iter().take(SHOWN) {
                @let peak = plot.iter().copied().fold(0.0, f32::max);
                @let room = plot.len().clamp(LEAST, POINTS);
                @let now = rates.get(*table).copied().unwrap_or_default();
                figure {
                    figcaption {
                        span.name { (breakable(table)) }
                        span.now { strong { (format::rate(now.events)) } " events/s" }
                    }
                    svg.plot viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                        aria-label=(format!("{table}: at present {} events a second, {} at most", format::rate(now.events), format::rate(peak.into()))) {
                        line.base x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                        path.area d=(path(plot, room, peak, true)) {}
                        path.line d=(path(plot, room, peak, false)) {}
                    }
                    p.axis { span { (format::span(EVERY * LOOKS_A_POINT as u32 * room as u32)) " ago" } span { "peak " (format::rate(peak.into())) "/s" } span { "now" } }
                }
            }
        }
        @if plots.len() > SHOWN { p.quiet { "and " (plots.len() - SHOWN) " tables more, in the ledger" } }
    }
}

/// The newest at the right edge.
fn path(plot: &VecDeque<f32>, room: usize, peak: f32, closed: bool) -> String {
    let step = WIDTH / (room - 1) as f32;
    let x = |at: usize| WIDTH - (plot.len() - 1 - at) as f32 * step;
    let mut path = String::new();
    for (at, value) in plot.iter().enumerate() {
        let y = HEIGHT - 2.0 - if peak > 0.0 { value / peak * (HEIGHT - 6.0) } else { 0.0 };
        // A string takes every write.
        _ = write!(path, "{}{:.1} {y:.1}", if at == 0 { "M" } else { "L" }, x(at));
    }
    if closed && !plot.is_empty() {
        _ = write!(path, "L{WIDTH} {HEIGHT}L{:.1} {HEIGHT}Z", x(0));
    }
    path
}

/// A name that is broken after its dots, where it must be.
pub(super) fn breakable(name: &str) -> Markup {
    html! { @for (at, level) in name.split('.').enumerate() { @if at > 0 { "." wbr; } (level) } }
}
