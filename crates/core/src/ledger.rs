//! The ledger: what was pulled, and what became of it, by unit and tag.

use std::{
    collections::{BTreeMap, HashMap},
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::{Events, Proof, Tag, UnitId, events::Share, planted};

/// Events of one unit and tag, or a sum of several.
///
/// At every moment `pulled = filtered + quarantined + delivered + returned + in_flight`; an event that is given
/// again after a return is pulled again.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Taken from the source.
    pub pulled: u64,
    /// Dropped by the user's wish.
    pub filtered: u64,
    /// Set aside since they cannot be sent.
    pub quarantined: u64,
    /// Confirmed by the peer's own end.
    pub delivered_closed: u64,
    /// Confirmed by the peer's transport alone.
    pub delivered_acked: u64,
    /// Came back unconfirmed; their engine gives them again.
    pub returned: u64,
    /// Under way: counted by the live receipts, not derived.
    pub in_flight: u64,
    /// Payload bytes of the delivered events.
    pub bytes: u64,
    /// Payload bytes of those that came back.
    pub returned_bytes: u64,
    /// Payload bytes of those that are under way.
    pub in_flight_bytes: u64,
}

impl Counts {
    /// Delivered, by whichever proof.
    pub fn delivered(&self) -> u64 {
        self.delivered_closed + self.delivered_acked
    }

    /// Whether the ledger adds up.
    pub fn balances(&self) -> bool {
        self.pulled == self.filtered + self.quarantined + self.delivered() + self.returned + self.in_flight
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.pulled += other.pulled;
        self.filtered += other.filtered;
        self.quarantined += other.quarantined;
        self.delivered_closed += other.delivered_closed;
        self.delivered_acked += other.delivered_acked;
        self.returned += other.returned;
        self.in_flight += other.in_flight;
        self.bytes += other.bytes;
        self.returned_bytes += other.returned_bytes;
        self.in_flight_bytes += other.in_flight_bytes;
    }
}

/// What one of the user's filters kept from being sent.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many events; they are among those that are [`filtered`](Counts::filtered).
    pub events: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Dropped) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

/// The accounts of every unit of a collector.
#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<UnitId, Arc<UnitLedger>>>);

impl Ledger {
    /// The account of `unit`, opened at its first mention.
    pub fn unit(&self, unit: &UnitId) -> Arc<UnitLedger> {
        lock(&self.0).entry(unit.clone()).or_default().clone()
    }

    /// Everything, by unit and tag.
    pub fn snapshot(&self) -> Vec<(UnitId, Tag, Counts)> {
        self.units()
            .into_iter()
            .flat_map(|(id, unit)| unit.snapshot().into_iter().map(move |(tag, counts)| (id.clone(), tag, counts)))
            .collect()
    }

    /// Every account, in the order of the units.
    pub fn units(&self) -> Vec<(UnitId, Arc<UnitLedger>)> {
        lock(&self.0).iter().map(|(id, unit)| (id.clone(), unit.clone())).collect()
    }

    /// The sum of all units.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for unit in lock(&self.0).values() {
            total += unit.total();
        }
        total
    }

    /// What each filter dropped, of all units, in the order of the filters' names.
    pub fn dropped(&self) -> BTreeMap<Arc<str>, Dropped> {
        let mut all = BTreeMap::new();
        for unit in lock(&self.0).values() {
            for (filter, dropped) in unit.dropped_by() {
                *all.entry(filter).or_default() += dropped;
            }
        }
        all
    }
}

/// The account of one unit. Touched once a batch, never once an event.
#[derive(Default)]
pub struct UnitLedger(Mutex<Book>);

#[derive(Default)]
struct Book {
    tags: HashMap<Tag, Counts>,
    /// When each loan that is not settled was made, by its number.
    loans: BTreeMap<u64, Instant>,
    next_loan: u64,
    last_lent: Option<Instant>,
    /// By filter: there are as many as the user wrote.
    filters: BTreeMap<Arc<str>, Dropped>,
}

impl UnitLedger {
    /// `events` more were pulled and dropped by the user's wish.
    pub fn filtered(&self, tag: &Tag, events: u64) {
        let mut book = lock(&self.0);
        let counts = book.tags.entry(tag.clone()).or_default();
        counts.pulled += events;
        counts.filtered += events;
    }

    /// Among what is [`filtered`](Self::filtered) is this, dropped by the filter of that name.
    pub fn dropped(&self, filter: &Arc<str>, dropped: Dropped) {
        *lock(&self.0).filters.entry(filter.clone()).or_default() += dropped;
    }

    /// What each filter dropped, in the order of their names.
    pub fn dropped_by(&self) -> Vec<(Arc<str>, Dropped)> {
        lock(&self.0).filters.iter().map(|(filter, dropped)| (filter.clone(), *dropped)).collect()
    }

    /// `events` more were pulled and set aside.
    pub fn quarantined(&self, tag: &Tag, events: u64) {
        let mut book = lock(&self.0);
        let counts = book.tags.entry(tag.clone()).or_default();
        counts.pulled += events;
        counts.quarantined += events;
    }

    /// The sum of all tags.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        lock(&self.0).tags.values().for_each(|counts| total += *counts);
        total
    }

    /// By tag, in the order of the tags.
    pub fn snapshot(&self) -> Vec<(Tag, Counts)> {
        let mut all: Vec<_> = lock(&self.0).tags.iter().map(|(tag, counts)| (tag.clone(), *counts)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// When the oldest events were given that no receipt has come back for; unknown without a clock.
    pub fn oldest_loan(&self) -> Option<Instant> {
        // Of one unit, what was given first has the lowest number.
        lock(&self.0).loans.first_key_value().map(|(_, at)| *at)
    }

    /// When events were given last; unknown without a clock.
    pub fn last_lent(&self) -> Option<Instant> {
        lock(&self.0).last_lent
    }

    /// Enters what is given at that time; says by what number it is settled.
    pub(crate) fn lent(&self, events: &Events, now: Option<Instant>) -> u64 {
        let mut book = lock(&self.0);
        for (tag, share) in events.shares() {
            let counts = book.tags.entry(tag.clone()).or_default();
            counts.pulled += share.events;
            counts.in_flight += share.events + u64::from(planted("ledger-counts-one-more"));
            counts.in_flight_bytes += share.bytes;
        }
        let loan = book.next_loan;
        book.next_loan += 1;
        if let Some(now) = now {
            book.loans.insert(loan, now);
            book.last_lent = Some(now);
        }
        loan
    }

    pub(crate) fn settled(&self, loan: u64, shares: &[(Tag, Share)], proof: Option<Proof>) {
        let mut book = lock(&self.0);
        book.loans.remove(&loan);
        for (tag, share) in shares {
            let counts = book.tags.entry(tag.clone()).or_default();
            counts.in_flight -= share.events;
            counts.in_flight_bytes -= share.bytes;
            match proof {
                Some(Proof::Closed) => counts.delivered_closed += share.events,
                Some(Proof::Acked) => counts.delivered_acked += share.events,
                None => counts.returned += share.events,
            }
            match proof {
                Some(_) => counts.bytes += share.bytes,
                None => counts.returned_bytes += share.bytes,
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
