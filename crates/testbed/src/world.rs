//! The world of a collector in virtual time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use quittance_core::{Clock, Random, World};
use tokio::time::Instant;

/// A clock whose time of day goes with tokio's time, which a test pauses.
pub struct VirtualClock {
    start: Instant,
    wall: SystemTime,
}

impl VirtualClock {
    /// A clock that shows `wall` now.
    pub fn starting(wall: SystemTime) -> Self {
        VirtualClock { start: Instant::now(), wall }
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> SystemTime {
        self.wall + self.start.elapsed()
    }
}

/// A world that repeats itself: the same time of day and the same randomness for the same seed.
pub fn virtual_world(seed: u64) -> World {
    let wall = UNIX_EPOCH + Duration::from_secs(1_768_478_400);
    World { clock: Arc::new(VirtualClock::starting(wall)), random: Random::seeded(seed) }
}
