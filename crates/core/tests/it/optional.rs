//! Optional outputs: they hold nothing back, and what they lack is counted.

use std::sync::Arc;

use bytes::Bytes;
use quittance_core::{
    Budget, Debt, Debts, EventsBuilder, Inlet, Ledger, Outlet, Output, OutputSet, Proof, Settlements, Tag, Tags,
    UnitId, debts, optional_output, output,
};

/// Bytes of an event.
const EVENT: usize = 1000;

struct Scene {
    outlet: Outlet,
    debts: Debts,
    settlements: Settlements,
    tags: Tags,
}

fn scene(outputs: impl Into<Arc<[Output]>>) -> Scene {
    let ledger = Ledger::default().unit(&UnitId::new(&["test"]));
    let (debts, settlements) = debts();
    let outlet = Outlet::new(outputs.into(), Budget::new(1 << 20), ledger);
    Scene { outlet, debts, settlements, tags: Tags::default() }
}

impl Scene {
    async fn give(&self, events: usize, to: OutputSet) {
        let mut builder = EventsBuilder::new(self.tags.clone());
        let tag = self.tags.id(&Tag::new("my.app").unwrap());
        (0..events).for_each(|n| builder.push(n * EVENT, (n + 1) * EVENT, tag));
        let events = builder.finish(Bytes::from(vec![b'x'; events * EVENT]));
        let debt = Debt { item: 0, events: 0..events.len() as u64 };
        self.outlet.emit(events, debt, to, &self.debts).await;
    }
}

/// Offered, delivered, lost and on their way, as the output's own account says.
fn account(inlet: &Inlet) -> [u64; 4] {
    let counts = inlet.effort().unwrap().counts();
    assert!(counts.balances(), "{counts:?}");
    [counts.pulled, counts.delivered(), counts.returned, counts.in_flight]
}

async fn deliver(inlet: &mut Inlet) {
    inlet.next().await.unwrap().receipt.delivered(Proof::Closed);
}

#[tokio::test]
async fn one_that_takes_nothing_holds_nothing_back() {
    let (required, mut inlet) = output("required");
    // Room for three batches.
    let (optional, other) = optional_output("optional", 32 << 10);
    let mut scene = scene([optional, required]);
    inlet.set_ready(true);
    assert_eq!((scene.outlet.names(), scene.outlet.is_ready()), (vec!["required"], true));
    for _ in 0..100 {
        scene.give(10, scene.outlet.all()).await;
        deliver(&mut inlet).await;
        assert!(scene.settlements.recv().await.unwrap().is_delivered());
    }
    assert_eq!(account(&other), [1000, 0, 970, 30]);
    assert_eq!(scene.outlet.ledger().total().delivered(), 1000);
}

#[tokio::test]
async fn what_it_confirms_and_what_it_loses_make_up_what_it_was_offered() {
    let (required, mut inlet) = output("required");
    let (optional, mut other) = optional_output("optional", 1 << 20);
    let mut scene = scene([required, optional]);
    inlet.set_ready(true);
    for n in 0..100 {
        scene.give(3, scene.outlet.all()).await;
        deliver(&mut inlet).await;
        assert!(scene.settlements.recv().await.unwrap().is_delivered());
        match n % 3 {
            0 => drop(other.next().await.unwrap()),
            _ => deliver(&mut other).await,
        }
    }
    assert_eq!(account(&other), [300, 198, 102, 0]);
}

#[tokio::test]
async fn what_is_given_again_to_some_is_not_offered_again() {
    let (first, mut first_inlet) = output("first");
    let (second, mut second_inlet) = output("second");
    let (optional, other) = optional_output("optional", 1 << 20);
    let mut scene = scene([first, optional, second]);
    first_inlet.set_ready(true);
    second_inlet.set_ready(true);
    scene.give(10, scene.outlet.all()).await;
    deliver(&mut first_inlet).await;
    drop(second_inlet.next().await.unwrap());
    let owed = scene.settlements.recv().await.unwrap().owed;
    assert!(!owed.contains(0) && owed.contains(1), "{owed:?}");
    scene.give(10, owed).await;
    deliver(&mut second_inlet).await;
    assert!(scene.settlements.recv().await.unwrap().is_delivered());
    assert_eq!(account(&other), [10, 0, 0, 10]);
}

#[tokio::test]
async fn a_sender_that_is_gone_loses_what_it_is_offered() {
    let (required, mut inlet) = output("required");
    let (optional, other) = optional_output("optional", 1 << 20);
    let view = optional.readiness();
    let mut scene = scene([required, optional]);
    inlet.set_ready(true);
    drop(other);
    scene.give(7, scene.outlet.all()).await;
    deliver(&mut inlet).await;
    assert!(scene.settlements.recv().await.unwrap().is_delivered());
    let counts = view.effort().unwrap().counts();
    assert_eq!((counts.pulled, counts.returned, counts.in_flight), (7, 7, 0));
}
