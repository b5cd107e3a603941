//! One pass over an object: bytes in, batches out, of what is owed.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use futures_util::FutureExt;
use quittance_core::{Debt, EventsBuilder, OutputSet, planted};
use quittance_formats::{FormatError, Frame, Inflate, compact::compact, unreadable};
use tracing::warn;

use crate::{
    AwsError, ObjectRef, codes,
    filters::{Sieve, Verdict},
    held::{Again, Giving, ItemKey, Owed, OwedObject, PassEnd, Task},
    objects::{CallerUse, Objects, Opened, Route, body::Body},
    routing::{Filtered, Unwanted},
};

/// Inflated bytes of one batch: enough to fill many TLS records, little enough that many readers fit in memory.
const WINDOW: usize = 256 << 10;

/// Bytes that tell a kind of content.
const HEAD: usize = 6;

/// A pass over one object.
pub(super) struct Pass<'a> {
    pub(super) shared: &'a Objects,
    pub(super) object: &'a ObjectRef,
}

impl Pass<'_> {
    /// Gives the events that are owed, as debts of the task's item.
    pub(super) async fn run<I>(&self, task: Task<I>) -> PassEnd {
        let Task { item, owed, version, seen, reading, .. } = task;
        let Objects { account, learnt, kind, giving, filters } = self.shared;
        let Giving { at, world, tags, max_event_bytes, transfer_timeout, .. } = giving;
        let untouched = |owed, version, error| PassEnd { lent: 0, rest: owed, version, reached: 0, result: Err(error) };
        if kind.caller() == CallerUse::Needed
            && let Err(error) = account.caller().await
        {
            return untouched(owed, version, error);
        }
        let mut body = match Body::open(account, self.object, &at.region, learnt, *transfer_timeout, world).await {
            Ok(body) => body,
            Err(error) => return untouched(owed, version, error),
        };
        if version.is_none() && body.is_another() {
            giving.tally.replaced.add(1);
            // What is there now is given nevertheless: only its own announcement, which may never come, would be sure to.
            warn!(
                code = %codes::OVERWRITTEN, object = %self.object,
                "the object was overwritten before it was read: what it held is gone, and what is there now may come twice"
            );
        }
        if let Some(etag) = &body.etag {
            _ = reading.set(etag.clone());
        }
        if version.is_some() && version != body.etag {
            return untouched(owed, version, AwsError::Overwritten { object: self.object.to_string() });
        }
        let panicked = || AwsError::Panicked { object: self.object.to_string() };
        let opened = catch_unwind(AssertUnwindSafe(|| kind.open(self.object, at, tags, *max_event_bytes)));
        let Opened { framer, mut router, json } = match opened {
            Ok(opened) => opened,
            Err(_) => return untouched(owed, version, panicked()),
        };
        let mut sieve = Sieve::new(filters, at, Some(self.object), tags);
        if let Some(sieve) = &mut sieve {
            sieve.rows(framer.cells());
        }
        // What an object holds happened before it was made.
        if let (Some(created), Some(start)) = (self.object.created, giving.start_time)
            && created < start
        {
            (router, sieve) = (Box::new(Unwanted(router)), None);
        }
        // A small object inflates to a few dozen times its size at most; more room is made where it is needed.
        let first = body
            .length()
            .map_or(WINDOW, |n| usize::try_from(n).unwrap_or(WINDOW).saturating_mul(16))
            .clamp(4 << 10, WINDOW);
        let mut cutter = Cutter {
            pass: self,
            item,
            owed,
            hint: 0,
            framer,
            router,
            sieve,
            json,
            frames: Vec::new(),
            window: Vec::with_capacity(first),
            framed: 0,
            sound: 0,
            ordinal: 0,
            seen,
            groups: Vec::new(),
            spare: None,
            lent: 0,
            given: 0,
            oversized: Vec::new(),
            left: Owed::default(),
            left_events: 0,
            filtered: Filtered::default(),
            lost: false,
            stopped: false,
            version: body.etag.clone(),
        };
        let read = AssertUnwindSafe(cutter.read_on(&mut body)).catch_unwind().await;
        let mut result = read.unwrap_or_else(|_| Err(panicked()));
        if result.is_ok() && !cutter.left.is_empty() {
            let (object, events) = (self.object.to_string(), cutter.left_events);
            result = Err(AwsError::Oversized { object, events, max_event_bytes: *max_event_bytes });
        }
        let rest = match &result {
            Ok(()) if !cutter.stopped => Owed::default(),
            _ => {
                let mut rest = cutter.owed.from(cutter.given + u64::from(planted("broken-pass-skips-an-event")));
                rest.join(cutter.left);
                rest
            }
        };
        PassEnd { lent: cutter.lent, rest, version: body.etag.take(), reached: cutter.ordinal, result }
    }
}

/// Events of one batch that go to the same outputs, without a gap in their ordinals.
struct Group {
    ordinals: Range<u64>,
    to: OutputSet,
    events: EventsBuilder,
}

/// An event that is too long to be sent.
struct Oversized {
    ordinal: u64,
    to: OutputSet,
    /// First byte in the inflated object.
    offset: u64,
    len: u64,
}

struct Cutter<'a> {
    pass: &'a Pass<'a>,
    item: ItemKey,
    owed: Owed,
    hint: usize,
    framer: Box<dyn quittance_formats::Framer>,
    router: Box<dyn crate::routing::Router>,
    /// What the user filters.
    sieve: Option<Sieve>,
    json: bool,
    frames: Vec<Frame>,
    /// Inflated bytes: `..framed` are events of the coming batch, the rest is not framed yet.
    window: Vec<u8>,
    framed: usize,
    /// End of the last event found, in the window.
    sound: usize,
    /// Of the next event.
    ordinal: u64,
    /// What was filtered before this ordinal was counted by an earlier pass.
    seen: u64,
    groups: Vec<Group>,
    spare: Option<EventsBuilder>,
    lent: u64,
    /// All events before this ordinal were given, or are not owed.
    given: u64,
    /// Events too long to be sent.
    oversized: Vec<Oversized>,
    /// Those of them that could not be set aside.
    left: Owed,
    left_events: u64,
    filtered: Filtered,
    /// The framer has met damage and is of no further use.
    lost: bool,
    /// It was stopped on its way.
    stopped: bool,
    /// The version that is read.
    version: Option<String>,
}

impl Cutter<'_> {
    /// Reads to the end, or as far as it is sound.
    async fn read_on(&mut self, body: &mut Body<'_>) -> Result<(), AwsError> {
        let result = self.read(body).await;
        if let Err(AwsError::Decode { .. }) = result {
            // What stands before the damage is sound, also where it was not framed yet when inflating failed.
            if !self.lost {
                _ = self.frame(false);
            }
            self.cut(true).await;
        }
        result
    }

    async fn read(&mut self, body: &mut Body<'_>) -> Result<(), AwsError> {
        let Pass { object, shared } = self.pass;
        let stop = &shared.giving.stop;
        let decode = |source| AwsError::Decode { object: object.to_string(), source };
        let mut inflate = Inflate::new();
        let mut told = false;
        loop {
            let piece = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.stopped = true;
                    return Ok(());
                }
                piece = body.next() => piece?,
            };
            let Some(piece) = piece else { break };
            let mut at = 0;
            while at < piece.len() || !inflate.is_drained() {
                at += inflate.decode(&piece[at..], &mut self.window).map_err(decode)?;
                if !told && self.window.len() >= HEAD {
                    told = true;
                    self.judge()?;
                }
                if self.window.len() == self.window.capacity() {
                    self.frame(false).map_err(decode)?;
                    self.cut(false).await;
                }
            }
        }
        if !planted("gzip-cut-accepted") {
            inflate.finish().map_err(decode)?;
        }
        // An object of nothing, or gzip of nothing, is no event of any format.
        if told || !self.window.is_empty() {
            if !told {
                self.judge()?;
            }
            self.frame(true).map_err(decode)?;
            self.cut(true).await;
        }
        Ok(())
    }

    /// Refuses what nothing here, or not this kind, can read, as its first bytes tell.
    fn judge(&self) -> Result<(), AwsError> {
        let Pass { object, shared } = self.pass;
        let head = &self.window[..self.window.len().min(HEAD)];
        match unreadable(head).or_else(|| shared.kind.refuses(object, head)) {
            Some(format) => Err(AwsError::Unsupported { object: object.to_string(), format }),
            None => Ok(()),
        }
    }

    /// Finds the events in what is not framed yet, and tags those that are owed.
    fn frame(&mut self, last: bool) -> Result<(), FormatError> {
        self.frames.clear();
        let found = self.framer.frame(&self.window[self.framed..], last, &mut self.frames);
        let mut frames = std::mem::take(&mut self.frames);
        let mut renamed = self.framer.renamed().into_iter().peekable();
        for (number, frame) in frames.drain(..).enumerate() {
            while let Some(renamed) = renamed.next_if(|renamed| renamed.before <= number) {
                self.sieve.iter_mut().for_each(|sieve| sieve.renamed(&renamed));
            }
            let to = self.owed.to(self.ordinal, &mut self.hint);
            match frame {
                Frame::Event { start, end } if !to.is_empty() => {
                    let (start, mut end) = (self.framed + start, self.framed + end);
                    if self.json {
                        end = start + compact(&mut self.window[start..end]);
                    }
                    let Verdict { route, by, .. } = self.verdict(start, end);
                    self.sound = end;
                    let group = self.group(to);
                    group.ordinals.end += 1;
                    match route {
                        Route::Send(tag) => group.events.push(start, end, tag),
                        Route::Drop(tag) if self.ordinal >= self.seen => self.filtered.add(tag, by, end - start),
                        Route::Drop(_) => {}
                    }
                }
                Frame::Event { .. } => {}
                Frame::Oversized { offset, len } if !to.is_empty() => {
                    self.oversized.push(Oversized { ordinal: self.ordinal, to, offset, len });
                }
                Frame::Oversized { .. } => {}
            }
            self.ordinal += 1;
        }
        // They are of the rows to come.
        for renamed in renamed {
            self.sieve.iter_mut().for_each(|sieve| sieve.renamed(&renamed));
        }
        self.frames = frames;
        self.lost = found.is_err();
        // Damage: what was found before it stays in the batch.
        self.framed = match &found {
            Ok(consumed) => self.framed + consumed,
            Err(_) => self.framed.max(self.sound),
        };
        found.map(drop)
    }

    /// Where the event there goes; what the user masks of it is masked from now on.
    fn verdict(&mut self, start: usize, end: usize) -> Verdict {
        let event = &mut self.window[start..end];
        let route = self.router.route(event);
        let Some(sieve) = &mut self.sieve else { return Verdict::plain(route) };
        let verdict = sieve.judge(event, None, route);
        if verdict.masks {
            sieve.mask(event, verdict.by);
        }
        verdict
    }

    /// The group that the next event belongs to.
    fn group(&mut self, to: OutputSet) -> &mut Group {
        let fits = self.groups.last().is_some_and(|g| g.to == to && g.ordinals.end == self.ordinal);
        if !fits {
            let events = self.spare.take().unwrap_or_else(|| EventsBuilder::new(self.pass.shared.giving.tags.clone()));
            self.groups.push(Group { ordinals: self.ordinal..self.ordinal, to, events });
        }
        self.groups.last_mut().expect("one was pushed if there was none")
    }

    /// Quarantines the events that are too long, by their address: their bytes were never held.
    async fn set_aside(&mut self) {
        let Giving { quarantine, outlet, tags, tally, max_event_bytes, .. } = &self.pass.shared.giving;
        for Oversized { ordinal, to, offset, len } in std::mem::take(&mut self.oversized) {
            let address = format!("{} event {ordinal}, bytes {offset} to {} inflated", self.pass.object, offset + len);
            let reason = format!("longer than max_event_bytes ({max_event_bytes})");
            let mut owed = Owed::default();
            owed.add(ordinal..ordinal + 1, to);
            let objects = vec![OwedObject::new(self.pass.object, self.version.clone(), &owed)];
            let outputs = outlet.names().into_iter().map(str::to_owned).collect();
            if quarantine.put(&address, &reason, Vec::new(), &Again::Objects { outputs, objects }).await {
                warn!(code = %codes::TOO_LONG, address, bytes = len, max_event_bytes, "event is too long to be sent: set aside");
                // Nothing of it was read, so its tag is that of an event that says nothing.
                let (Route::Send(tag) | Route::Drop(tag)) = self.router.route(b"");
                outlet.ledger().quarantined(&tags.tag(tag), 1);
                tally.oversized.add(1);
            } else {
                self.left.join(owed);
                self.left_events += 1;
            }
        }
    }

    /// Gives what was framed, and goes on with a window that begins with what was not.
    async fn cut(&mut self, last: bool) {
        let left = if last { &[] } else { &self.window[self.framed..] };
        // An event that fills the whole window needs a larger one; the framer never leaves more than the longest event.
        let capacity = if last { 0 } else { WINDOW.max(left.len() * 2) };
        let mut next = Vec::with_capacity(capacity);
        next.extend_from_slice(left);
        let mut done = std::mem::replace(&mut self.window, next);
        done.truncate(self.framed);
        (self.framed, self.sound) = (0, 0);
        let buffer = Bytes::from(done);
        self.set_aside().await;
        let Giving { outlet, debts, tags, .. } = &self.pass.shared.giving;
        self.filtered.enter(tags, self.sieve.as_ref(), outlet.ledger());
        for mut group in std::mem::take(&mut self.groups) {
            if !group.events.is_empty() {
                let events = group.events.finish(buffer.clone());
                let debt = Debt { item: self.item, events: group.ordinals.clone() };
                outlet.emit(events, debt, group.to, debts).await;
                self.lent += 1;
            }
            self.given = group.ordinals.end;
            self.spare = Some(group.events);
        }
        self.given = self.ordinal;
    }
}
