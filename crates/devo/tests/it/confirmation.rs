//! When a receipt is settled, and how connections come and go.

use std::time::Duration;

use quittance_core::{Interval, OutputSet};
use quittance_devo::{Confirm, Mode, PoolKind};

use crate::scene::Setting;

#[tokio::test(start_paused = true)]
async fn without_a_fault_everything_arrives_once() {
    let mut scene = Setting::default().scene();
    let returned = scene.deliver_all(40, 50, 500).await;
    let totals = scene.sink.totals();
    assert_eq!((returned, totals.repeated(), totals.malformed, totals.torn), (0, 0, 0, 0));
    assert_eq!(scene.ledger.total().delivered_closed, 2000);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_comes_after_the_interval_and_not_before() {
    let mut scene = Setting::default().scene();
    scene.outlet.ready().await;
    let start = scene.world.clock.now();
    scene.give(0..10, 100).await;
    let (_, delivered) = scene.settlement().await;
    assert!(delivered);
    let waited = scene.world.clock.now() - start;
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_in_a_hurry_gets_its_receipts_at_once() {
    let mut scene = Setting::default().scene();
    scene.outlet.ready().await;
    let start = scene.world.clock.now();
    scene.give(0..10, 100).await;
    // The pool must have taken the batch; the sink sees it.
    scene.sink.wait_for(|totals| totals.events == 10).await;
    scene.outlet.hurry();
    assert!(scene.settlement().await.1);
    assert!(scene.world.clock.now() - start < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_it_has_carried_enough() {
    let confirm = Confirm { mode: Mode::Closed, max_bytes: 100_000, ..Confirm::default() };
    let mut scene = Setting { confirm, ..Setting::default() }.scene();
    scene.deliver_all(20, 100, 500).await;
    // About 1.1 MB in portions of 100 kB, and the probe.
    assert!(scene.sink.totals().ended >= 10, "{:?}", scene.sink.totals());
}

#[tokio::test(start_paused = true)]
async fn an_idle_pool_holds_no_connection() {
    let mut scene = Setting::default().scene();
    scene.deliver_all(1, 10, 100).await;
    scene.sink.wait_for(|totals| totals.open == 0).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(scene.sink.totals().connections, 2, "the probe, and the one that carried");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_before_a_probe_has_ended_well() {
    let scene = Setting::default().scene();
    scene.sink.set_down(true);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready());
    assert_eq!(scene.sink.totals().events, 0);
    scene.sink.set_down(false);
    scene.outlet.ready().await;
    assert_eq!(scene.sink.totals().empty, 1);
}

#[tokio::test(start_paused = true)]
async fn lookup_and_internal_connect_with_their_first_batch() {
    for kind in [PoolKind::Lookup, PoolKind::Internal] {
        let mut scene = Setting { kind, ..Setting::default() }.scene();
        scene.outlet.ready().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(scene.sink.totals().connections, 0);
        scene.deliver_all(2, 10, 100).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_settles_what_was_given_and_ends() {
    let mut scene = Setting::default().scene();
    scene.give(0..100, 100).await;
    let (outlet, stop) = (scene.outlet.clone(), scene.stop.clone());
    stop.cancel();
    drop(outlet);
    scene.outlet.hurry();
    assert!(scene.settlement().await.1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_destination_is_away_returns_instead_of_waiting() {
    let confirm = Confirm { mode: Mode::Closed, interval: Interval(Duration::from_secs(1)), ..Confirm::default() };
    let mut scene = Setting { confirm, ..Setting::default() }.scene();
    scene.outlet.ready().await;
    scene.sink.set_down(true);
    scene.give(0..100, 100).await;
    assert!(!scene.settlement().await.1);
    scene.stop.cancel();
    let Ok(()) = tokio::time::timeout(Duration::from_secs(1), async {
        drop(scene.outlet);
        scene.sender.await.unwrap();
    })
    .await
    else {
        panic!("the sender did not end");
    };
    assert!(OutputSet::NONE.is_empty());
}
