//! Several outputs: each must confirm, and a repeat goes only to those that still lack it.

use std::sync::Arc;

use bytes::Bytes;
use quittance_core::{
    Budget, Debt, EventsBuilder, Inlet, Ledger, Outlet, OutputSet, Proof, Tag, Tags, UnitId, debts, output,
};

fn events(tags: &Tags) -> quittance_core::Events {
    let mut builder = EventsBuilder::new(tags.clone());
    builder.push(0, 5, tags.id(&Tag::new("my.app").unwrap()));
    builder.finish(Bytes::from_static(b"event"))
}

async fn batch(inlet: &mut Inlet) -> quittance_core::Batch {
    inlet.next().await.unwrap()
}

#[tokio::test]
async fn a_debt_is_settled_for_each_output() {
    let (first, mut first_inlet) = output("first");
    let (second, mut second_inlet) = output("second");
    first_inlet.set_ready(true);
    second_inlet.set_ready(true);
    let ledger = Arc::new(Ledger::default());
    let outlet = Outlet::new([first, second].into(), Budget::new(1 << 20), ledger.unit(&UnitId::new(&["test"])));
    let (debts, mut settlements) = debts();
    let tags = Tags::default();
    let debt = Debt { item: 1, events: 0..1 };

    outlet.emit(events(&tags), debt.clone(), outlet.all(), &debts).await;
    batch(&mut first_inlet).await.receipt.delivered(Proof::Closed);
    assert!(settlements.try_recv().is_err(), "the second output has not spoken");
    drop(batch(&mut second_inlet).await);
    let settlement = settlements.recv().await.unwrap();
    assert!(!settlement.owed.contains(0) && settlement.owed.contains(1));
    assert_eq!((ledger.total().returned, ledger.total().delivered()), (1, 0));

    outlet.emit(events(&tags), debt, settlement.owed, &debts).await;
    batch(&mut second_inlet).await.receipt.delivered(Proof::Acked);
    assert_eq!(settlements.recv().await.unwrap().owed, OutputSet::NONE);
    assert_eq!(ledger.total().delivered_acked, 1, "the weakest proof counts");
    assert!(ledger.total().balances());
    drop(outlet);
    assert!(first_inlet.next().await.is_none(), "the repeat went only to the second");
}
