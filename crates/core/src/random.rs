//! Randomness as a parameter: a seed makes a run repeatable.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A shared generator for jitter; not for secrets.
#[derive(Clone)]
pub struct Random(Arc<Mutex<fastrand::Rng>>);

impl Random {
    /// Always the same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Random(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// Another sequence at every start.
    pub fn unpredictable() -> Self {
        Random(Arc::new(Mutex::new(fastrand::Rng::new())))
    }

    /// A generator of its own, seeded from this one.
    pub fn fork(&self) -> Self {
        Self::seeded(self.lock().u64(..))
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        self.lock().f64()
    }

    /// A duration in `0..=limit`.
    pub fn up_to(&self, limit: Duration) -> Duration {
        limit.mul_f64(self.fraction())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
