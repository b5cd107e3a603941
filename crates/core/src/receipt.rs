//! Receipts: how the source's side learns what became of its events.
//!
//! Every batch is a [`Debt`]: a range of the events of one item, both named as its engine likes. It is shared by one
//! [`Receipt`] for each output; when the last of them is gone, one [`Settlement`] says which outputs still lack the events.
//! Nobody has to remember to report a failure: a receipt that is merely dropped leaves its output owed.

use std::ops::Range;
#[cfg(not(feature = "loom"))]
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

#[cfg(feature = "loom")]
use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::{sync::mpsc, time::Instant};

use crate::{Events, UnitLedger, planted};

/// A set of outputs, by their index in the configuration (64 at most).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct OutputSet(u64);

impl OutputSet {
    /// No output.
    pub const NONE: OutputSet = OutputSet(0);

    /// The first `count` outputs.
    pub fn first(count: usize) -> Self {
        OutputSet(if count >= 64 { u64::MAX } else { (1 << count) - 1 })
    }

    /// Whether the output at `index` is in the set.
    pub fn contains(self, index: usize) -> bool {
        index < 64 && self.0 & (1 << index) != 0
    }

    /// The outputs that are in both sets.
    pub fn and(self, other: OutputSet) -> Self {
        OutputSet(self.0 & other.0)
    }

    /// The set as a number: bit `n` is the output at index `n`.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The set that [`bits`](Self::bits) came from.
    pub fn from_bits(bits: u64) -> Self {
        OutputSet(bits)
    }

    /// Whether no output is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How strong the proof of a delivery is; the weakest among the outputs counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Proof {
    /// The peer's transport has acknowledged every byte, and the connection stayed healthy for a while.
    Acked,
    /// The peer ended its half after ours, without a reset: it has read everything.
    Closed,
}

/// What is owed: events of one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Debt {
    /// The object, message or page, by the engine's own number.
    pub item: u64,
    /// Its events concerned, by their ordinals.
    pub events: Range<u64>,
}

/// What became of a debt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// What was owed.
    pub debt: Debt,
    /// The outputs that still lack the events; none means delivered.
    pub owed: OutputSet,
}

impl Settlement {
    /// Whether every output has confirmed.
    pub fn is_delivered(&self) -> bool {
        self.owed.is_empty()
    }
}

/// Where an engine hears of its debts. There are never more settlements under way than live batches,
/// which the budgets bound; so the channel itself needs no bound.
pub type Settlements = mpsc::UnboundedReceiver<Settlement>;

/// The end of the same channel that goes with the batches.
#[derive(Clone)]
pub struct Debts(mpsc::UnboundedSender<Settlement>);

/// A channel of settlements for one engine.
pub fn debts() -> (Debts, Settlements) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Debts(sender), receiver)
}

/// One output's part of a debt.
pub struct Receipt {
    loan: Arc<Loan>,
    output: usize,
}

impl Receipt {
    /// The events have arrived at this output.
    pub fn delivered(self, proof: Proof) {
        if proof == Proof::Acked {
            self.loan.acked.store(true, Ordering::Relaxed);
        }
        let others = if planted("receipt-of-one-output-counts-for-all") { 0 } else { !(1 << self.output) };
        self.loan.owed.fetch_and(others, Ordering::AcqRel);
    }
}

/// The receipts of one batch, one for each output in `to`; `events` are pulled and in flight from here on.
pub(crate) fn receipts(
    events: &Events,
    debt: Debt,
    to: OutputSet,
    debts: &Debts,
    ledger: &std::sync::Arc<UnitLedger>,
    now: Option<Instant>,
) -> Vec<(usize, Receipt)> {
    let number = ledger.lent(events, now);
    let shares = events.shares().map(|(tag, share)| (tag.clone(), share)).collect();
    let loan = Arc::new(Loan {
        number,
        debt,
        owed: AtomicU64::new(to.0),
        acked: AtomicBool::new(false),
        shares,
        ledger: ledger.clone(),
        debts: debts.clone(),
    });
    (0..64).filter(|i| to.contains(*i)).map(|output| (output, Receipt { loan: loan.clone(), output })).collect()
}

/// A debt under way, shared by its receipts.
struct Loan {
    /// In the ledger.
    number: u64,
    debt: Debt,
    owed: AtomicU64,
    acked: AtomicBool,
    shares: Vec<(crate::Tag, crate::events::Share)>,
    ledger: std::sync::Arc<UnitLedger>,
    debts: Debts,
}

impl Drop for Loan {
    fn drop(&mut self) {
        // Whoever drops the last receipt has seen what was done with all others.
        let owed = OutputSet(if planted("settled-on-drop") { 0 } else { self.owed.load(Ordering::Relaxed) });
        let proof = if self.acked.load(Ordering::Relaxed) { Proof::Acked } else { Proof::Closed };
        self.ledger.settled(self.number, &self.shares, owed.is_empty().then_some(proof));
        if planted("return-not-told") && !owed.is_empty() {
            return;
        }
        // The engine may be gone, at a stop: then its source still holds the events.
        let _ = self.debts.0.send(Settlement { debt: self.debt.clone(), owed });
    }
}
