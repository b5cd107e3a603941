//! What a unit decided about messages and objects, counted.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of decisions, since the process started.
        #[derive(Default, Debug)]
        pub struct Tally { $($(#[$doc])* pub $name: Count,)* }

        impl Tally {
            /// Every count by its name.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

tally! {
    /// Messages received, each time counted.
    received,
    /// Messages deleted.
    deleted,
    /// Messages of a service itself, such as test events: deleted.
    control,
    /// Entries of notifications that announce no new object, such as deletions.
    others,
    /// Objects that the unit does not want.
    skipped,
    /// Messages left to the queue's redrive policy since something in them can never be delivered.
    poison,
    /// Messages that were set aside, since their queue has no redrive policy to take them.
    quarantined,
    /// Events that were set aside since they are too long to be sent.
    oversized,
    /// Objects that were not there and were given up, as `on_missing_object` says.
    missing,
    /// Events of an object that was overwritten before they were delivered.
    overwritten,
    /// Objects that were overwritten before they were read: what was written over them has announcements of its own.
    replaced,
    /// Messages that could not be held any longer.
    lapsed,
    /// Messages that came while they were held.
    duplicates,
    /// Messages that came again and were taken up where they had been left.
    resumed,
}

/// A count that only rises.
#[derive(Default, Debug)]
pub struct Count(AtomicU64);

impl Count {
    /// So many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}
