//! The tap: who listens sees what passes, who is slow is told what was missed, and delivery hears nothing of either.

use std::time::Duration;

use quittance_core::Proof;
use quittance_monitor::{AskError, Tapped, Tapping, Wish, tap};
use secrecy::SecretString;
use tokio::time::{sleep, timeout};

use crate::scene::{Given, Scene, Setting};

const TRAIL: &str = "cloud.aws.cloudtrail.s3.1.eu-west-1";
const FLOW: &str = "vpc.aws.flow";

async fn listening(scene: &Scene, wish: Wish) -> Tapping {
    let mut events = tap(scene.page, None, &wish).await.unwrap();
    // From the first line on it surely listens.
    assert_eq!(events.next().await.unwrap(), Some(Tapped::Quiet {}));
    events
}

async fn next_event(events: &mut Tapping) -> (String, String) {
    let wait = timeout(Duration::from_secs(10), async {
        loop {
            if let Some(Tapped::Event { tag, event, .. }) = events.next().await.unwrap() {
                return (tag, event);
            }
        }
    });
    wait.await.unwrap()
}

fn both() -> Given {
    vec![(TRAIL, "{\"a\": \"AccessDenied\"}".to_owned()), (FLOW, "2 eni ACCEPT".to_owned()), (TRAIL, "{}".to_owned())]
}

#[tokio::test]
async fn events_are_seen_by_table_unit_and_text() {
    let mut scene = Setting::default().scene().await;
    scene.inlet.set_ready(true);
    let of = |table: &str, unit: &str, text: &str| {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Wish { table: some(table), unit: some(unit), text: some(text) }
    };
    let mut by_table = listening(&scene, of("vpc.aws", "", "")).await;
    let mut by_text = listening(&scene, of("", "1/unit", "Access&Denied")).await;
    let mut by_nobody = listening(&scene, of("", "another", "")).await;
    scene.deliver(both()).await;
    scene.deliver(vec![(TRAIL, "Access&Denied ü".to_owned())]).await;
    assert_eq!(next_event(&mut by_table).await, (FLOW.to_owned(), "2 eni ACCEPT".to_owned()));
    assert_eq!(next_event(&mut by_text).await, (TRAIL.to_owned(), "Access&Denied ü".to_owned()));
    assert_eq!(by_nobody.next().await.unwrap(), Some(Tapped::Quiet {}));
}

#[tokio::test]
async fn who_is_slow_holds_nothing_up_and_is_told_what_was_missed() {
    let mut scene = Setting::default().scene().await;
    scene.inlet.set_ready(true);
    let mut events = listening(&scene, Wish::default()).await;
    // Far more than is shown in a second, and than a listener may keep waiting.
    let (batches, each) = (40, 500);
    for _ in 0..batches {
        scene.deliver((0..each).map(|_| (TRAIL, "x".repeat(1000))).collect()).await;
    }
    let (mut seen, mut dropped) = (0, 0);
    while seen + dropped < batches * each {
        match timeout(Duration::from_secs(20), events.next()).await.unwrap().unwrap() {
            Some(Tapped::Event { .. }) => seen += 1,
            Some(Tapped::Dropped { dropped: more }) => dropped += more,
            Some(Tapped::Quiet {}) => {}
            None => panic!("it ended"),
        }
    }
    assert!(seen >= 200 && dropped > 10_000, "seen {seen}, dropped {dropped}");
    assert_eq!(seen + dropped, batches * each);
}

#[tokio::test]
async fn a_long_event_is_shown_in_part_with_its_length() {
    let mut scene = Setting::default().scene().await;
    scene.inlet.set_ready(true);
    let mut events = listening(&scene, Wish::default()).await;
    scene.deliver(vec![(TRAIL, "ü".repeat(100_000))]).await;
    loop {
        if let Some(Tapped::Event { event, bytes, .. }) = events.next().await.unwrap() {
            assert_eq!((event.len(), bytes), (16 << 10, 200_000));
            return;
        }
    }
}

#[tokio::test]
async fn there_are_few_listeners_and_who_leaves_makes_room() {
    let mut scene = Setting::default().scene().await;
    scene.inlet.set_ready(true);
    let mut four = Vec::new();
    for _ in 0..4 {
        four.push(listening(&scene, Wish::default()).await);
    }
    let refused = tap(scene.page, None, &Wish::default()).await.err();
    assert!(matches!(&refused, Some(AskError::Refused { problem, .. }) if problem.starts_with("429")), "{refused:?}");
    drop(four);
    let patience = timeout(Duration::from_secs(10), async {
        while tap(scene.page, None, &Wish::default()).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    patience.await.unwrap();
    // Whoever listens or left: delivery goes on.
    scene.give(both());
    scene.inlet.next().await.unwrap().receipt.delivered(Proof::Closed);
}

#[tokio::test]
async fn the_token_opens_the_tap() {
    let scene = Setting { token: Some("sesame-0123456789"), ..Setting::default() }.scene().await;
    let right = SecretString::from("sesame-0123456789".to_owned());
    let wrong = SecretString::from("sesame".to_owned());
    assert!(tap(scene.page, Some(&right), &Wish::default()).await.is_ok());
    for token in [Some(&wrong), None] {
        let refused = tap(scene.page, token, &Wish::default()).await.err();
        assert!(
            matches!(&refused, Some(AskError::Refused { problem, .. }) if problem.starts_with("401")),
            "{refused:?}"
        );
    }
}
