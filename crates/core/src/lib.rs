//! What a collector is: pullers that take events from a source, outlets and inlets that carry them in
//! batches, senders that deliver them, and receipts that come back.
//!
//! The promise of this crate is in its types: a [`Batch`] carries a [`Receipt`], and a receipt that is
//! dropped unsettled leaves its events owed, so neither a panic nor a forgotten branch can lose one.
//! It knows no cloud, no destination and no disk, and takes clock, sleep and randomness as parameters,
//! so that a whole collector runs in virtual time.

mod backoff;
mod budget;
mod chain;
mod clock;
mod code;
pub mod codes;
mod counts;
mod effort;
mod events;
mod interval;
mod ledger;
mod link;
mod mutants;
mod outlet;
mod past;
mod random;
mod receipt;
mod sample;
mod sender;
mod silence;
mod store;
mod supervisor;
mod tag;
mod tap;
mod unit;
mod vitals;
mod watchdog;

pub use backoff::Backoff;
pub use budget::{Budget, Room};
pub use chain::chain;
pub use clock::{Clock, Sleep, SystemClock};
pub use code::{Code, EVERYTHING, Family};
pub use counts::{Answer, CallCounts, Called, SenderCounts, SenderReading};
pub use effort::BestEffort;
pub use events::{Event, Events, EventsBuilder};
pub use interval::Interval;
pub use ledger::{Counts, Dropped, Ledger, UnitLedger};
pub use link::{Dial, Link};
#[cfg(feature = "mutants")]
pub use mutants::plant;
pub use mutants::planted;
pub use outlet::{Batch, Hurry, Inlet, Outlet, Output, Readiness, optional_output, output};
pub use past::{Backfill, Past, Progress, Survey, Surveyed};
pub use random::Random;
pub use receipt::{Debt, Debts, OutputSet, Proof, Receipt, Settlement, Settlements, debts};
pub use sample::{Judged, Sample};
pub use sender::Sender;
pub use store::{Change, Discarded, EventId, Fence, NoStore, Quarantined, Record, SetAside, Store, StoreError};
pub use supervisor::Supervisor;
pub use tag::{Tag, TagError, TagId, Tags};
pub use tap::{Listener, Tap, Tapped, Wanted};
pub use unit::{Class, Ended, Estimate, Failure, Finding, Puller, PullerContext, Setup, Severity, Unit, UnitId};
pub use vitals::{Failed, Health, Quiet, Reloaded, Stage, UnitHealth, UnitView, Vitals};
pub use watchdog::Watchdog;

/// Clock and randomness of a collector: the parameters that a test replaces.
#[derive(Clone)]
pub struct World {
    /// Time and sleep.
    pub clock: std::sync::Arc<dyn Clock>,
    /// Jitter.
    pub random: Random,
}

impl World {
    /// The machine's own clock and an unpredictable seed.
    pub fn system() -> Self {
        World { clock: std::sync::Arc::new(SystemClock), random: Random::unpredictable() }
    }
}
