//! The way of the events, from the sources through the channels to the senders, as a drawing: one that is wide, and one that
//! is tall, of which the style shows what fits.

use maud::{Markup, html};

use super::state::Mood;
use crate::{format, history::Rate};

/// Boxes in a column.
const MOST: usize = 8;

/// A source or a sender.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) detail: String,
    pub(super) rate: Rate,
    pub(super) mood: Mood,
}

/// What is drawn.
pub(super) struct Flow {
    pub(super) sources: Vec<Node>,
    pub(super) in_flight: String,
    pub(super) senders: Vec<Node>,
}

/// A box at a place.
struct Place {
    x: f32,
    y: f32,
    width: f32,
}

const BOX: f32 = 48.0;
const GAP: f32 = 12.0;

impl Flow {
    /// The worst and the busiest come first, and what is left of a long column is one box.
    pub(super) fn shortened(mut self) -> Flow {
        for nodes in [&mut self.sources, &mut self.senders] {
            nodes.sort_by(|a, b| a.mood.cmp(&b.mood).then(b.rate.events.total_cmp(&a.rate.events)));
            if nodes.len() > MOST {
                let rest = nodes.split_off(MOST - 1);
                let rate = rest.iter().fold(Rate::default(), |sum, node| Rate {
                    events: sum.events + node.rate.events,
                    bytes: sum.bytes + node.rate.bytes,
                });
                let mood = rest.iter().map(|node| node.mood).min().unwrap_or(Mood::Well);
                nodes.push(Node { name: format!("{} others", rest.len()), detail: String::new(), rate, mood });
            }
        }
        self
    }

    pub(super) fn draw(&self) -> Markup {
        html! {
            (self.wide())
            (self.tall())
        }
    }

    fn wide(&self) -> Markup {
        let rows = self.sources.len().max(self.senders.len()).max(1) as f32;
        let height = rows * (BOX + GAP) - GAP + 8.0;
        let column = |count: usize, x: f32, width: f32| -> Vec<Place> {
            let used = count as f32 * (BOX + GAP) - GAP;
            let top = 4.0 + (height - 8.0 - used) / 2.0;
            (0..count).map(|row| Place { x, y: top + row as f32 * (BOX + GAP), width }).collect()
        };
        let (sources, senders) = (column(self.sources.len(), 2.0, 380.0), column(self.senders.len(), 698.0, 260.0));
        let middle = Place { x: 470.0, y: height / 2.0 - BOX / 2.0, width: 140.0 };
        let centre = height / 2.0;
        html! {
            svg.flow.wide viewBox=(format!("0 0 960 {height}")) role="img" aria-label=(self.in_words()) {
                @for (node, place) in self.sources.iter().zip(&sources) {
                    (link(place.x + place.width, place.y + BOX / 2.0, middle.x, centre, node.rate))
                }
                @for (node, place) in self.senders.iter().zip(&senders) {
                    (link(middle.x + middle.width, centre, place.x, place.y + BOX / 2.0, node.rate))
                }
                @for (node, place) in self.sources.iter().zip(&sources) { (node.draw(place, 41)) }
                (self.middle(&middle))
                @for (node, place) in self.senders.iter().zip(&senders) { (node.draw(place, 26)) }
            }
        }
    }

    fn tall(&self) -> Markup {
        let width = 330.0;
        let mut y = 2.0;
        let mut next = |gap: f32| {
            let place = Place { x: 2.0, y, width: width - 4.0 };
            y += BOX + gap;
            place
        };
        let last = |at: usize, count: usize| if at + 1 == count { 34.0 } else { 6.0 };
        let sources: Vec<_> = (0..self.sources.len()).map(|at| next(last(at, self.sources.len()))).collect();
        let middle = next(34.0);
        let senders: Vec<_> = (0..self.senders.len()).map(|_| next(6.0)).collect();
        let total = |nodes: &[Node]| Rate {
            events: nodes.iter().map(|node| node.rate.events).sum(),
            bytes: nodes.iter().map(|node| node.rate.bytes).sum(),
        };
        let half = width / 2.0;
        html! {
            svg.flow.tall viewBox=(format!("0 0 {width} {y}")) role="img" aria-label=(self.in_words()) {
                (link(half, middle.y - 32.0, half, middle.y - 2.0, total(&self.sources)))
                (link(half, middle.y + BOX + 2.0, half, middle.y + BOX + 32.0, total(&self.senders)))
                @for (node, place) in self.sources.iter().zip(&sources) { (node.draw(place, 35)) }
                (self.middle(&middle))
                @for (node, place) in self.senders.iter().zip(&senders) { (node.draw(place, 35)) }
            }
        }
    }

    fn middle(&self, at: &Place) -> Markup {
        html! {
            g.node.channel {
                rect x=(at.x) y=(at.y) width=(at.width) height=(BOX) rx="8" {}
                text.title x=(at.x + at.width / 2.0) y=(at.y + 20.0) text-anchor="middle" { "on their way" }
                text.detail x=(at.x + at.width / 2.0) y=(at.y + 38.0) text-anchor="middle" { (self.in_flight) }
            }
        }
    }

    fn in_words(&self) -> String {
        let words = |nodes: &[Node]| {
            let of = |node: &Node| format!("{} {} events a second", node.name, format::rate(node.rate.events));
            nodes.iter().map(of).collect::<Vec<_>>().join("; ")
        };
        format!(
            "Sources: {}. On their way: {}. Senders: {}.",
            words(&self.sources),
            self.in_flight,
            words(&self.senders)
        )
    }
}

impl Node {
    fn draw(&self, at: &Place, letters: usize) -> Markup {
        let name = shortened(&self.name, letters);
        let moving = format!("{} events/s · {}/s", format::rate(self.rate.events), format::bytes(self.rate.bytes));
        html! {
            g class=(format!("node {}", self.mood.class())) {
                title { (self.name) " " (self.detail) }
                rect x=(at.x) y=(at.y) width=(at.width) height=(BOX) rx="8" {}
                circle cx=(at.x + 20.0) cy=(at.y + BOX / 2.0) r="10" {}
                text.mark x=(at.x + 20.0) y=(at.y + BOX / 2.0 + 4.5) text-anchor="middle" { (self.mood.mark()) }
                text.title x=(at.x + 40.0) y=(at.y + 20.0) { (name) }
                text.detail x=(at.x + 40.0) y=(at.y + 38.0) {
                    @if self.detail.is_empty() { (moving) } @else { (format::rate(self.rate.events)) " events/s · " (self.detail) }
                }
            }
        }
    }
}

/// A way between two boxes, the broader the more goes there.
fn link(x1: f32, y1: f32, x2: f32, y2: f32, rate: Rate) -> Markup {
    let d = match x1 == x2 {
        true => format!("M{x1} {y1}L{x2} {y2}"),
        false => {
            let half = (x1 + x2) / 2.0;
            format!("M{x1} {y1}C{half} {y1} {half} {y2} {x2} {y2}")
        }
    };
    let width = 1.5 + (1.0 + rate.events).log10() * 1.6;
    html! {
        path.way d=(d) stroke-width=(format!("{width:.1}")) {}
        @if rate.events > 0.0 { path.moves d=(d) stroke-width=(format!("{:.1}", width.max(2.5))) {} }
    }
}

/// The end says more than the beginning.
fn shortened(name: &str, letters: usize) -> String {
    let count = name.chars().count();
    if count <= letters {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count + 1 - letters).collect();
    format!("…{end}")
}
