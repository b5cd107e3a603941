//! Which objects were dealt with, and from which day on that is still looked at.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::SystemTime,
};

use jiff::{
    Timestamp,
    civil::{Date, date},
};
use quittance_core::{Change, EventId, PullerContext, Record, Store, StoreError, UnitId, planted};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::codes;

/// All prefixes of a bucket have one list of what was seen.
const CURSOR: &str = "objects";

const HOURS: i64 = 24;

/// Days since 1970, UTC.
pub(super) type Day = i64;

/// The day that it is.
pub(super) fn today(now: SystemTime) -> Day {
    Timestamp::try_from(now).map_or(0, |now| now.as_second().div_euclid(HOURS * 3600))
}

/// Its date.
pub(super) fn date_of(day: Day) -> Date {
    let second = day.saturating_mul(HOURS * 3600);
    Timestamp::from_second(second).map_or(Date::MAX, |at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

fn day_of(day: Date) -> Day {
    day.since(date(1970, 1, 1)).map_or(0, |span| span.get_days().into())
}

/// An object that was handed out.
struct Held {
    day: Day,
    /// Until when it is hidden.
    until: Instant,
    /// How often it was handed out.
    receives: u32,
    /// The last listing that showed it.
    listing: u64,
}

/// What is known of objects of one bucket.
pub(super) struct Seen {
    unit: UnitId,
    store: Arc<dyn Store>,
    lookback: Day,
    /// The first day that is listed. It moves on only when everything of it is dealt with.
    from: Day,
    /// Objects that were dealt with, by day: sixteen bytes each, as long as their day is listed.
    done: BTreeMap<Day, HashSet<EventId>>,
    held: HashMap<EventId, Held>,
    /// Number of the listing under way.
    listing: u64,
    listing_began: Option<Instant>,
}

impl Seen {
    /// What earlier runs remembered.
    pub(super) async fn load(context: &PullerContext, lookback: u16, start: Option<Date>) -> Result<Seen, StoreError> {
        let PullerContext { unit, store, world, .. } = context;
        let (scope, lookback) = (unit.as_str(), Day::from(lookback));
        let saved = store.load(scope, Record::Checkpoint, CURSOR).await?;
        let saved = saved.map(|day| day.parse()).transpose();
        let saved = saved.map_err(|source| StoreError::Failed {
            operation: "understanding a checkpoint",
            source: Box::new(source),
        })?;
        let from = match saved {
            // Of earlier days nothing is known any more: they were dealt with.
            Some(saved) => saved,
            None => {
                let usual = today(world.clock.wall()) - lookback;
                let from = start.map_or(usual, day_of).min(usual);
                store.commit(store.fence(), scope, vec![checkpoint(from)]).await?;
                from
            }
        };
        let mut done: BTreeMap<Day, HashSet<EventId>> = BTreeMap::new();
        for (hour, _) in store.remembered_hours(scope, CURSOR).await? {
            done.entry(hour.div_euclid(HOURS)).or_default().extend(store.remembered(scope, CURSOR, hour).await?);
        }
        let (unit, store) = (unit.clone(), store.clone());
        Ok(Seen { unit, store, lookback, from, done, held: HashMap::new(), listing: 0, listing_began: None })
    }

    /// What a clock said that was ahead is not believed: then the usual days are listed, and this is to be written.
    pub(super) fn follow_clock_back(&mut self, today: Day) -> Option<Commit> {
        if self.from <= today {
            return None;
        }
        let from = today - self.lookback;
        warn!(
            unit = %self.unit, code = %codes::CLOCK_WENT_BACK, was = %date_of(self.from), from = %date_of(from),
            "the clock was ahead and went back: what was listed lately is listed again"
        );
        self.from = from;
        Some(self.commit(vec![checkpoint(from)]))
    }

    /// A listing begins: of which days.
    pub(super) fn begin(&mut self, today: Day, now: Instant) -> std::ops::RangeInclusive<Day> {
        self.listing += 1;
        self.listing_began = Some(now);
        self.from..=today
    }

    /// An object was listed. How often it was handed out, this time included, if it is to be now.
    pub(super) fn hand_out(&mut self, id: EventId, day: Day, now: Instant, until: Instant) -> Option<u32> {
        if self.done.get(&day).is_some_and(|done| done.contains(&id)) {
            return None;
        }
        let listing = self.listing;
        let held = self.held.entry(id).or_insert(Held { day, until: now, receives: 0, listing });
        held.listing = listing;
        if held.until > now {
            return None;
        }
        held.until = until;
        held.receives += 1;
        Some(held.receives)
    }

    /// Keeps an object from being handed out again before then.
    pub(super) fn hide(&mut self, id: EventId, until: Instant) {
        if let Some(held) = self.held.get_mut(&id) {
            held.until = until;
        }
    }

    /// What to write, so that these count as dealt with.
    pub(super) fn remember(&self, ids: &[EventId]) -> Commit {
        let mut days: BTreeMap<Day, Vec<EventId>> = BTreeMap::new();
        let all: Vec<_> = match planted("listing-remembers-all-under-way") {
            true => self.held.keys().copied().collect(),
            false => Vec::new(),
        };
        for id in ids.iter().chain(&all) {
            if let Some(held) = self.held.get(id) {
                days.entry(held.day).or_default().push(*id);
            }
        }
        let remember = |(day, ids)| Change::Remember { cursor: CURSOR.to_owned(), hour: day * HOURS, ids };
        self.commit(days.into_iter().map(remember).collect())
    }

    /// That is written.
    pub(super) fn remembered(&mut self, ids: &[EventId]) {
        for id in ids {
            if let Some(held) = self.held.remove(id) {
                self.done.entry(held.day).or_default().insert(*id);
            }
        }
    }

    /// A listing showed everything: which day is the first of the next one, and what to write, if that is news.
    pub(super) fn complete(&mut self, today: Day) -> Option<(Day, Commit)> {
        let (listing, began) = (self.listing, self.listing_began);
        let before = self.held.len();
        // What is neither under way nor there any more cannot be waited for.
        self.held.retain(|_, held| held.listing == listing || began.is_none_or(|began| held.until > began));
        if self.held.len() < before {
            warn!(code = %codes::REMOVED, objects = before - self.held.len(), "objects were removed from the bucket before they were read");
        }
        let oldest = self.held.values().map(|held| held.day).min().unwrap_or(Day::MAX);
        let from = (today - self.lookback).min(oldest);
        if from <= self.from {
            return None;
        }
        let forget = Change::Forget { cursor: CURSOR.to_owned(), before: from * HOURS };
        Some((from, self.commit(vec![checkpoint(from), forget])))
    }

    /// That is written.
    pub(super) fn moved(&mut self, from: Day) {
        self.from = from;
        self.done = self.done.split_off(&from);
        info!(from = %date_of(from), "listing goes on with later days");
    }

    fn commit(&self, changes: Vec<Change>) -> Commit {
        Commit { unit: self.unit.clone(), store: self.store.clone(), changes }
    }
}

fn checkpoint(from: Day) -> Change {
    Change::Checkpoint { cursor: CURSOR.to_owned(), value: from.to_string() }
}

/// Something to be written into the state.
pub(super) struct Commit {
    pub(super) unit: UnitId,
    pub(super) store: Arc<dyn Store>,
    pub(super) changes: Vec<Change>,
}

impl Commit {
    pub(super) async fn write(self) -> Result<(), StoreError> {
        let Commit { unit, store, changes } = self;
        if changes.is_empty() {
            return Ok(());
        }
        store.commit(store.fence(), unit.as_str(), changes).await
    }
}
