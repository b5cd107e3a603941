//! How the engines' parts judge a sample.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use quittance_core::{Class, Failure, Judged, Sample, Tags, World, codes::NOT_JUDGED};
use quittance_formats::{Frame, Inflate, compact::compact, fields, unreadable};
use serde_json::Value;

use crate::{
    Account, Calls, Filters, ObjectRef, Payload, Route, Whereabouts,
    filters::{Sieve, Verdict},
    held::Limits,
    objects::{CallerUse, Claim, ObjectKind, Opened, Selection},
    payload,
    queue::{Body, BodyKind, time_of},
    windows::{Found, Page, Window, WindowKind},
};

/// Bytes that tell a kind of content.
const HEAD: usize = 6;

/// More room for what a sample inflates to.
const STEP: usize = 256 << 10;

/// Why a sample cannot be judged.
pub(crate) fn not_judged(why: impl Into<String>) -> Failure {
    Failure { code: &NOT_JUDGED, class: Class::NeedsPerson, error: why.into().into() }
}

fn rank(claim: Claim) -> u8 {
    match claim {
        Claim::Own => 3,
        Claim::Rest => 1,
        Claim::No => 0,
    }
}

fn object_of(sample: &Sample) -> ObjectRef {
    ObjectRef::new(&*sample.place, &*sample.name)
}

/// How surely a sample is an object of that kind.
pub(crate) fn takes_object(kind: &dyn ObjectKind, sample: &Sample) -> Option<u8> {
    Some(rank(kind.claim(&object_of(sample))))
}

/// How surely a sample is a body of that kind.
pub(crate) fn takes_body(kind: &dyn BodyKind, sample: &Sample) -> Option<u8> {
    let text = String::from_utf8(sample.bytes.clone()).ok()?;
    match payload(text) {
        Payload::Event(body) => Some(rank(kind.claim(body.as_bytes()))),
        Payload::Control(_) => Some(0),
    }
}

/// How surely a sample is what an API answers that is asked by time.
pub(crate) fn takes_pages(sample: &Sample) -> Option<u8> {
    let lists = fields::read(&sample.bytes, [&["Events"], &["events"], &["findings"]]);
    lists.iter().flatten().any(|list| list.starts_with(b"[")).then_some(2)
}

/// An event and its verdict.
fn judged(
    event: Vec<u8>,
    original: &[u8],
    verdict: Verdict,
    sieve: Option<&Sieve>,
    tags: &Tags,
    most: usize,
) -> Judged {
    let (Route::Send(tag) | Route::Drop(tag)) = verdict.route;
    let sent = matches!(verdict.route, Route::Send(_));
    let too_long = sent && event.len() > most;
    Judged {
        tag: tags.tag(tag),
        sent: sent && !too_long,
        aside: too_long.then(|| format!("longer than max_event_bytes ({most})")),
        filter: verdict.by.zip(sieve).map(|(by, sieve)| sieve.name(by).clone()),
        masked: event != original,
        event,
    }
}

/// By filters, if there are some.
fn verdict(sieve: &mut Option<Sieve>, event: &mut [u8], id: Option<u128>, route: Route) -> Verdict {
    let Some(sieve) = sieve else { return Verdict::plain(route) };
    let verdict = sieve.judge(event, id, route);
    if verdict.masks {
        sieve.mask(event, verdict.by);
    }
    verdict
}

/// Judges the events of an object.
pub(crate) async fn object(
    account: &Account,
    kind: &dyn ObjectKind,
    filters: &Arc<Filters>,
    limits: &Limits,
    region: &str,
    sample: &Sample,
) -> Result<Vec<Judged>, Failure> {
    let object = object_of(sample);
    let at = Whereabouts { account: sample.account.clone(), region: region.to_owned() };
    if let Selection::Skip(why) = kind.select(&object) {
        return Err(not_judged(format!("an object of the key `{}` is not read: {why}", sample.name.escape_debug())));
    }
    if kind.caller() == CallerUse::Needed {
        account.caller().await?;
    }
    let mut content = inflated(&sample.bytes).map_err(|error| not_judged(error.to_string()))?;
    let head = &content[..content.len().min(HEAD)];
    if let Some(format) = unreadable(head).or_else(|| kind.refuses(&object, head)) {
        return Err(not_judged(format!("it is {format}, which is not read here")));
    }
    let (tags, most) = (Tags::default(), limits.max_event_bytes);
    let Opened { mut framer, mut router, json } = kind.open(&object, &at, &tags, most);
    let mut sieve = Sieve::new(filters, &at, Some(&object), &tags);
    let mut frames = Vec::new();
    if !content.is_empty() {
        framer.frame(&content, true, &mut frames).map_err(|error| not_judged(error.to_string()))?;
    }
    if let Some(sieve) = &mut sieve {
        sieve.rows(framer.cells());
    }
    let mut renamed = framer.renamed().into_iter().peekable();
    let mut all = Vec::with_capacity(frames.len());
    for (number, frame) in frames.into_iter().enumerate() {
        while let Some(renamed) = renamed.next_if(|renamed| renamed.before <= number) {
            sieve.iter_mut().for_each(|sieve| sieve.renamed(&renamed));
        }
        match frame {
            Frame::Event { start, mut end } => {
                if json {
                    end = start + compact(&mut content[start..end]);
                }
                let original = &content[start..end];
                let route = router.route(original);
                let mut event = original.to_vec();
                let verdict = verdict(&mut sieve, &mut event, None, route);
                all.push(judged(event, original, verdict, sieve.as_ref(), &tags, most));
            }
            Frame::Oversized { .. } => {
                let (Route::Send(tag) | Route::Drop(tag)) = router.route(b"");
                let aside = Some(format!("longer than max_event_bytes ({most})"));
                let tag = tags.tag(tag);
                all.push(Judged { event: Vec::new(), tag, sent: false, aside, filter: None, masked: false });
            }
        }
    }
    Ok(all)
}

/// The bytes of an object, gzip undone if it is gzip.
fn inflated(bytes: &[u8]) -> Result<Vec<u8>, quittance_formats::FormatError> {
    let (mut inflate, mut content, mut at) = (Inflate::new(), Vec::new(), 0);
    while at < bytes.len() || !inflate.is_drained() {
        content.reserve(STEP);
        at += inflate.decode(&bytes[at..], &mut content)?;
    }
    inflate.finish()?;
    Ok(content)
}

/// Judges the events of a message's body.
pub(crate) fn body(
    kind: &dyn BodyKind,
    filters: &Arc<Filters>,
    limits: &Limits,
    region: &str,
    sample: &Sample,
) -> Result<Vec<Judged>, Failure> {
    let at = Whereabouts { account: sample.account.clone(), region: region.to_owned() };
    let text = String::from_utf8(sample.bytes.clone()).map_err(|error| not_judged(error.to_string()))?;
    let text = match payload(text) {
        Payload::Event(text) => text,
        Payload::Control(what) => return Err(not_judged(format!("it is no event, but {what}"))),
    };
    let body = Body::new(text);
    let (body, tags, mut places) = (body.bytes(), Tags::default(), Vec::new());
    kind.events(body, &mut places);
    let (mut router, mut sieve) = (kind.router(&at, &tags), Sieve::new(filters, &at, None, &tags));
    router.enter(body);
    let is_early = limits.start_time.is_some_and(|start| time_of(body).is_some_and(|at| at < start));
    let each = places.into_iter().map(|place| {
        let original = &body[place];
        let mut event = original.to_vec();
        let verdict = match router.route(original) {
            route if is_early => Verdict::plain(route.dropped()),
            route => verdict(&mut sieve, &mut event, None, route),
        };
        judged(event, original, verdict, sieve.as_ref(), &tags, limits.max_event_bytes)
    });
    Ok(each.collect())
}

/// An answer with times as numbers, where AWS's command line wrote them as text.
fn on_the_wire(page: &[u8]) -> Cow<'_, [u8]> {
    let number = |time: &mut Value| {
        *time = time.as_str()?.parse::<Timestamp>().ok()?.as_second().into();
        Some(())
    };
    let Ok(mut answer) = serde_json::from_slice::<Value>(page) else { return page.into() };
    let events = answer.get_mut("Events").and_then(Value::as_array_mut).into_iter().flatten();
    let times: Vec<_> = events.filter_map(|event| event.get_mut("EventTime").and_then(number)).collect();
    if times.is_empty() { page.into() } else { answer.to_string().into_bytes().into() }
}

/// Judges the events of an answer to a question by time.
pub(crate) async fn pages(
    account: &Account,
    kind: &dyn WindowKind,
    max_event_bytes: usize,
    region: &str,
    sample: &Sample,
) -> Result<Vec<Judged>, Failure> {
    let Some(canned) = account.canned() else {
        return Err(not_judged("the account that is read is a real one"));
    };
    canned.put(&sample.account, &on_the_wire(&sample.bytes));
    let calls = Calls::of(account, region, &World::system()).await?;
    let (tags, mut all) = (Tags::default(), Vec::new());
    let mut sieve = Sieve::new(account.filters(), calls.at(), None, &tags);
    let cursor = if sample.name.is_empty() { "sample" } else { &sample.name };
    let mut pages = kind.open(cursor, Window { from: 0, to: calls.now() }, &calls, &tags);
    while canned.is_left() {
        let Some(Page { bytes, events }) = pages.next().await? else { break };
        for Found { place, id, route, .. } in events {
            let mut event = bytes[place.clone()].to_vec();
            let verdict = verdict(&mut sieve, &mut event, Some(id), route);
            all.push(judged(event, &bytes[place], verdict, sieve.as_ref(), &tags, max_event_bytes));
        }
    }
    match canned.is_left() {
        true => Err(not_judged("this service does not compose its events of one answer of an API")),
        false => Ok(all),
    }
}
