//! How far a range was dealt with, page by page of its listing.
//!
//! A listing is in the order of its keys. A page is closed when every object of it is dealt with, and those before it are closed:
//! then its last key is the checkpoint, and what was remembered of its objects goes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use quittance_core::{Change, EventId, Progress, PullerContext, Record, Store, StoreError, UnitId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::info;

use crate::listing::seen::Commit;

/// A range has one list of what was dealt with.
const CURSOR: &str = "objects";

/// What a run leaves to the next one.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Saved {
    /// Everything up to this key is dealt with.
    after: Option<String>,
    /// The number of the first page that is not closed.
    page: i64,
    /// Whether there is nothing behind it.
    end: bool,
    /// What was dealt with so far.
    objects: u64,
    bytes: u64,
}

/// An object that was listed.
pub(super) struct Listed {
    pub(super) id: EventId,
    pub(super) key: String,
    pub(super) bytes: u64,
}

struct Held {
    page: i64,
    key: String,
    bytes: u64,
    until: Instant,
    receives: u32,
}

struct Page {
    last: Option<String>,
    end: bool,
    left: usize,
    objects: u64,
    bytes: u64,
}

/// Pages that are not closed, and their objects.
pub(super) struct Pages {
    unit: UnitId,
    store: Arc<dyn Store>,
    progress: Arc<Progress>,
    /// What holds now, and the number of the first page as it was written last.
    saved: Saved,
    written: i64,
    open: BTreeMap<i64, Page>,
    held: HashMap<EventId, Held>,
    /// Objects that were dealt with, of pages that are not closed.
    done: HashMap<EventId, i64>,
}

impl Pages {
    /// What earlier runs left.
    pub(super) async fn load(context: &PullerContext, progress: Arc<Progress>) -> Result<Pages, StoreError> {
        let PullerContext { unit, store, .. } = context;
        let scope = unit.as_str();
        let saved = match store.load(scope, Record::Checkpoint, CURSOR).await? {
            Some(text) => serde_json::from_str(&text).map_err(|source| StoreError::Failed {
                operation: "understanding a checkpoint",
                source: Box::new(source),
            })?,
            None => Saved::default(),
        };
        let mut done = HashMap::new();
        for (page, _) in store.remembered_hours(scope, CURSOR).await? {
            let ids = store.remembered(scope, CURSOR, page).await?;
            done.extend(ids.into_iter().map(|id| (id, page)));
        }
        let dealt = saved.objects + done.len() as u64;
        if dealt > 0 {
            info!(objects = dealt, "goes on: earlier runs have dealt with these");
        }
        progress.begin(saved.objects, saved.bytes);
        let (unit, store, written) = (unit.clone(), store.clone(), saved.page);
        Ok(Pages { unit, store, progress, saved, written, open: BTreeMap::new(), held: HashMap::new(), done })
    }

    /// Where the listing begins: behind this key, unless there is nothing.
    pub(super) fn begins(&self) -> Option<Option<String>> {
        (!self.saved.end).then(|| self.saved.after.clone())
    }

    /// A page was listed up to `last`, and perhaps to the end. Those of its objects that are to be given, and what to write
    /// before they are: what earlier runs dealt with may stand on another page than before.
    pub(super) fn listed(&mut self, last: Option<String>, end: bool, all: Vec<Listed>) -> (Vec<Listed>, Commit) {
        let page = self.open.keys().last().map_or(self.saved.page, |last| last + 1);
        let (objects, bytes) = (all.len() as u64, all.iter().map(|object| object.bytes).sum());
        let mut moved = Vec::new();
        let (dealt, new): (Vec<_>, Vec<_>) = all.into_iter().partition(|object| match self.done.get_mut(&object.id) {
            Some(was) if *was != page => {
                *was = page;
                moved.push(object.id);
                true
            }
            was => was.is_some(),
        });
        self.progress.add(dealt.len() as u64, dealt.iter().map(|object| object.bytes).sum());
        self.open.insert(page, Page { last, end, left: new.len(), objects, bytes });
        let remember = Change::Remember { cursor: CURSOR.to_owned(), hour: page, ids: moved };
        (new, self.commit(vec![remember]))
    }

    /// An object of the page that was listed last is handed out.
    pub(super) fn hand_out(&mut self, Listed { id, key, bytes }: Listed, page: i64, until: Instant) {
        self.held.insert(id, Held { page, key, bytes, until, receives: 1 });
    }

    /// The number of the page that was listed last.
    pub(super) fn page(&self) -> i64 {
        self.open.keys().last().copied().unwrap_or(self.saved.page)
    }

    /// Objects that came back, at most so many: id, key, and how often each was handed out.
    pub(super) fn due(&mut self, most: usize, now: Instant, until: Instant) -> Vec<(EventId, String, u32)> {
        let mut due: Vec<_> = self.held.iter_mut().filter(|(_, held)| held.until <= now).collect();
        // A hash decides nothing.
        due.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        let again = due.into_iter().take(most).map(|(id, held)| {
            held.until = until;
            held.receives += 1;
            (*id, held.key.clone(), held.receives)
        });
        again.collect()
    }

    /// When the first of those that are held comes back.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.held.values().map(|held| held.until).min()
    }

    /// Keeps an object from being handed out again before then.
    pub(super) fn hide(&mut self, id: EventId, until: Instant) {
        if let Some(held) = self.held.get_mut(&id) {
            held.until = until;
        }
    }

    /// What to write, so that these count as dealt with.
    pub(super) fn remember(&self, ids: &[EventId]) -> Commit {
        let mut pages: BTreeMap<i64, Vec<EventId>> = BTreeMap::new();
        for id in ids {
            if let Some(held) = self.held.get(id) {
                pages.entry(held.page).or_default().push(*id);
            }
        }
        let remember = |(hour, ids)| Change::Remember { cursor: CURSOR.to_owned(), hour, ids };
        self.commit(pages.into_iter().map(remember).collect())
    }

    /// That is written.
    pub(super) fn remembered(&mut self, ids: &[EventId]) {
        for id in ids {
            let Some(Held { page, bytes, .. }) = self.held.remove(id) else { continue };
            self.done.insert(*id, page);
            self.progress.add(1, bytes);
            if let Some(page) = self.open.get_mut(&page) {
                page.left = page.left.saturating_sub(1);
            }
        }
    }

    /// Closes pages. What to write then, and up to which page it is written.
    pub(super) fn close(&mut self) -> Option<(i64, Commit)> {
        while let Some(first) = self.open.first_entry()
            && first.get().left == 0
        {
            let (number, Page { last, end, objects, bytes, .. }) = first.remove_entry();
            self.saved.page = number + 1;
            self.saved.after = last.or(self.saved.after.take());
            self.saved.end = end;
            self.saved.objects += objects;
            self.saved.bytes += bytes;
        }
        if self.saved.page == self.written {
            return None;
        }
        let page = self.saved.page;
        // What stands on a later page by now keeps its place: it was written there.
        self.done.retain(|_, of| *of >= page);
        let value = serde_json::to_string(&self.saved).unwrap_or_default();
        let checkpoint = Change::Checkpoint { cursor: CURSOR.to_owned(), value };
        let forget = Change::Forget { cursor: CURSOR.to_owned(), before: page };
        Some((page, self.commit(vec![checkpoint, forget])))
    }

    /// That is written.
    pub(super) fn closed(&mut self, page: i64) {
        self.written = page;
    }

    /// Whether everything is dealt with, and that is written.
    pub(super) fn is_complete(&self) -> bool {
        self.saved.end && self.open.is_empty() && self.written == self.saved.page
    }

    fn commit(&self, changes: Vec<Change>) -> Commit {
        Commit { unit: self.unit.clone(), store: self.store.clone(), changes }
    }
}
