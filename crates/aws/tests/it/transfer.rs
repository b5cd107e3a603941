//! Transfers that break: the same bytes arrive, each once.

use std::time::Duration;

use quittance_aws::Limits;
use quittance_testbed::{
    aws::{BodyFault, Loss},
    generate::gzip,
};
use tokio::time::sleep;

use crate::scene::{BUCKET, DEAD, SILENT, Scene, events, limits, receives, text};

const LINES: std::ops::Range<u64> = 0..8000;

#[tokio::test(start_paused = true)]
async fn a_broken_transfer_goes_on_where_it_broke() {
    let object = gzip(text(LINES).as_bytes(), 6);
    let length = object.len() as u64;
    let faults = [
        vec![BodyFault::CutAfter(0)],
        vec![BodyFault::CutAfter(1)],
        vec![BodyFault::CutAfter(length / 2)],
        vec![BodyFault::CutAfter(length - 1)],
        vec![BodyFault::StallAfter(length / 3)],
        vec![BodyFault::CutAfter(length / 4), BodyFault::StallAfter(length / 4), BodyFault::CutAfter(17)],
        vec![BodyFault::Slow(length / 300), BodyFault::CutAfter(5)],
    ];
    for faults in faults {
        let scene = Scene::new(Some(1)).await;
        let calls = 1 + faults.iter().filter(|fault| !matches!(fault, BodyFault::Slow(_))).count() as u64;
        let slow = faults.iter().any(|fault| matches!(fault, BodyFault::Slow(_)));
        for fault in &faults {
            scene.aws.body_fault(BUCKET, "a", *fault);
        }
        scene.aws.put_object(BUCKET, "a", object.clone());
        let running = scene.objects(limits());
        scene.until_empty().await;
        assert_eq!(scene.receiver.texts(), events(LINES), "{faults:?}");
        assert_eq!(scene.receiver.given(), 8000, "{faults:?}");
        // A slow transfer does not break, so the fault behind it is not met.
        assert_eq!(scene.aws.calls("GetObject"), if slow { 1 } else { calls }, "{faults:?}");
        scene.end(running).await;
    }
}

/// honeycombio/agentless-integrations-for-aws#23, vectordotdev/vector#6241: what an object is, its bytes say.
#[tokio::test(start_paused = true)]
async fn what_content_encoding_says_is_not_believed() {
    let scene = Scene::new(Some(1)).await;
    let mut expected = Vec::new();
    for (n, encoding) in (0..).zip(["gzip", "aws-chunked", "aws-chunked,gzip", "identity", "zstd", "br", "deflate", ""])
    {
        for (m, packed) in [(0, false), (1, true)] {
            let (key, lines) = (format!("{n}-{packed}"), n * 100 + m * 50..n * 100 + m * 50 + 40);
            let content = text(lines.clone()).into_bytes();
            let content = if packed { gzip(&content, 6) } else { content };
            let length = content.len() as u64;
            scene.aws.put_object(SILENT, &key, content);
            scene.aws.set_content_encoding(SILENT, &key, encoding);
            // A transfer that breaks goes on in the same bytes.
            scene.aws.cut_after(SILENT, &key, length / 2);
            scene.announce(&[(SILENT, &key)]);
            expected.extend(events(lines));
        }
    }
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), expected);
    assert_eq!(scene.aws.counts(DEAD).visible, 0);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_lasts_as_long_as_the_user_says() {
    for seconds in [2, 10] {
        let scene = Scene::new(Some(1)).await;
        scene.aws.stall_after(BUCKET, "a", 1000);
        scene.put_lines("a", LINES);
        let started = tokio::time::Instant::now();
        let running = scene.objects(Limits { transfer_timeout: Duration::from_secs(seconds), ..limits() });
        scene.until("the rest is asked for", |scene| scene.aws.calls("GetObject") == 2).await;
        let took = started.elapsed().as_secs();
        assert!((seconds..seconds + 2).contains(&took), "{took} s, with a timeout of {seconds}");
        scene.until_empty().await;
        assert_eq!(scene.receiver.texts(), events(LINES));
        scene.end(running).await;
    }
}

/// A transfer that breaks again and again without a byte more is given up, and begun anew later.
#[tokio::test(start_paused = true)]
async fn a_transfer_that_never_goes_on_is_begun_again() {
    let scene = Scene::new(Some(1)).await;
    for _ in 0..20 {
        scene.aws.cut_after(BUCKET, "a", 0);
    }
    scene.put_lines("a", LINES);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), receives(&scene.aws)), (events(LINES), [(1, 1)].into()));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn lost_and_unanswered_requests_are_made_again() {
    let scene = Scene::new(Some(1)).await;
    scene.aws.lose_next("GetObject", 1, Loss::Request);
    scene.aws.lose_next("GetObject", 1, Loss::Hang);
    scene.aws.lose_next("ReceiveMessage", 1, Loss::Hang);
    scene.aws.fail_next("GetObject", 2, 500, "InternalError");
    scene.put_lines("a", LINES);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(LINES));
    scene.end(running).await;
}

/// The object is replaced while half of it was read: what is there now is delivered whole.
#[tokio::test(start_paused = true)]
async fn an_object_overwritten_while_it_is_read_is_read_afresh() {
    let scene = Scene::new(Some(1)).await;
    let object = text(LINES);
    scene.aws.stall_after(SILENT, "a", object.len() as u64 / 2);
    scene.aws.put_object(SILENT, "a", object);
    scene.announce(&[(SILENT, "a")]);
    let running = scene.objects(limits());
    scene.until("half of it came", |scene| scene.receiver.given() > 3000).await;
    let before = scene.receiver.texts().len();
    scene.put_silently("a", 50_000..50_100);
    scene.until_empty().await;
    let texts = scene.receiver.texts();
    assert_eq!(texts[texts.len() - 100..], events(50_000..50_100));
    assert_eq!(texts.len(), before + 100);
    assert_eq!(scene.aws.counts(DEAD).visible, 0);
    scene.end(running).await;
}

/// The object is replaced while a part of what was read is owed: the owed events are no more, and counted so.
#[tokio::test(start_paused = true)]
async fn events_owed_of_an_overwritten_object_are_counted() {
    use crate::scene::Fate;
    let scene = Scene::new(Some(1)).await;
    scene.put_silently("a", LINES);
    scene.announce(&[(SILENT, "a")]);
    scene.receiver.script(&[Fate::Deliver, Fate::Return, Fate::Keep]);
    let running = scene.objects(limits());
    scene.until("all was given", |scene| scene.receiver.given() == 8000).await;
    scene.put_silently("a", 50_000..50_100);
    scene.receiver.set(Fate::Return);
    sleep(Duration::from_secs(10)).await;
    scene.receiver.set(Fate::Deliver);
    scene.until_empty().await;
    let texts = scene.receiver.texts();
    assert_eq!(texts[texts.len() - 100..], events(50_000..50_100));
    scene.end(running).await;
}
