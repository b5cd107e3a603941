//! Plain TCP, as to a relay in one's own network: the same receipts by the same proofs, without TLS's own end.

use std::time::Duration;

use quittance_devo::{Confirm, Mode};
use quittance_testbed::sink::Fault;

use crate::scene::{Setting, confirm};

fn relay() -> Setting {
    Setting { plain: true, ..Setting::default() }
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_everything_arrives_once_and_is_proved_by_the_peers_end() {
    let mut scene = relay().scene();
    let returned = scene.deliver_all(40, 50, 500).await;
    let totals = scene.sink.totals();
    assert_eq!((returned, totals.repeated(), totals.malformed, totals.torn), (0, 0, 0, 0));
    assert_eq!(scene.ledger.total().delivered_closed, 2000);
}

/// Whatever `faults` do, what was called delivered is there.
async fn survives(faults: impl IntoIterator<Item = Fault>) -> u64 {
    let confirm = Confirm { max_bytes: 200_000, ..confirm(Mode::Closed, 30) };
    let setting = Setting { confirm, ..relay() };
    setting.sink.script(faults.into_iter().map(Some));
    let mut scene = setting.scene();
    let returned = scene.deliver_all(40, 50, 500).await;
    assert_eq!(scene.sink.faults_left(), 0, "not every fault was met");
    returned
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_resets_confirms_nothing() {
    assert!(survives([1, 10_000, 150_000].map(Fault::ResetAfter)).await > 0);
    assert!(survives([Fault::ResetAtEnd]).await > 0);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_ends_by_itself_confirms_nothing() {
    for fault in [Fault::CloseAfter, Fault::LeaveAfter] {
        assert!(survives([fault(1), fault(90_000)]).await > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_relay_is_waited_for() {
    assert_eq!(survives([Fault::SlowEnd(Duration::from_secs(20))]).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_weaker_proof_is_learnt_from_the_same_probe() {
    let setting = Setting { confirm: confirm(Mode::Auto, 30), ..relay() };
    setting.sink.always(Some(Fault::NeverEnds));
    let mut scene = setting.scene();
    assert_eq!(scene.deliver_all(20, 50, 500).await, 0);
    assert_eq!(scene.ledger.total().delivered_acked, 1000);
    let setting = Setting { confirm: confirm(Mode::Closed, 30), ..relay() };
    setting.sink.always(Some(Fault::NeverEnds));
    let scene = setting.scene();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!scene.outlet.is_ready());
}
