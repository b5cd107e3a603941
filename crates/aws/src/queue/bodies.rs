//! Bodies that are held, and how one is given.

use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use quittance_core::{Debt, EventsBuilder, OutputSet, TagId, planted};
use quittance_formats::{compact::compact, fields};
use serde::de::IgnoredAny;
use tracing::warn;

use crate::{
    AwsError, Filters, codes,
    filters::{Sieve, Verdict},
    held::{Again, Giving, Owed, PassEnd, Task},
    notification::instant,
    queue::{BodyKind, Claim, Route, Router},
    routing::Filtered,
    windows::event_id,
};

/// A body, ready to be given.
pub(crate) struct Body(Bytes);

impl Body {
    pub(crate) fn new(body: String) -> Self {
        Body(on_one_line(body).into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Memory that it keeps, in bytes.
    pub(crate) fn weight(&self) -> usize {
        // The entries around it, and what its batch keeps beside the bytes.
        self.0.len() + 1024
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a body of {} bytes", self.0.len())
    }
}

/// What passes over bodies of one kind share.
pub(crate) struct Bodies {
    kind: Arc<dyn BodyKind>,
    /// One for all passes, so that what it knows of tags is found again. Held for the microseconds that routing takes.
    routing: Mutex<Routing>,
    giving: Giving,
}

/// What says where events go.
struct Routing {
    router: Box<dyn Router>,
    sieve: Option<Sieve>,
}

/// Events that go to the same outputs, without a gap in their ordinals.
struct Group {
    ordinals: Range<u64>,
    to: OutputSet,
    events: EventsBuilder,
}

struct Cut {
    /// The body, without what is masked of it.
    body: Bytes,
    groups: Vec<Group>,
    events: u64,
    oversized: Vec<Oversized>,
}

/// An event that is too long to be given.
struct Oversized {
    ordinal: u64,
    place: Range<usize>,
    to: OutputSet,
    tag: TagId,
}

impl Bodies {
    pub(crate) fn new(kind: Arc<dyn BodyKind>, giving: Giving, filters: &Arc<Filters>) -> Self {
        let sieve = Sieve::new(filters, &giving.at, None, &giving.tags);
        let routing = Mutex::new(Routing { router: kind.router(&giving.at, &giving.tags), sieve });
        Bodies { routing, kind, giving }
    }

    pub(crate) fn claim(&self, body: &str) -> Claim {
        self.kind.claim(body.as_bytes())
    }

    /// Gives what is owed of `what`.
    pub(crate) async fn pass<I>(&self, what: &Body, task: Task<I>) -> PassEnd {
        let Task { item, owed, seen, reading, .. } = task;
        // A message's body is always the same, so that what was given of it counts whenever it comes again.
        _ = reading.set(String::new());
        // Before anything is given.
        let Ok(cut) = catch_unwind(AssertUnwindSafe(|| self.cut(&what.0, &owed, seen))) else {
            let (version, result) = (Some(String::new()), Err(AwsError::Panicked { object: what.to_string() }));
            return PassEnd { lent: 0, rest: owed, version, reached: 0, result };
        };
        let body = &cut.body;
        let mut lent = 0;
        for Group { ordinals, to, mut events } in cut.groups {
            if !events.is_empty() {
                let debt = Debt { item, events: ordinals };
                self.giving.outlet.emit(events.finish(body.clone()), debt, to, &self.giving.debts).await;
                lent += 1;
            }
        }
        let mut rest = Owed::default();
        let mut left = 0;
        for Oversized { ordinal, place, to, tag } in cut.oversized {
            if self.set_aside(&body[place], tag).await || planted("too-long-forgotten") {
                continue;
            }
            rest.add(ordinal..ordinal + 1, to);
            left += 1;
        }
        let result = match left {
            0 => Ok(()),
            events => {
                let (object, max_event_bytes) = (what.to_string(), self.giving.max_event_bytes);
                Err(AwsError::Oversized { object, events, max_event_bytes })
            }
        };
        PassEnd { lent, rest, version: Some(String::new()), reached: cut.events, result }
    }

    /// Quarantines an event that is too long. Whether that went well.
    async fn set_aside(&self, event: &[u8], tag: TagId) -> bool {
        let Giving { max_event_bytes, quarantine, outlet, tags, tally, .. } = &self.giving;
        // Named by its content: the same event that comes again is kept once.
        let address = format!("event {:032x}", event_id(&[event]));
        let reason = format!("longer than max_event_bytes ({max_event_bytes})");
        let tag = tags.tag(tag);
        let is_aside = quarantine.put(&address, &reason, event.to_vec(), &Again::Event(tag.to_string())).await;
        if is_aside {
            warn!(code = %codes::TOO_LONG, address, bytes = event.len(), max_event_bytes, "event is too long to be sent: set aside");
            outlet.ledger().quarantined(&tag, 1);
            tally.oversized.add(1);
        }
        is_aside
    }

    /// Finds the events in a body, and tags those that are owed.
    fn cut(&self, body: &Bytes, owed: &Owed, seen: u64) -> Cut {
        let (mut places, mut filtered, mut hint) = (Vec::new(), Filtered::default(), 0);
        self.kind.events(body, &mut places);
        let mut cut =
            Cut { body: Bytes::new(), groups: Vec::new(), events: places.len() as u64, oversized: Vec::new() };
        // A copy, from the first event on of which something is masked: the body itself is what may be given again.
        let mut masked: Option<Vec<u8>> = None;
        let mut routing = self.routing.lock().unwrap_or_else(PoisonError::into_inner);
        let Routing { router, sieve } = &mut *routing;
        router.enter(body);
        let is_early = self.giving.start_time.is_some_and(|start| time_of(body).is_some_and(|at| at < start));
        for (ordinal, Range { start, end }) in (0..).zip(places) {
            let to = owed.to(ordinal, &mut hint);
            if to.is_empty() {
                continue;
            }
            let route = router.route(&body[start..end]);
            let Verdict { route, by, masks } = match sieve {
                _ if is_early => Verdict::plain(route.dropped()),
                Some(sieve) => sieve.judge(&body[start..end], None, route),
                None => Verdict::plain(route),
            };
            if masks && let Some(sieve) = sieve {
                sieve.mask(&mut masked.get_or_insert_with(|| body.to_vec())[start..end], by);
            }
            let tag = match route {
                Route::Send(tag) if end - start > self.giving.max_event_bytes => {
                    cut.oversized.push(Oversized { ordinal, place: start..end, to, tag });
                    continue;
                }
                Route::Send(tag) => tag,
                Route::Drop(tag) => {
                    if ordinal >= seen {
                        filtered.add(tag, by, end - start);
                    }
                    continue;
                }
            };
            match cut.groups.last_mut() {
                Some(group) if group.to == to && group.ordinals.end == ordinal => {
                    group.ordinals.end += 1;
                    group.events.push(start, end, tag);
                }
                _ => {
                    let mut events = EventsBuilder::new(self.giving.tags.clone());
                    events.push(start, end, tag);
                    cut.groups.push(Group { ordinals: ordinal..ordinal + 1, to, events });
                }
            }
        }
        filtered.enter(&self.giving.tags, sieve.as_ref(), self.giving.outlet.ledger());
        drop(routing);
        cut.body = masked.map_or_else(|| body.clone(), Bytes::from);
        cut
    }
}

/// When it happened, as EventBridge and Voiso write it around an event.
pub(crate) fn time_of(body: &[u8]) -> Option<i64> {
    let [time, timestamp] = fields::read(body, [&["time"], &["timestamp"]]);
    instant(&fields::text(time.or(timestamp)?)?)
}

/// JSON that stands on several lines is put on one. Anything else stays as it is, line ends included: how an event is
/// framed is the sender's matter.
fn on_one_line(body: String) -> Vec<u8> {
    let has_lines = body.bytes().any(|b| b == b'\n' || b == b'\r');
    let is_json = has_lines && serde_json::from_str::<IgnoredAny>(&body).is_ok();
    let mut bytes = body.into_bytes();
    if is_json {
        let length = compact(&mut bytes);
        bytes.truncate(length);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::on_one_line;

    #[test]
    fn only_json_is_put_on_one_line() {
        let check = |body: &str, expected: &str| assert_eq!(on_one_line(body.to_owned()), expected.as_bytes());
        check("{\n  \"a\": \"b c\",\r\n  \"d\": [1, 2]\n}\n", r#"{"a":"b c","d":[1,2]}"#);
        check(r#"{"a": "no line"}"#, r#"{"a": "no line"}"#);
        check("{not json\n at all}", "{not json\n at all}");
        check("two\nlines", "two\nlines");
    }
}
