//! Lanes that refuse us: the items of one bucket, which are all readable or none is.
//!
//! A refused lane rests, its items parked, while the others flow; now and then one item is tried. Without the permission
//! to list, S3 also refuses an object that is merely gone, so a refusal rests a lane only as long as nothing else in it
//! can be read.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use quittance_core::{Backoff, Random};
use tokio::time::Instant;

use crate::held::{ItemKey, schedule::Schedule};

/// Until the second try, which tells a lane from a single item.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// How long a lane rests at most: so much later than access is given, its items flow again.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Lanes of which it is remembered that something could be read; more than any unit has buckets.
const MOST_REMEMBERED: usize = 1024;

pub(crate) struct Lanes {
    resting: BTreeMap<String, Lane>,
    /// When something in a lane could last be read.
    readable: HashMap<String, Instant>,
    random: Random,
}

struct Lane {
    /// No try before.
    until: Instant,
    trying: Option<ItemKey>,
    refusals: u32,
    backoff: Backoff,
    /// By the time at which they were parked: whoever was refused last is tried last.
    parked: Schedule<ItemKey>,
}

/// What a refusal means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The lane rests; say so if this is the first time.
    Lane {
        /// Whether this is the first that is to be said of it.
        news: bool,
    },
    /// The lane is fine: it is this item alone.
    Item,
}

impl Lanes {
    pub(crate) fn new(random: Random) -> Self {
        Lanes { resting: BTreeMap::new(), readable: HashMap::new(), random }
    }

    /// Whether the item may be begun. If not, it is parked until the lane [has recovered](Self::read) or it is
    /// [tried](Self::try_one).
    pub(crate) fn admit(&mut self, lane: &str, item: ItemKey, now: Instant) -> bool {
        match self.resting.get_mut(lane) {
            Some(lane) if lane.trying != Some(item) => {
                lane.parked.set(item, now);
                false
            }
            _ => true,
        }
    }

    /// Whether the lane refuses us now.
    pub(crate) fn rests(&self, lane: &str) -> bool {
        self.resting.contains_key(lane)
    }

    /// Something in the lane could be read. If it was resting: the items to release, and whether its recovery is news.
    pub(crate) fn read(&mut self, lane: &str, now: Instant) -> Option<(Vec<ItemKey>, bool)> {
        match self.readable.get_mut(lane) {
            Some(at) => *at = now,
            None => {
                if self.readable.len() >= MOST_REMEMBERED {
                    self.readable.clear();
                }
                self.readable.insert(lane.to_owned(), now);
            }
        }
        let lane = self.resting.remove(lane)?;
        Some((lane.parked.into_keys().collect(), lane.refusals > 1))
    }

    /// An item was refused, which `first` met that. Parks it, unless it alone is concerned.
    pub(crate) fn refused(&mut self, lane: &str, item: ItemKey, first: Instant, now: Instant) -> Refusal {
        if self.readable.get(lane).is_some_and(|at| *at > first) {
            self.tried(lane, item);
            return Refusal::Item;
        }
        if !self.resting.contains_key(lane) {
            let backoff = Backoff::new(Duration::from_secs(30), LONGEST_REST, self.random.fork());
            let fresh = Lane { until: now, trying: None, refusals: 0, backoff, parked: Schedule::default() };
            self.resting.insert(lane.to_owned(), fresh);
        }
        let lane = self.resting.get_mut(lane).expect("inserted above if it was not there");
        lane.trying = lane.trying.filter(|trying| *trying != item);
        lane.refusals += 1;
        lane.parked.set(item, now);
        if lane.until <= now {
            lane.until = now + if lane.refusals < 2 { SECOND_LOOK } else { lane.backoff.wait() };
        }
        Refusal::Lane { news: lane.refusals == 2 }
    }

    /// A try told nothing: the next may.
    pub(crate) fn tried(&mut self, lane: &str, item: ItemKey) {
        if let Some(lane) = self.resting.get_mut(lane) {
            lane.trying = lane.trying.filter(|trying| *trying != item);
        }
    }

    /// An item to be tried, from a lane that has rested. What was to be tried and is not `begun` makes room for another: it
    /// may be gone, or wait in its group for the very item that is parked here.
    pub(crate) fn try_one(&mut self, now: Instant, begun: impl Fn(ItemKey) -> bool) -> Option<ItemKey> {
        self.resting.values_mut().find_map(|lane| {
            lane.trying = lane.trying.filter(|item| begun(*item));
            if lane.until > now || lane.trying.is_some() {
                return None;
            }
            lane.trying = lane.parked.pop_any();
            lane.trying
        })
    }

    /// The item is gone.
    pub(crate) fn gone(&mut self, item: ItemKey) {
        for lane in self.resting.values_mut() {
            lane.parked.remove(item);
            lane.trying = lane.trying.filter(|trying| *trying != item);
        }
    }

    /// When the next try is due.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        let due = |lane: &&Lane| lane.trying.is_none() && lane.parked.len() > 0;
        self.resting.values().filter(due).map(|lane| lane.until).min()
    }

    /// Items parked.
    pub(crate) fn parked(&self) -> usize {
        self.resting.values().map(|lane| lane.parked.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> (Lanes, Instant) {
        #[allow(clippy::disallowed_methods, reason = "any moment will do")]
        let now = Instant::now();
        (Lanes::new(Random::seeded(1)), now)
    }

    #[test]
    fn a_lane_rests_after_two_refusals_and_wakes_at_a_read() {
        let (mut lanes, now) = lanes();
        assert_eq!(lanes.refused("b", 1, now, now), Refusal::Lane { news: false });
        assert!(!lanes.admit("b", 2, now));
        assert!(lanes.admit("other", 3, now));
        assert_eq!(lanes.try_one(now, |_| true), None);
        let second = now + SECOND_LOOK;
        assert_eq!(lanes.try_one(second, |_| true), Some(1));
        assert_eq!(lanes.try_one(second, |_| true), None, "one at a time");
        assert!(lanes.admit("b", 1, now));
        assert_eq!(lanes.refused("b", 1, now, second), Refusal::Lane { news: true });
        let third = lanes.next_try().unwrap();
        assert!(third >= second + Duration::from_secs(15));
        assert_eq!(lanes.try_one(third, |_| true), Some(2), "in turn, so that one bad item does not stand for all");
        assert_eq!(lanes.read("b", third), Some((vec![1], true)));
        assert!(lanes.admit("b", 1, now));
        assert_eq!((lanes.parked(), lanes.next_try()), (0, None));
    }

    #[test]
    fn an_item_refused_in_a_readable_lane_is_alone() {
        let (mut lanes, now) = lanes();
        let later = now + Duration::from_secs(5);
        assert_eq!(lanes.refused("b", 1, now, now), Refusal::Lane { news: false });
        assert_eq!(lanes.read("b", later), Some((vec![1], false)));
        assert_eq!(lanes.refused("b", 1, now, later), Refusal::Item);
        assert!(lanes.admit("b", 2, now));
    }
}
