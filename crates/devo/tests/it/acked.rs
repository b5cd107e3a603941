//! The weaker proof: when it is used, and what it says.

use std::{sync::Arc, time::Duration};

use quittance_devo::Mode;
use quittance_testbed::{sink::Fault, store::MemoryStore};

use crate::scene::{Setting, confirm};

#[tokio::test(start_paused = true)]
async fn auto_chooses_it_for_a_destination_that_never_ends() {
    let setting = Setting { confirm: confirm(Mode::Auto, 30), ..Setting::default() };
    setting.sink.always(Some(Fault::NeverEnds));
    let mut scene = setting.scene();
    assert_eq!(scene.deliver_all(20, 50, 500).await, 0);
    assert_eq!(scene.ledger.total().delivered_acked, 1000);
    assert_eq!(scene.sink.totals().repeated(), 0);
    assert_eq!(scene.store.records()[0].3, "never_ends");
}

#[tokio::test(start_paused = true)]
async fn auto_stays_strict_once_a_connection_was_confirmed_closed() {
    let store = Arc::new(MemoryStore::default());
    let setting = || Setting { confirm: confirm(Mode::Auto, 30), store: store.clone(), ..Setting::default() };
    setting().scene().deliver_all(1, 10, 100).await;
    // Another run, and the destination behaves differently.
    let changed = setting();
    changed.sink.always(Some(Fault::NeverEnds));
    let scene = changed.scene();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready());
}

#[tokio::test(start_paused = true)]
async fn auto_is_not_weakened_by_a_state_that_cannot_be_read() {
    let store = Arc::new(MemoryStore::default());
    let setting = || Setting { confirm: confirm(Mode::Auto, 30), store: store.clone(), ..Setting::default() };
    setting().scene().deliver_all(1, 10, 100).await;
    store.set_failing(true);
    let changed = setting();
    changed.sink.always(Some(Fault::NeverEnds));
    let scene = changed.scene();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready(), "it is not known what was known");
    store.set_failing(false);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready(), "it has confirmed before");
}

#[tokio::test(start_paused = true)]
async fn auto_chooses_it_once_the_state_says_that_nothing_is_known() {
    let setting = Setting { confirm: confirm(Mode::Auto, 30), ..Setting::default() };
    setting.store.set_failing(true);
    setting.sink.always(Some(Fault::NeverEnds));
    let mut scene = setting.scene();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready());
    scene.store.set_failing(false);
    assert_eq!(scene.deliver_all(20, 50, 500).await, 0);
    assert_eq!(scene.ledger.total().delivered_acked, 1000);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_of_a_destination_is_written_later() {
    let setting = Setting { confirm: confirm(Mode::Auto, 30), ..Setting::default() };
    setting.store.refuse_writes(true);
    let mut scene = setting.scene();
    scene.deliver_all(1, 10, 100).await;
    assert!(scene.store.records().is_empty());
    scene.store.refuse_writes(false);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(scene.store.records()[0].3, "closes");
}

#[tokio::test(start_paused = true)]
async fn closed_never_takes_it() {
    let setting = Setting::default();
    setting.sink.always(Some(Fault::NeverEnds));
    let scene = setting.scene();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready());
}

#[tokio::test(start_paused = true)]
async fn auto_is_not_weakened_by_a_destination_that_is_away_or_resets() {
    let setting = Setting { confirm: confirm(Mode::Auto, 30), ..Setting::default() };
    setting.sink.always(Some(Fault::ResetAtEnd));
    let scene = setting.scene();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready());
    assert!(scene.store.records().is_empty());
}

#[tokio::test(start_paused = true)]
async fn receipts_flow_while_a_connection_stays_busy() {
    let setting = Setting { confirm: confirm(Mode::Acked, 30), ..Setting::default() };
    setting.sink.always(Some(Fault::NeverEnds));
    let mut scene = setting.scene();
    scene.outlet.ready().await;
    let mut settled = 0;
    for batch in 0..200 {
        scene.give(batch * 10..(batch + 1) * 10, 100).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        while let Ok((_, delivered)) = tokio::time::timeout(Duration::ZERO, scene.settlement()).await {
            assert!(delivered);
            settled += 1;
        }
    }
    assert!(settled > 100, "{settled}");
    assert_eq!(scene.sink.totals().connections, 2, "the probe and one that carries");
}

#[tokio::test(start_paused = true)]
async fn a_reset_before_it_has_settled_returns() {
    let setting = Setting { confirm: confirm(Mode::Acked, 30), ..Setting::default() };
    setting.sink.script([Some(Fault::ResetAfter(50_000)), Some(Fault::ResetAfter(200_000))]);
    let mut scene = setting.scene();
    assert!(scene.deliver_all(20, 50, 500).await > 0);
}
