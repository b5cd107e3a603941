//! Every shape in which a queue may announce objects, and everything that may stand in a queue besides.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use quittance_testbed::aws::{Access, Shape};
use quittance_tests::{
    Events, Options, Scene, Suite,
    cloud::{BUCKET, DEAD_LETTERS, MAX_RECEIVES, QUEUE},
    tests, tools, trail, until,
};
use serde_json::Value;

pub(crate) fn add(suite: &mut Suite) {
    for shape in Shape::ALL {
        let name = format!("{shape:?}").to_lowercase();
        suite.test(module_path!(), &format!("shape_{name}"), move || every_shape(shape));
    }
    suite.test_with(tools::samples(), module_path!(), "bodies_seen_in_the_wild", bodies_seen_in_the_wild);
    tests!(suite; garbage_becomes_a_dead_letter, a_refused_bucket_keeps_its_messages, a_missing_object_is_kept);
}

/// Keys that some of the shapes must encode.
const KEYS: [&str; 4] =
    ["a b/c  d.json.gz", "plus+and=%20/100%25&.json.gz", "größe/日本\u{1f680}.json.gz", "quotes\"'(and)\\!*.json.gz"];

async fn every_shape(shape: Shape) -> Result<()> {
    let mut scene = Scene::new(Options { shape, ..Options::default() }).await?;
    if let Some(test_event) = scene.cloud.test_event(shape, BUCKET) {
        scene.cloud.send(QUEUE, test_event);
    }
    let mut rng = fastrand::Rng::with_seed(5);
    for (index, key) in KEYS.into_iter().enumerate() {
        let object = trail::generate(&mut rng, 1000 * (index as u64 + 1), 20)?;
        scene.expected.extend(object.events);
        scene.cloud.put_object(BUCKET, key, object.bytes);
    }
    scene.write(2, 20)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// What a message asks for.
enum Fate {
    /// To read these objects.
    Objects(&'static [(&'static str, &'static str)]),
    /// Nothing: it is deleted.
    Deleted,
    /// Nothing that we know: it is left to the redrive policy.
    Left,
}

const ARTIFACT: &[(&str, &str)] = &[("lambda-artifacts-deafc19498e3f2df", "b21b84d653bb07b05b1e6b33684dc11b")];

/// What the messages in each file ask for, as a person reads them.
const BODIES: [(&str, &[Fate]); 21] = [
    ("datadog-sqs_s3.json", &[Fate::Objects(&[("my-bucket", "my-key.log")])]),
    ("datadog-sqs_sns_s3.json", &[Fate::Objects(&[("my-bucket", "my-key.log")])]),
    ("eventbridge-object-created-plus-key.json", &[Fate::Objects(&[("ct-siem-sync", "my+file.json.gz")])]),
    ("eventbridge-object-created.json", &[Fate::Objects(&[("amzn-s3-demo-bucket1", "example-key")])]),
    ("eventbridge-object-deleted.json", &[Fate::Deleted]),
    ("eventbridge-object-restore-completed.json", &[Fate::Deleted]),
    ("example-sqs-event-obj.json", &[Fate::Left]),
    ("s3-event-object-created.json", &[Fate::Objects(ARTIFACT)]),
    ("s3-event-urlencoded-key.json", &[Fate::Objects(&[("ct-siem-sync", "my file=a.json.gz")])]),
    ("s3-test-event.json", &[Fate::Deleted]),
    ("s3Event.json", &[Fate::Objects(ARTIFACT)]),
    ("s3EventDecodedKey.json", &[Fate::Objects(&[("sourcebucket", "Happy Face.jpg")])]),
    ("s3EventDeleteObject.json", &[Fate::Deleted]),
    ("s3EventGlacier.json", &[Fate::Objects(ARTIFACT)]),
    ("s3SqsEvent.json", &[Fate::Objects(&[("xxx", "test.pdf")])]),
    ("sns-s3-event.json", &[Fate::Objects(ARTIFACT)]),
    ("sns-s3-test-event.json", &[Fate::Deleted]),
    ("snsSqsEvent.json", &[Fate::Left]),
    (
        "sqs-batch-partial-garbage.json",
        &[Fate::Objects(ARTIFACT), Fate::Left, Fate::Objects(&[("ct-siem-sync", "second-sibling-object.json.gz")])],
    ),
    ("sqs-s3-event.json", &[Fate::Objects(ARTIFACT)]),
    ("sqs-sns-event.json", &[Fate::Objects(ARTIFACT)]),
];

async fn bodies_seen_in_the_wild(folder: PathBuf) -> Result<()> {
    let folder = folder.join("sqs-bodies");
    let mut scene = Scene::usual().await?;
    let mut rng = fastrand::Rng::with_seed(8);
    let mut objects: Vec<((&str, &str), Events)> = Vec::new();
    let (mut gone, mut left) = (0, 0);
    for (file, fates) in BODIES {
        let bodies = bodies(&fs::read_to_string(folder.join(file)).with_context(|| file.to_owned())?)?;
        assert_eq!(bodies.len(), fates.len(), "messages in {file}");
        for (body, fate) in bodies.into_iter().zip(fates) {
            let asked: &[(&str, &str)] = match fate {
                Fate::Objects(asked) => asked,
                Fate::Deleted | Fate::Left => &[],
            };
            for place in asked {
                // Named twice, it is read twice.
                if let Some((_, events)) = objects.iter().find(|(known, _)| known == place) {
                    scene.expected.extend(events.clone());
                    continue;
                }
                let object = trail::generate(&mut rng, 1000 * objects.len() as u64, 10)?;
                scene.cloud.create_bucket(place.0);
                scene.cloud.put_object(place.0, place.1, object.bytes);
                scene.expected.extend(object.events.clone());
                objects.push((*place, object.events));
            }
            match fate {
                Fate::Left => left += 1,
                Fate::Objects(_) | Fate::Deleted => gone += 1,
            }
            scene.cloud.send(QUEUE, body);
        }
    }
    assert_eq!(fs::read_dir(&folder)?.count(), BODIES.len(), "files in `{}`", folder.display());
    let mut collector = scene.start()?;
    scene.until("all but the unknown are deleted", &mut collector, |scene| scene.cloud.queue().deleted >= gone).await;
    collector.stop().await?;
    let counts = scene.cloud.queue();
    assert_eq!((counts.deleted, counts.visible + counts.in_flight), (gone, left), "{counts:?}");
    scene.verdict().assert_exact();
    Ok(())
}

/// What would stand in the queue: the body of each message that a function was called with, or the file itself.
fn bodies(file: &str) -> Result<Vec<String>> {
    let value: Value = serde_json::from_str(file)?;
    let records = value.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    let inner = |record: &Value| match (record.get("body"), record.get("Sns")) {
        (Some(Value::String(body)), _) => Some(body.clone()),
        (_, Some(sns)) => Some(sns.to_string()),
        _ => None,
    };
    let inner: Vec<String> = records.iter().filter_map(inner).collect();
    Ok(if inner.is_empty() { vec![file.to_owned()] } else { inner })
}

/// What nobody understands is neither lost nor in the way: the queue's own policy takes it.
async fn garbage_becomes_a_dead_letter() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let garbage =
        ["", " ", "{}", "[]", "null", "no json", "{\"Records\":[{\"eventSource\":\"aws:kinesis\"}]}", "{\"a\":"];
    garbage.iter().for_each(|body| _ = scene.cloud.send(QUEUE, *body));
    scene.write(5, 20)?;
    let mut collector = scene.start()?;
    scene.until("good ones pass", &mut collector, |scene| scene.cloud.queue().deleted == 5).await;
    scene.verdict().assert_exact();
    assert_eq!(scene.cloud.queue().dead_lettered, 0, "given up too early");
    // Their visibility timeout, which grows, is cut short each time.
    scene
        .until("garbage is in the dead-letter queue", &mut collector, |scene| {
            scene.cloud.make_visible(QUEUE);
            scene.cloud.queue().dead_lettered == garbage.len() as u64
        })
        .await;
    let mut dead = scene.cloud.bodies(DEAD_LETTERS);
    dead.sort_unstable();
    let mut all = garbage;
    all.sort_unstable();
    assert_eq!(dead, all);
    let receives = scene.cloud.receive_counts(DEAD_LETTERS);
    assert!(receives.keys().all(|times| *times == MAX_RECEIVES), "{receives:?}");
    collector.stop().await
}

/// A bucket that refuses us is nobody's poison: its messages wait, while others flow.
async fn a_refused_bucket_keeps_its_messages() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let locked = trail::generate(&mut fastrand::Rng::with_seed(2), 1_000_000, 20)?;
    scene.cloud.create_bucket("locked");
    scene.cloud.notify("locked", QUEUE, Shape::S3Event);
    scene.cloud.set_access("locked", Access::Denied);
    scene.cloud.put_object("locked", &locked.key, locked.bytes.clone());
    scene.write(8, 20)?;
    let mut collector = scene.start()?;
    scene.until("the open bucket's are delivered", &mut collector, |scene| scene.cloud.queue().deleted == 8).await;
    until("it says so", Duration::from_secs(10), || collector.logged("AccessDenied") > 0).await;
    let counts = scene.cloud.queue();
    assert_eq!((counts.in_flight, counts.dead_lettered), (1, 0), "{counts:?}");
    let refusals = scene.cloud.calls_with("GetObject", "AccessDenied");
    assert!(refusals <= 3, "{refusals} refusals: the bucket is not left alone");
    scene.verdict().assert_exact();
    collector.stop().await?;

    let counts = scene.cloud.queue();
    assert_eq!((counts.visible + counts.in_flight, counts.dead_lettered), (1, 0), "{counts:?}");
    scene.hold_ends().await;
    scene.cloud.set_access("locked", Access::Full);
    scene.expected.extend(locked.events);
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    collector.stop().await
}

/// Notifications overtake writes: what is not there yet is asked for again, and its message is held.
async fn a_missing_object_is_kept() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let late = trail::generate(&mut fastrand::Rng::with_seed(2), 1_000_000, 20)?;
    let body = scene.cloud.notification(Shape::S3Event, BUCKET, &late.key, 1, "x");
    scene.cloud.send(QUEUE, body);
    scene.write(3, 20)?;
    let mut collector = scene.start()?;
    scene.until("the others are delivered", &mut collector, |scene| scene.cloud.queue().deleted == 3).await;
    until("it says so", Duration::from_secs(10), || collector.logged("NoSuchKey") > 0).await;
    collector.stop().await?;
    let counts = scene.cloud.queue();
    assert_eq!((counts.visible + counts.in_flight, counts.dead_lettered), (1, 0), "{counts:?}");
    scene.hold_ends().await;

    scene.cloud.put_object(BUCKET, &late.key, late.bytes);
    // One message for the write, one that came before it.
    scene.expected.extend(late.events.clone());
    scene.expected.extend(late.events);
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    collector.stop().await
}
