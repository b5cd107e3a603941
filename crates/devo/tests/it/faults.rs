//! Whatever a receiver does, nothing that was called delivered is missing, and everything is delivered in the end.

use std::time::Duration;

use quittance_devo::{Confirm, Mode};
use quittance_testbed::{
    certificates::{Identity, Pki},
    sink::Fault,
};

use crate::scene::{Setting, confirm};

/// Events of 500 bytes, 40 batches of 50: about 1.1 MB.
async fn survives(faults: impl IntoIterator<Item = Option<Fault>>) -> (u64, u64) {
    let mut scene = Setting { confirm: confirm(Mode::Closed, 30), ..Setting::default() }.scene();
    scene.sink.script(faults);
    let returned = scene.deliver_all(40, 50, 500).await;
    assert_eq!(scene.sink.faults_left(), 0, "a fault was never met");
    (returned, scene.sink.totals().repeated())
}

#[tokio::test(start_paused = true)]
async fn resets_at_any_byte() {
    for bytes in [0, 1, 100, 4096, 16_384, 16_385, 65_536, 100_000, 300_000, 700_000] {
        let (returned, _) = survives([Some(Fault::ResetAfter(bytes))]).await;
        assert!(returned > 0, "a reset after {bytes} bytes returns what was not confirmed");
    }
}

#[tokio::test(start_paused = true)]
async fn resets_one_after_the_other() {
    survives([10, 200_000, 5_000, 70_000, 1].map(|bytes| Some(Fault::ResetAfter(bytes)))).await;
}

#[tokio::test(start_paused = true)]
async fn orderly_closes_in_mid_stream() {
    for bytes in [1, 20_000, 500_000] {
        let (returned, _) = survives([Some(Fault::CloseAfter(bytes))]).await;
        assert!(returned > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_answer_to_the_end_confirms_nothing() {
    let (returned, repeated) = survives([Some(Fault::ResetAtEnd)]).await;
    // The receiver had read it all, but nobody could know.
    assert!(returned > 0 && repeated > 0);
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_waited_for_as_long_as_allowed() {
    let (returned, repeated) = survives([Some(Fault::StallAfter(100_000, Duration::from_secs(20)))]).await;
    assert_eq!((returned, repeated), (0, 0));
    let (returned, _) = survives([Some(Fault::StallAfter(100_000, Duration::from_secs(120)))]).await;
    assert!(returned > 0);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_given_up() {
    survives([Some(Fault::BlackHole), Some(Fault::BlackHole)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_end_once_is_not_believed() {
    let (returned, _) = survives([Some(Fault::NeverEnds)]).await;
    assert!(returned > 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_end_is_waited_for() {
    let (returned, repeated) = survives([Some(Fault::SlowEnd(Duration::from_secs(25)))]).await;
    assert_eq!((returned, repeated), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_smaller_portions_until_it_can_confirm() {
    // 2 kB/s: a portion of 1.1 MB needs ten minutes, but its buffers never stand still for 30 s.
    let mut scene = Setting { confirm: confirm(Mode::Closed, 30), ..Setting::default() }.scene();
    scene.sink.script([Some(Fault::SlowReader(2_000)); 3]);
    scene.deliver_all(10, 20, 200).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_an_hour_loses_and_repeats_nothing_that_was_not_under_way() {
    let mut scene = Setting::default().scene();
    scene.deliver_all(5, 10, 100).await;
    scene.sink.set_down(true);
    scene.give(1000..1010, 100).await;
    assert!(!scene.settlement().await.1);
    assert!(!scene.outlet.is_ready());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    scene.sink.set_down(false);
    scene.give(1000..1010, 100).await;
    assert!(scene.settlement().await.1);
    assert_eq!(scene.sink.totals().repeated(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_refused_delivers_nothing() {
    let clients: [fn(&Pki) -> &Identity; 3] = [|pki| &pki.stranger, |pki| &pki.expired, |pki| &pki.early];
    for client in clients {
        let scene = Setting { client, ..Setting::default() }.scene();
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert!(!scene.outlet.is_ready(), "TLS 1.3 refuses after the client's handshake: the probe must see it");
        let totals = scene.sink.totals();
        assert!(totals.refused > 1 && totals.events == 0 && totals.empty == 0, "{totals:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_on_a_carrying_connection_returns_its_batches() {
    let mut scene = Setting::default().scene();
    scene.outlet.ready().await;
    scene.sink.script([Some(Fault::Refuse)]);
    assert!(scene.deliver_all(3, 10, 100).await > 0);
}

#[tokio::test(start_paused = true)]
async fn seeded_faults_in_any_order() {
    let seeds = std::env::var("QUITTANCE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    for seed in 0..seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let faults: Vec<_> = (0..6)
            .map(|_| match rng.u8(0..9) {
                0 | 1 => Some(Fault::ResetAfter(rng.u64(0..600_000))),
                2 => Some(Fault::CloseAfter(rng.u64(0..600_000))),
                3 => Some(Fault::ResetAtEnd),
                4 => Some(Fault::StallAfter(rng.u64(0..300_000), Duration::from_secs(rng.u64(1..200)))),
                5 => Some(Fault::NeverEnds),
                6 => Some(Fault::SlowEnd(Duration::from_secs(rng.u64(1..100)))),
                _ => None,
            })
            .collect();
        let confirm = Confirm { max_bytes: rng.u64(50_000..2_000_000), ..confirm(Mode::Closed, 30) };
        let mut scene = Setting { confirm, ..Setting::default() }.scene();
        scene.sink.script(faults.clone());
        tokio::time::timeout(Duration::from_secs(24 * 3600), scene.deliver_all(30, 40, rng.usize(10..2000)))
            .await
            .unwrap_or_else(|_| panic!("seed {seed} hangs: {faults:?}"));
    }
}
