//! Every order, within bounds, of what a pool is given, what it is asked, and what happens to its connections.
//!
//! `QUITTANCE_DEPTH` is how many steps long the orders are; with the 3 of every run they are some hundreds.

use std::time::Duration;

use quittance_testbed::sink::Fault;

use crate::scene::{Scene, Setting, message};

/// Steps of an order in every run.
const DEPTH: u32 = 3;

/// Events of a batch, and bytes of an event.
const EVENTS: u64 = 5;
const SIZE: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A batch is given.
    Give,
    /// Time goes on by a rotation.
    Wait,
    /// The engine needs its receipts.
    Hurry,
    /// Every connection is reset.
    Reset,
    /// The next connection is met by a fault.
    Next(Fault),
}

const STEPS: [Step; 9] = [
    Step::Give,
    Step::Wait,
    Step::Hurry,
    Step::Reset,
    Step::Next(Fault::ResetAtEnd),
    Step::Next(Fault::CloseAfter(100)),
    Step::Next(Fault::ResetAfter(100)),
    Step::Next(Fault::SlowEnd(Duration::from_secs(7))),
    Step::Next(Fault::NeverEnds),
];

impl Step {
    /// Whether it can make events come twice.
    fn is_fault(self) -> bool {
        !matches!(self, Step::Give | Step::Wait | Step::Hurry | Step::Next(Fault::SlowEnd(_)))
    }
}

/// Between its first batch and its last, a pool goes through `steps`.
async fn go_through(steps: &[Step]) {
    let mut scene: Scene = Setting::default().scene();
    let mut given = 0;
    let mut open = 0;
    for step in [Step::Give].iter().chain(steps).chain(&[Step::Give]) {
        match step {
            Step::Give => {
                scene.give(given..given + EVENTS, SIZE).await;
                given += EVENTS;
                open += 1;
            }
            Step::Wait => tokio::time::sleep(Duration::from_secs(6)).await,
            Step::Hurry => scene.outlet.hurry(),
            Step::Reset => scene.sink.reset_open(),
            Step::Next(fault) => scene.sink.script([Some(*fault)]),
        }
    }
    let mut returned = 0;
    while open > 0 {
        let (numbers, delivered) = scene.settlement().await;
        if delivered {
            let there = scene.there();
            let missing = numbers.clone().find(|number| !there.contains(&message(*number, SIZE)));
            assert_eq!(missing, None, "called delivered, and not there, after {steps:?}");
            open -= 1;
        } else {
            returned += 1;
            scene.give(numbers, SIZE).await;
        }
    }
    let (total, arrived) = (scene.ledger.total(), scene.sink.totals());
    assert!(total.balances() && total.in_flight == 0, "{total:?} after {steps:?}");
    assert_eq!((total.delivered(), arrived.distinct), (given, given), "after {steps:?}");
    if !steps.iter().any(|step| step.is_fault()) {
        assert_eq!((returned, arrived.events), (0, given), "repeated without a fault, after {steps:?}");
    }
    scene.stop.cancel();
    drop(scene.outlet);
    scene.sender.await.unwrap();
}

#[test]
fn whatever_the_order_nothing_is_called_delivered_that_is_not_there() {
    let depth = std::env::var("QUITTANCE_DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(DEPTH);
    let orders = STEPS.len().pow(depth);
    for order in 0..orders {
        let step = |place| STEPS[order / STEPS.len().pow(place) % STEPS.len()];
        let steps: Vec<Step> = (0..depth).map(step).collect();
        // Every order begins afresh, in a time of its own.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(go_through(&steps));
    }
    println!("{orders} orders of {depth} steps");
}
