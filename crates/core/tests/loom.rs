//! Receipts that are settled, dropped or lost by several threads: every interleaving of what they do, and every value that the
//! memory model lets them see.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::sync::Arc;

use bytes::Bytes;
use quittance_core::{
    Batch, Budget, Debt, EventsBuilder, Inlet, Ledger, Outlet, Proof, Receipt, Settlement, Tag, Tags, UnitId, debts,
    output,
};

/// What a sender does with its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Closed,
    Acked,
    Dropped,
}

const FATES: [Fate; 3] = [Fate::Closed, Fate::Acked, Fate::Dropped];

/// One batch for as many outputs as there are fates, each of which is met in a thread of its own.
fn meet(fates: &[Fate]) {
    let (ends, inlets): (Vec<_>, Vec<Inlet>) = (0..fates.len()).map(|n| output(&n.to_string())).unzip();
    inlets.iter().for_each(|inlet| inlet.set_ready(true));
    let ledger = Arc::new(Ledger::default());
    let outlet = Outlet::new(ends.into(), Budget::new(1 << 20), ledger.unit(&UnitId::new(&["unit"])));
    let (debts, mut settlements) = debts();
    let tags = Tags::default();
    let mut builder = EventsBuilder::new(tags.clone());
    builder.push(0, 1, tags.id(&Tag::new("my.app").unwrap()));
    let emitted =
        outlet.emit(builder.finish(Bytes::from_static(b"e")), Debt { item: 7, events: 0..1 }, outlet.all(), &debts);
    now(emitted);
    let receipts: Vec<Receipt> = inlets
        .into_iter()
        .map(|mut inlet| {
            let Batch { receipt, .. } = now(inlet.next()).unwrap();
            receipt
        })
        .collect();
    let threads: Vec<_> = receipts
        .into_iter()
        .zip(fates.to_vec())
        .map(|(receipt, fate)| {
            loom::thread::spawn(move || match fate {
                Fate::Closed => receipt.delivered(Proof::Closed),
                Fate::Acked => receipt.delivered(Proof::Acked),
                Fate::Dropped => drop(receipt),
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let Settlement { debt, owed } = settlements.try_recv().expect("it is settled when the last receipt is gone");
    assert_eq!(debt.item, 7);
    for (output, fate) in fates.iter().enumerate() {
        assert_eq!(owed.contains(output), *fate == Fate::Dropped, "output {output} of {fates:?}");
    }
    assert!(settlements.try_recv().is_err(), "it is settled once");
    let total = ledger.total();
    assert!(total.balances() && total.in_flight == 0, "{total:?}");
    let expected = match fates {
        _ if fates.contains(&Fate::Dropped) => (0, 0, 1),
        _ if fates.contains(&Fate::Acked) => (0, 1, 0),
        _ => (1, 0, 0),
    };
    assert_eq!((total.delivered_closed, total.delivered_acked, total.returned), expected, "{fates:?}");
}

/// What is there already.
fn now<T>(future: impl Future<Output = T>) -> T {
    use futures_util::FutureExt;
    future.now_or_never().expect("nothing is waited for")
}

#[test]
fn two_outputs_settle_a_debt_once_and_as_the_weaker_of_them_did() {
    for first in FATES {
        for second in FATES {
            loom::model(move || meet(&[first, second]));
        }
    }
}

#[test]
fn three_outputs_do_so_too() {
    for fates in [
        [Fate::Closed, Fate::Closed, Fate::Acked],
        [Fate::Closed, Fate::Acked, Fate::Dropped],
        [Fate::Dropped, Fate::Dropped, Fate::Closed],
    ] {
        loom::model(move || meet(&fates));
    }
}
