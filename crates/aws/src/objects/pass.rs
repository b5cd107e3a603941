//! One pass over an object: bytes in, batches out, of what is owed.

use std::ops::Range;

use bytes::Bytes;
use quittance_core::{Debt, Debts, EventsBuilder, Outlet, OutputSet, TagId, Tags, World};
use quittance_formats::{Frame, Inflate, compact::compact};

use crate::{
    Account, AwsError, ObjectRef, Whereabouts,
    objects::{Limits, ObjectKind, Opened, Owed, Route, body::Body},
};

/// Inflated bytes of one batch: enough to fill many TLS records, little enough that many readers fit in memory.
const WINDOW: usize = 256 << 10;

/// What a pass works with.
pub(crate) struct Pass<'a> {
    pub(crate) account: &'a Account,
    pub(crate) kind: &'a dyn ObjectKind,
    pub(crate) at: &'a Whereabouts,
    pub(crate) tags: &'a Tags,
    pub(crate) limits: &'a Limits,
    pub(crate) outlet: &'a Outlet,
    pub(crate) debts: &'a Debts,
    pub(crate) world: &'a World,
}

/// How a pass ended.
pub(crate) struct PassEnd {
    /// Debts that were lent, each of which will be settled.
    pub(crate) lent: u64,
    /// What the pass did not give, since it broke.
    pub(crate) rest: Owed,
    /// The version that was read.
    pub(crate) etag: Option<String>,
    /// Why it broke.
    pub(crate) result: Result<(), AwsError>,
}

impl Pass<'_> {
    /// Reads `object` and gives the events that are `owed`, as debts of `item`.
    ///
    /// `etag` is the version of an earlier pass: if it is another now, everything is owed again.
    pub(crate) async fn run(&self, item: u64, object: &ObjectRef, owed: Owed, etag: Option<String>) -> PassEnd {
        let mut body = match Body::open(self.account, object, &self.at.region, self.world).await {
            Ok(body) => body,
            Err(error) => return PassEnd { lent: 0, rest: owed, etag, result: Err(error) },
        };
        let same = etag.is_none() || etag == body.etag;
        let owed = if same { owed } else { Owed::all(self.outlet.all()) };
        let Opened { framer, router, json } = self.kind.open(object, self.at, self.tags, self.limits.max_event_bytes);
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
            json,
            frames: Vec::new(),
            window: Vec::with_capacity(first),
            framed: 0,
            sound: 0,
            ordinal: 0,
            groups: Vec::new(),
            spare: None,
            lent: 0,
            given: 0,
            oversized: 0,
            filtered: Vec::new(),
        };
        let mut result = cutter.read(&mut body, object).await;
        if let Err(AwsError::Decode { .. }) = result {
            // What stands before the damage is sound.
            _ = cutter.frame(false);
            cutter.cut().await;
        }
        if result.is_ok() && cutter.oversized > 0 {
            let max_event_bytes = self.limits.max_event_bytes;
            result = Err(AwsError::Oversized { object: object.to_string(), events: cutter.oversized, max_event_bytes });
        }
        let rest = match &result {
            Ok(()) => Owed::default(),
            Err(_) => cutter.owed.from(cutter.given),
        };
        PassEnd { lent: cutter.lent, rest, etag: body.etag.take(), result }
    }
}

/// Events of one batch that go to the same outputs, without a gap in their ordinals.
struct Group {
    ordinals: Range<u64>,
    to: OutputSet,
    events: EventsBuilder,
}

struct Cutter<'a> {
    pass: &'a Pass<'a>,
    item: u64,
    owed: Owed,
    hint: usize,
    framer: Box<dyn quittance_formats::Framer>,
    router: Box<dyn crate::objects::Router>,
    json: bool,
    frames: Vec<Frame>,
    /// Inflated bytes: `..framed` are events of the coming batch, the rest is not framed yet.
    window: Vec<u8>,
    framed: usize,
    /// End of the last event found, in the window.
    sound: usize,
    /// Of the next event.
    ordinal: u64,
    groups: Vec<Group>,
    spare: Option<EventsBuilder>,
    lent: u64,
    /// All events before this ordinal were given, or are not owed.
    given: u64,
    oversized: u64,
    filtered: Vec<(TagId, u64)>,
}

impl Cutter<'_> {
    async fn read(&mut self, body: &mut Body<'_>, object: &ObjectRef) -> Result<(), AwsError> {
        let decode = |source| AwsError::Decode { object: object.to_string(), source };
        let mut inflate = Inflate::new();
        while let Some(piece) = body.next().await? {
            let mut at = 0;
            while at < piece.len() || !inflate.is_drained() {
                at += inflate.decode(&piece[at..], &mut self.window).map_err(decode)?;
                if self.window.len() == self.window.capacity() {
                    self.frame(false).map_err(decode)?;
                    self.cut().await;
                }
            }
        }
        inflate.finish().map_err(decode)?;
        self.frame(true).map_err(decode)?;
        self.cut().await;
        Ok(())
    }

    /// Finds the events in what is not framed yet, and tags those that are owed.
    fn frame(&mut self, last: bool) -> Result<(), quittance_formats::FormatError> {
        self.frames.clear();
        let found = self.framer.frame(&self.window[self.framed..], last, &mut self.frames);
        for frame in std::mem::take(&mut self.frames).drain(..) {
            let to = self.owed.to(self.ordinal, &mut self.hint);
            match frame {
                Frame::Event { start, end } if !to.is_empty() => {
                    let (start, mut end) = (self.framed + start, self.framed + end);
                    if self.json {
                        end = start + compact(&mut self.window[start..end]);
                    }
                    let route = self.router.route(&self.window[start..end]);
                    self.sound = end;
                    let group = self.group(to);
                    group.ordinals.end += 1;
                    match route {
                        Route::Send(tag) => group.events.push(start, end, tag),
                        Route::Drop(tag) => match self.filtered.iter_mut().find(|(t, _)| *t == tag) {
                            Some((_, count)) => *count += 1,
                            None => self.filtered.push((tag, 1)),
                        },
                    }
                }
                Frame::Event { .. } => {}
                Frame::Oversized { .. } => self.oversized += 1,
            }
            self.ordinal += 1;
        }
        // Damage: what was found before it stays in the batch.
        self.framed = match &found {
            Ok(consumed) => self.framed + consumed,
            Err(_) => self.framed.max(self.sound),
        };
        found.map(drop)
    }

    /// The group that the next event belongs to.
    fn group(&mut self, to: OutputSet) -> &mut Group {
        let fits = self.groups.last().is_some_and(|g| g.to == to && g.ordinals.end == self.ordinal);
        if !fits {
            let events = self.spare.take().unwrap_or_else(|| EventsBuilder::new(self.pass.tags.clone()));
            self.groups.push(Group { ordinals: self.ordinal..self.ordinal, to, events });
        }
        self.groups.last_mut().expect("one was pushed if there was none")
    }

    /// Gives what was framed, and goes on with a window that begins with what was not.
    async fn cut(&mut self) {
        let left = &self.window[self.framed..];
        // An event that fills the whole window needs a larger one; the framer never leaves more than the longest event.
        let capacity = if left.len() * 2 > WINDOW { left.len() * 2 } else { WINDOW };
        let mut next = Vec::with_capacity(capacity);
        next.extend_from_slice(left);
        let mut done = std::mem::replace(&mut self.window, next);
        done.truncate(self.framed);
        (self.framed, self.sound) = (0, 0);
        let buffer = Bytes::from(done);
        for (tag, count) in self.filtered.drain(..) {
            self.pass.outlet.ledger().filtered(&self.pass.tags.tag(tag), count);
        }
        for mut group in std::mem::take(&mut self.groups) {
            if !group.events.is_empty() {
                let events = group.events.finish(buffer.clone());
                let debt = Debt { item: self.item, events: group.ordinals.clone() };
                self.pass.outlet.emit(events, debt, group.to, self.pass.debts).await;
                self.lent += 1;
            }
            self.given = group.ordinals.end;
            self.spare = Some(group.events);
        }
        self.given = self.ordinal;
    }
}
