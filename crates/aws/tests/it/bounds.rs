//! The user's own bounds of calls hold for queues and buckets too, and endanger nothing.

use std::time::Duration;

use quittance_aws::{Account, CallLimit, Limiters, Limits};
use quittance_core::Ended;
use quittance_testbed::aws::{FakeAws, Loss};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::scene::{BUCKET, Fate, QUEUE, REGION, Scene, all_events, limits};

fn one_in(period: Duration) -> [CallLimit; 1] {
    [CallLimit { period, calls: 1 }]
}

/// The calls that each API has seen, second by second.
struct Watch {
    aws: FakeAws,
    seen: Vec<[u64; 4]>,
}

const APIS: [&str; 4] = ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "GetObject"];

impl Watch {
    fn new(aws: &FakeAws) -> Watch {
        Watch { aws: aws.clone(), seen: vec![[0; 4]] }
    }

    /// Looks on for so many seconds.
    async fn watch(&mut self, seconds: u64) {
        for _ in 0..seconds {
            sleep(Duration::from_secs(1)).await;
            self.seen.push(APIS.map(|api| self.aws.calls(api)));
        }
    }

    /// No time saw more calls of any API than `a_second` allow.
    fn assert_within(&self, a_second: f64) {
        for (api, name) in APIS.iter().enumerate() {
            for from in 0..self.seen.len() {
                for to in from..self.seen.len() {
                    let calls = self.seen[to][api] - self.seen[from][api];
                    let most = (to - from) as f64 * a_second + 1.0;
                    assert!(calls as f64 <= most, "{calls} of {name} in seconds {from} to {to}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_queues_and_buckets_keep_to_the_users_bounds() {
    let mut scene = Scene::new(Some(10)).await;
    let bounds = [
        CallLimit { period: Duration::from_secs(1), calls: 4 },
        CallLimit { period: Duration::from_secs(60), calls: 120 },
    ];
    scene.bounded(&Limiters::default(), &bounds).await;
    for n in 0..100 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    let running = scene.objects(limits());
    let mut watch = Watch::new(&scene.aws);
    watch.watch(40).await;
    assert!(scene.aws.calls("GetObject") >= 70, "the bound is made use of: {:?}", watch.seen);
    watch.watch(40).await;
    watch.assert_within(2.0);
    scene.until_empty().await;
    let expected: Vec<_> = (0..100).map(|n| n * 10..n * 10 + 1).collect();
    assert_eq!(scene.receiver.texts(), all_events(&expected));
    assert_eq!(running.tally.lapsed.get(), 0);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn two_inputs_of_one_account_share_and_the_strictest_bound_counts() {
    let (scene, limiters) = (Scene::new(None).await, Limiters::default());
    let strict = scene.input("10001", &limiters, &one_in(Duration::from_secs(2))).await;
    let lax = scene.input("10002", &limiters, &[]).await;
    // The strict one comes first, and so its bound is known.
    ask(&strict, REGION).await;
    let began = Instant::now();
    for _ in 0..5 {
        tokio::join!(ask(&strict, REGION), ask(&lax, REGION));
    }
    assert_eq!(began.elapsed().as_secs(), 20);
    // Another region, and another API, are counted apart.
    ask(&lax, "eu-west-1").await;
    lax.s3(REGION).turn("ListObjectsV2").await;
    assert_eq!(began.elapsed().as_secs(), 20);
    assert_eq!(scene.aws.calls("GetCallerIdentity"), 2);
}

/// Which account it is must not keep anything from being read.
#[tokio::test(start_paused = true)]
async fn an_input_is_counted_by_itself_while_sts_is_not_reached() {
    let (scene, limiters) = (Scene::new(None).await, Limiters::default());
    scene.aws.lose_sometimes("GetCallerIdentity", 1.0, Loss::Hang);
    let one = scene.input("10001", &limiters, &one_in(Duration::from_secs(10))).await;
    let began = Instant::now();
    ask(&one, REGION).await;
    assert_eq!(began.elapsed().as_secs(), 5, "not longer than that");
    for _ in 0..3 {
        ask(&one, REGION).await;
    }
    assert_eq!(began.elapsed().as_secs(), 35, "it is not asked at each call");
}

/// A call of the account, whatever comes of it.
async fn ask(account: &Account, region: &str) {
    let client = account.s3(region);
    _ = client.turn("GetObject").await.get_object().bucket(BUCKET).key("none").send().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_bound_nothing_is_asked_and_nothing_waits() {
    let scene = Scene::new(None).await;
    for n in 0..100 {
        scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
    }
    let running = scene.objects(limits());
    let began = Instant::now();
    scene.until_empty().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(scene.aws.calls("GetCallerIdentity"), 0);
    scene.end(running).await;
}

/// However tight the bound: what is held is hidden from others all the time, for hours, and comes once.
#[tokio::test(start_paused = true)]
async fn what_is_held_stays_hidden_under_the_tightest_bound() {
    for seconds in [10, 600] {
        let mut scene = Scene::new(Some(3)).await;
        let period = Duration::from_secs(seconds);
        scene.bounded(&Limiters::default(), &one_in(period)).await;
        for n in 0..60 {
            scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
        }
        scene.receiver.set(Fate::Keep);
        let (running, began) = (scene.objects(limits()), Instant::now());
        sleep(Duration::from_secs(3 * 3600)).await;
        assert_eq!(running.tally.lapsed.get(), 0, "one call in {period:?}");
        assert_eq!(scene.aws.receive_counts(QUEUE).keys().max(), Some(&1), "one call in {period:?}");
        assert!(scene.receiver.given() >= 10, "{} came, one call in {period:?}", scene.receiver.given());
        scene.receiver.set(Fate::Deliver);
        scene.until_empty().await;
        let expected: Vec<_> = (0..60).map(|n| n * 10..n * 10 + 1).collect();
        assert_eq!(scene.receiver.texts(), all_events(&expected), "one call in {period:?}");
        for api in APIS {
            let most = began.elapsed().as_secs() / seconds + 1;
            assert!(scene.aws.calls(api) <= most, "{api}, one call in {period:?}");
        }
        scene.stop.cancel();
        assert!(matches!(running.ended().await, Ended::Stopped));
    }
}

/// Deletes that still wait for their turn when the collector stops are made by the next one, which gives nothing again.
#[tokio::test(start_paused = true)]
async fn what_waits_for_its_delete_at_a_stop_is_not_given_again() {
    let mut scene = Scene::new(Some(10)).await;
    scene.bounded(&Limiters::default(), &one_in(Duration::from_secs(60))).await;
    for n in 0..10 {
        scene.aws.send(QUEUE, format!("event {n}"));
    }
    // Another call comes first.
    scene.account.sqs(REGION).turn("DeleteMessageBatch").await;
    let drain = Duration::from_secs(2);
    let running = scene.bodies(Limits { drain, ..Limits::of_bodies() });
    scene.until("all came", |scene| scene.receiver.texts().len() == 10).await;
    scene.stop.cancel();
    assert!(matches!(running.ended().await, Ended::Stopped));
    assert_eq!(scene.aws.counts(QUEUE).deleted, 0);

    scene.stop = CancellationToken::new();
    scene.bounded(&Limiters::default(), &[]).await;
    let running = scene.bodies(Limits::of_bodies());
    scene.until_empty().await;
    assert_eq!(scene.receiver.given(), 10, "they are only deleted");
    scene.end(running).await;
}
