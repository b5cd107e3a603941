//! What lies in a source's past, to be given once without being announced.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use async_trait::async_trait;

use crate::{Failure, Puller, Setup};

/// A range of what was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// What it lies in, as a bucket.
    pub place: String,
    /// Where that is, if it is known; otherwise where the unit reads.
    pub region: Option<String>,
    /// How the names begin.
    pub prefix: String,
    /// What is older is not wanted.
    pub from: Option<SystemTime>,
    /// From then on nothing is wanted.
    pub to: Option<SystemTime>,
    /// Whether a day that a name has says how old it is; otherwise only the time of storing does.
    pub by_name: bool,
    /// Most objects a second.
    pub rate: Option<NonZeroU32>,
}

/// A unit that gives a [`Past`]. Its puller runs until it is stopped; its [`Progress`] says when there is nothing left.
#[derive(Clone)]
pub struct Backfill {
    /// Proves that the past can be read.
    pub setup: Arc<dyn Setup>,
    /// Gives it.
    pub puller: Arc<dyn Puller>,
    /// Counts it.
    pub survey: Arc<dyn Survey>,
    /// How far the puller is.
    pub progress: Arc<Progress>,
}

/// Counts what there is without reading it.
#[async_trait]
pub trait Survey: Send + Sync {
    /// What the range holds, sorted by day; what is not in the range is in none.
    async fn survey(&self) -> Result<Vec<Surveyed>, Failure>;
}

/// What a day has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// The day, as in `2026-01-15`.
    pub day: String,
    /// Why the service does not read these; it does if there is no reason.
    pub skipped: Option<&'static str>,
    /// How many.
    pub objects: u64,
    /// Their bytes, as they are stored.
    pub bytes: u64,
}

/// How far a backfill is. What earlier runs dealt with counts too.
#[derive(Debug, Default)]
pub struct Progress {
    objects: AtomicU64,
    bytes: AtomicU64,
    complete: AtomicBool,
}

impl Progress {
    /// So many more objects were dealt with, and their bytes.
    pub fn add(&self, objects: u64, bytes: u64) {
        self.objects.fetch_add(objects, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// A run begins: of everything, earlier ones dealt with so much.
    pub fn begin(&self, objects: u64, bytes: u64) {
        self.objects.store(objects, Relaxed);
        self.bytes.store(bytes, Relaxed);
    }

    /// Objects and bytes that were dealt with.
    pub fn dealt(&self) -> (u64, u64) {
        (self.objects.load(Relaxed), self.bytes.load(Relaxed))
    }

    /// Everything is dealt with, and that is on the disk.
    pub fn finish(&self) {
        self.complete.store(true, Relaxed);
    }

    /// Whether there is nothing left.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Relaxed)
    }
}
