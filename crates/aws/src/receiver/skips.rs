//! Says which objects are not read, so that a wrong filter does not swallow everything in silence.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{info, warn};

use crate::{ObjectRef, codes, settings::NOT_MATCHED};

/// What a unit skipped since the process started. It outlives the unit's runs.
#[derive(Default)]
pub(crate) struct Skips {
    read_any: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    reasons: BTreeSet<(usize, &'static str)>,
    skipped: u64,
}

impl Skips {
    /// An object is read.
    pub(super) fn read(&self) {
        self.read_any.store(true, Ordering::Relaxed);
    }

    /// The service that goes this way skips an object.
    pub(super) fn skipped(&self, way: usize, object: &ObjectRef, reason: &'static str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.skipped += 1;
        let count = told.skipped;
        if told.reasons.insert((way, reason)) {
            match reason {
                NOT_MATCHED => warn!(code = %codes::SKIPPED, %object, reason, "object skipped, and others like it"),
                // What a bucket usually holds beside logs.
                _ => info!(%object, reason, "object skipped, and others like it"),
            }
        }
        // Ever more rarely.
        if !self.read_any.load(Ordering::Relaxed) && count >= 10 && count == 10u64.pow(count.ilog10()) {
            warn!(code = %codes::SKIPPED, skipped = count, %object, reason, "objects were skipped, and none was read");
        }
    }
}
