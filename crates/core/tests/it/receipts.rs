//! Whatever happens to receipts, every debt is settled exactly once and the ledger adds up at every step.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use quittance_core::{
    Batch, Budget, Debt, EventsBuilder, Inlet, Ledger, Outlet, Proof, Receipt, Tag, Tags, UnitId, debts, output,
};

/// What a sender may do with a receipt, or a test with time.
#[derive(Clone, Debug)]
enum Step {
    Emit { events: u8 },
    Deliver { which: prop::sample::Index, acked: bool },
    Drop { which: prop::sample::Index },
    Panic { which: prop::sample::Index },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..20_u8).prop_map(|events| Step::Emit { events }),
        3 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, acked)| Step::Deliver { which, acked }),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Drop { which }),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Panic { which }),
    ];
    prop::collection::vec(step, 1..60)
}

async fn receipt(inlet: &mut Inlet) -> Receipt {
    let Batch { receipt, .. } = inlet.next().await.unwrap();
    receipt
}

fn take(receipts: &mut Vec<(usize, Receipt)>, which: prop::sample::Index) -> Option<(usize, Receipt)> {
    if receipts.is_empty() { None } else { Some(receipts.remove(which.index(receipts.len()))) }
}

proptest! {
    #[test]
    fn every_debt_is_settled_once(outputs in 1..4_usize, steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ends, mut inlets): (Vec<_>, Vec<_>) = (0..outputs).map(|n| output(&n.to_string())).unzip();
            inlets.iter().for_each(|inlet| inlet.set_ready(true));
            let ledger = Arc::new(Ledger::default());
            let outlet = Outlet::new(ends.into(), Budget::new(1 << 20), ledger.unit(&UnitId::new(&["unit"])));
            let (debts, mut settlements) = debts();
            let tags = Tags::default();
            let tag = tags.id(&Tag::new("my.app").unwrap());
            let mut receipts: Vec<(usize, Receipt)> = Vec::new();
            // What each output owes of each debt, as a plain reference.
            let mut lacking: Vec<(u8, Vec<bool>, usize)> = Vec::new();
            let mut settled = Vec::new();
            for step in steps {
                let done = match step {
                    Step::Emit { events } => {
                        let mut builder = EventsBuilder::new(tags.clone());
                        (0..events).for_each(|_| builder.push(0, 1, tag));
                        let debt = Debt { item: lacking.len() as u64, events: 0..u64::from(events) };
                        outlet.emit(builder.finish(Bytes::from_static(b"e")), debt, outlet.all(), &debts).await;
                        for inlet in &mut inlets {
                            receipts.push((lacking.len(), receipt(inlet).await));
                        }
                        lacking.push((events, vec![true; outputs], outputs));
                        None
                    }
                    Step::Deliver { which, acked } => take(&mut receipts, which).map(|(debt, receipt)| {
                        receipt.delivered(if acked { Proof::Acked } else { Proof::Closed });
                        lacking[debt].1.pop();
                        debt
                    }),
                    Step::Drop { which } => take(&mut receipts, which).map(|(debt, receipt)| {
                        drop(receipt);
                        debt
                    }),
                    Step::Panic { which } => take(&mut receipts, which).map(|(debt, receipt)| {
                        let task = std::thread::spawn(move || {
                            let _held = receipt;
                            std::panic::resume_unwind(Box::new("a sender's bug"));
                        });
                        assert!(task.join().is_err());
                        debt
                    }),
                };
                if let Some(debt) = done {
                    lacking[debt].2 -= 1;
                }
                while let Ok(settlement) = settlements.try_recv() {
                    let debt = usize::try_from(settlement.debt.item).unwrap();
                    prop_assert_eq!(lacking[debt].2, 0, "settled before its last receipt");
                    prop_assert_eq!(settlement.is_delivered(), lacking[debt].1.is_empty());
                    prop_assert!(!settled.contains(&debt), "settled twice");
                    settled.push(debt);
                }
                let total = ledger.total();
                prop_assert!(total.balances(), "{:?}", total);
                let in_flight: u64 = lacking.iter().filter(|debt| debt.2 > 0).map(|debt| u64::from(debt.0)).sum();
                prop_assert_eq!(total.in_flight, in_flight);
            }
            prop_assert_eq!(settled.len(), lacking.iter().filter(|debt| debt.2 == 0).count());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_sender_that_is_gone_returns_what_it_is_given() {
    let (end, inlet) = output("only");
    inlet.set_ready(true);
    let ledger = Arc::new(Ledger::default());
    let outlet = Outlet::new([end].into(), Budget::new(1 << 20), ledger.unit(&UnitId::new(&["unit"])));
    let (debts, mut settlements) = debts();
    let tags = Tags::default();
    let mut builder = EventsBuilder::new(tags.clone());
    builder.push(0, 1, tags.id(&Tag::new("my.app").unwrap()));
    let events = builder.finish(Bytes::from_static(b"e"));
    drop(inlet);
    let emitted = outlet.emit(events, Debt { item: 1, events: 0..1 }, outlet.all(), &debts);
    let settlement = tokio::select! {
        () = emitted => settlements.recv().await.unwrap(),
        settlement = settlements.recv() => settlement.unwrap(),
    };
    assert!(settlement.owed.contains(0));
    assert_eq!((ledger.total().returned, ledger.total().in_flight), (1, 0));
}
