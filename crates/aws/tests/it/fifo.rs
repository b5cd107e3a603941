//! FIFO queues: of a group, everything happens in order.

use std::{collections::HashSet, time::Duration};

use quittance_aws::queue::Limits;
use quittance_testbed::aws::{Access, MessageId};
use tokio::time::{Instant, sleep};

use crate::scene::{DEAD_FIFO, FIFO, Fate, SILENT, Scene, announcement, events};

impl Scene {
    /// Waits until the FIFO queue has nothing left.
    async fn until_fifo_empty(&self) {
        self.until("the FIFO queue is empty", |scene| {
            let counts = scene.aws.counts(FIFO);
            counts.visible == 0 && counts.in_flight == 0
        })
        .await;
    }

    /// Sends as many messages to each of the groups, one after the other.
    fn fill_groups(&self, groups: &[&str], messages: usize) -> Vec<(String, MessageId)> {
        let mut sent = Vec::new();
        for n in 0..messages {
            for group in groups {
                sent.push(((*group).to_owned(), self.aws.send_to_group(FIFO, group, format!("{group} {n:03}"))));
            }
        }
        sent
    }

    /// Of each group: a text follows the one before it; what has to be given again begins with the first that is not
    /// delivered; and nothing that is not delivered is passed over.
    fn assert_in_order(&self, groups: &[&str]) {
        let (came, delivered) = (self.receiver.came(), self.receiver.in_order());
        for group in groups {
            let of_group = |text: &&String| text.starts_with(group);
            let number = |text: &String| text.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            let mut before = None;
            for (text, by_then) in came.iter().filter(|(text, _)| of_group(&text)) {
                let done: HashSet<u64> = delivered[..*by_then].iter().filter(of_group).map(number).collect();
                let this = number(text);
                let from = before.filter(|before| this > *before).map_or(0, |before| before + 1);
                let passed_over: Vec<u64> = (from..this).filter(|n| !done.contains(n)).collect();
                assert_eq!(passed_over, Vec::<u64>::new(), "{text} after {before:?}");
                before = Some(this);
            }
        }
    }

    fn assert_deleted_in_order(&self, sent: &[(String, MessageId)], groups: &[&str]) {
        let deleted = self.aws.deleted_ids(FIFO);
        for group in groups {
            let of_group: Vec<_> = sent.iter().filter(|(of, _)| of == group).map(|(_, id)| *id).collect();
            let deleted: Vec<_> = deleted.iter().copied().filter(|id| of_group.contains(id)).collect();
            assert_eq!(deleted, of_group, "{group}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_a_group_are_given_in_order_and_their_messages_deleted_in_order() {
    let groups = ["red", "green", "blue"];
    for seed in 0..8 {
        let scene = Scene::new(Some(3)).await;
        let sent = scene.fill_groups(&groups, 30);
        scene.aws.short_receives(FIFO, 0.5);
        scene.aws.delay("DeleteMessageBatch", Duration::from_millis(50));
        scene.aws.fail_entries("DeleteMessageBatch", 3, "InternalError", false);
        let mut rng = fastrand::Rng::with_seed(seed);
        let fates: Vec<_> = (0..120).map(|_| if rng.u8(..4) == 0 { Fate::Return } else { Fate::Deliver }).collect();
        scene.receiver.script(&fates);
        let running = scene.ordered_bodies();
        scene.until_fifo_empty().await;
        scene.assert_in_order(&groups);
        scene.assert_deleted_in_order(&sent, &groups);
        assert_eq!((scene.receiver.texts().len(), scene.aws.counts(DEAD_FIFO).visible), (90, 0));
        assert_eq!(scene.aws.receive_counts(FIFO), [(1, 90)].into());
        scene.end(running).await;
    }
}

/// All ten of a receive are given before the first is confirmed, and come back together.
#[tokio::test(start_paused = true)]
async fn what_comes_back_together_is_given_again_in_order() {
    let scene = Scene::new(Some(3)).await;
    let sent = scene.fill_groups(&["red"], 10);
    scene.receiver.set(Fate::Keep);
    let running = scene.ordered_bodies();
    scene.until("all were given", |scene| scene.receiver.given() == 10).await;
    scene.receiver.set(Fate::Return);
    sleep(Duration::from_secs(3600)).await;
    scene.receiver.set(Fate::Deliver);
    scene.until_fifo_empty().await;
    scene.assert_in_order(&["red"]);
    scene.assert_deleted_in_order(&sent, &["red"]);
    assert_eq!(scene.receiver.in_order(), scene.receiver.texts());
    assert_eq!(scene.aws.receive_counts(FIFO), [(1, 10)].into());
    scene.end(running).await;
}

/// The second has its turn, and cannot be given while the destination is in doubt: then the first comes back.
#[tokio::test(start_paused = true)]
async fn what_comes_back_goes_before_one_that_had_its_turn_meanwhile() {
    let scene = Scene::new(Some(3)).await;
    let sent = scene.fill_groups(&["red"], 3);
    scene.receiver.script(&[Fate::KeepInDoubt]);
    let running = scene.ordered_bodies();
    scene.until("the first was given", |scene| scene.receiver.given() == 1).await;
    sleep(Duration::from_secs(10)).await;
    scene.receiver.set(Fate::Return);
    scene.receiver.set(Fate::Deliver);
    sleep(Duration::from_secs(10)).await;
    scene.receiver.set_ready(true);
    scene.until_fifo_empty().await;
    scene.assert_in_order(&["red"]);
    scene.assert_deleted_in_order(&sent, &["red"]);
    assert_eq!(scene.receiver.in_order(), ["red 000", "red 001", "red 002"]);
    scene.end(running).await;
}

/// The second is refused, and then the first comes back from its destination: only the first may be tried.
#[tokio::test(start_paused = true)]
async fn a_bucket_is_tried_with_the_item_whose_turn_it_is() {
    let scene = Scene::new(Some(3)).await;
    for n in 0..2 {
        scene.put_silently(&n.to_string(), n..n + 1);
        scene.aws.send_to_group(FIFO, "red", announcement(&[(SILENT, &n.to_string())]));
    }
    // Whether it may be read is decided after the delay.
    scene.aws.delay("GetObject", Duration::from_secs(1));
    scene.receiver.script(&[Fate::Keep]);
    let running = scene.ordered_objects();
    scene.until("the first was given", |scene| scene.receiver.given() == 1).await;
    scene.aws.set_access(SILENT, Access::Denied);
    sleep(Duration::from_millis(1500)).await;
    scene.receiver.set(Fate::Return);
    scene.receiver.set(Fate::Deliver);
    sleep(Duration::from_secs(600)).await;
    scene.aws.set_access(SILENT, Access::Full);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(scene.receiver.in_order(), [events(0..1), events(1..2)].concat());
    scene.end(running).await;
}

/// What can never be read goes back with all that follow it, until it is dead; none of them dies with it.
#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_processed_goes_before_the_rest_of_its_group() {
    for missing in [false, true] {
        let scene = Scene::new(Some(3)).await;
        for n in 0..8 {
            scene.put_silently(&n.to_string(), n..n + 1);
            let key = if missing && n == 2 { "missing".to_owned() } else { n.to_string() };
            let body = announcement(&[(SILENT, &key)]);
            scene.aws.send_to_group(FIFO, "red", if !missing && n == 2 { "garbage".to_owned() } else { body });
        }
        scene.put_silently("other", 100..101);
        scene.aws.send_to_group(FIFO, "green", announcement(&[(SILENT, "other")]));
        let running = scene.ordered_objects();
        scene.until("the first and the other group came", |scene| scene.receiver.texts().len() >= 3).await;
        assert_eq!((scene.receiver.texts().len(), scene.aws.counts(DEAD_FIFO).visible), (3, 0), "missing: {missing}");
        scene.until("it is dead", |scene| scene.aws.counts(DEAD_FIFO).visible == 1).await;
        scene.until_fifo_empty().await;
        let red = scene.receiver.in_order().into_iter().filter(|text| !text.starts_with("000100"));
        let expected: Vec<_> = [0..2, 3..8].into_iter().flatten().flat_map(|n| events(n..n + 1)).collect();
        assert_eq!(red.collect::<Vec<_>>(), expected, "missing: {missing}");
        assert_eq!(scene.aws.counts(DEAD_FIFO).visible, 1);
        scene.end(running).await;
    }
}

/// Without a redrive policy it stays first until there is room for it in the quarantine, over restarts too.
#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_set_aside_lets_none_of_its_group_pass() {
    for garbage in [false, true] {
        let scene = Scene::new(None).await;
        let mut sent = Vec::new();
        for n in 0..6 {
            scene.put_silently(&n.to_string(), n..n + 1);
            let body = match (n, garbage) {
                (2, true) => "garbage".to_owned(),
                (2, false) => format!("red {n:03} {}", "x".repeat(2000)),
                (_, true) => announcement(&[(SILENT, &n.to_string())]),
                (_, false) => format!("red {n:03}"),
            };
            sent.push(scene.aws.send_to_group(FIFO, "red", body));
        }
        let run = |scene: &Scene| match garbage {
            true => scene.ordered_objects(),
            false => scene.ordered_bodies_within(Limits { max_event_bytes: 1000, ..Limits::of_bodies() }),
        };
        let held_up = async |scene: &Scene| {
            sleep(Duration::from_secs(1800)).await;
            let counts = scene.aws.counts(FIFO);
            assert_eq!((scene.receiver.texts().len(), counts.deleted), (2, 2), "garbage: {garbage}");
        };
        scene.store.set_full(true);
        let first = run(&scene);
        held_up(&scene).await;
        first.killed().await;
        let second = run(&scene);
        held_up(&scene).await;
        scene.store.set_full(false);
        scene.until_fifo_empty().await;
        assert_eq!((scene.receiver.texts().len(), scene.aws.deleted_ids(FIFO)), (5, sent), "garbage: {garbage}");
        second.killed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_refuses_us_holds_the_rest_of_a_group_and_no_other() {
    let scene = Scene::new(Some(3)).await;
    scene.aws.create_bucket("closed");
    scene.aws.put_object("closed", "a", "000 refused\n");
    scene.put_silently("b", 1..2);
    for (group, bucket, key) in [("red", "closed", "a"), ("red", SILENT, "b"), ("green", SILENT, "b")] {
        scene.aws.send_to_group(FIFO, group, announcement(&[(bucket, key)]));
    }
    scene.aws.set_access("closed", Access::Denied);
    let running = scene.ordered_objects();
    sleep(Duration::from_secs(4 * 3600)).await;
    assert_eq!(scene.receiver.texts(), events(1..2), "the other group's alone");
    scene.aws.set_access("closed", Access::Full);
    scene.until_fifo_empty().await;
    assert_eq!(scene.receiver.in_order()[1..], [vec!["000 refused".to_owned()], events(1..2)].concat());
    assert_eq!(scene.aws.receive_counts(FIFO), [(1, 3)].into());
    scene.end(running).await;
}

/// Whose time ran out cannot be deleted: it comes again, and is then deleted without being given twice.
#[tokio::test(start_paused = true)]
async fn a_delete_that_comes_too_late_is_made_when_the_message_comes_again() {
    let scene = Scene::new(Some(5)).await;
    let sent = scene.fill_groups(&["red"], 4);
    scene.receiver.set(Fate::Keep);
    let running = scene.ordered_bodies();
    scene.until("all were given", |scene| scene.receiver.given() == 4).await;
    scene.receiver.set_ready(false);
    sleep(Duration::from_secs(30)).await;
    scene.aws.make_visible(FIFO);
    scene.receiver.set(Fate::Deliver);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.aws.counts(FIFO).deleted, 0);
    scene.receiver.set_ready(true);
    scene.until_fifo_empty().await;
    assert_eq!(scene.receiver.came().len(), 4);
    scene.assert_deleted_in_order(&sent, &["red"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_and_a_kill_leave_the_order_as_it_is() {
    let scene = Scene::new(Some(9)).await;
    let sent = scene.fill_groups(&["red", "green"], 40);
    for round in 0..6 {
        let fate = if round % 2 == 0 { Fate::Keep } else { Fate::Deliver };
        scene.receiver.set(fate);
        let running = scene.ordered_bodies();
        sleep(Duration::from_millis(300)).await;
        running.kill();
        scene.receiver.forget_kept();
        sleep(Duration::from_secs(400)).await;
    }
    scene.receiver.set(Fate::Deliver);
    let running = scene.ordered_bodies();
    scene.until_fifo_empty().await;
    scene.assert_in_order(&["red", "green"]);
    scene.assert_deleted_in_order(&sent, &["red", "green"]);
    let distinct: HashSet<_> = scene.receiver.texts().into_iter().collect();
    assert_eq!((distinct.len(), scene.aws.counts(DEAD_FIFO).visible), (80, 0));
    scene.end(running).await;
}

/// SQS gives ten messages of a group, and no more before they are deleted.
#[tokio::test(start_paused = true)]
async fn a_group_does_not_wait_for_the_confirmation_interval_with_each_ten_messages() {
    let scene = Scene::new(Some(3)).await;
    let sent = scene.fill_groups(&["red"], 400);
    scene.receiver.set(Fate::Confirm);
    let start = Instant::now();
    let running = scene.ordered_bodies();
    scene.until_fifo_empty().await;
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(15), "{elapsed:?}");
    assert!(scene.receiver.hurried() <= 4 * 15, "{}", scene.receiver.hurried());
    scene.assert_in_order(&["red"]);
    scene.assert_deleted_in_order(&sent, &["red"]);
    scene.end(running).await;
}

/// Each wish for early receipts ends a connection.
#[tokio::test(start_paused = true)]
async fn a_group_that_a_slow_destination_keeps_waiting_is_in_a_hurry_once_a_second() {
    let scene = Scene::new(Some(3)).await;
    scene.fill_groups(&["red"], 10);
    scene.receiver.set(Fate::Keep);
    let running = scene.ordered_bodies();
    scene.until("all were given", |scene| scene.receiver.given() == 10).await;
    sleep(Duration::from_secs(60)).await;
    assert!(scene.receiver.hurried() <= 65, "{}", scene.receiver.hurried());
    scene.receiver.set(Fate::Deliver);
    scene.until_fifo_empty().await;
    let before = scene.receiver.hurried();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.receiver.hurried(), before, "nothing waits");
    scene.end(running).await;
}
