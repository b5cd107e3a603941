//! A very large object needs no more memory than a small one.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::{
    generate::{Origin, cloudtrail, gzip, vpcflow},
    sink::Keep,
};
use quittance_tests::{
    Options, Scene, Suite,
    cloud::{BUCKET, QUEUE, REGION},
    until,
};
use tokio::time::Instant;

/// The object's size once inflated, at least.
const SIZE: usize = 1 << 30;

/// The most memory that the collector may have resident at any time.
const MOST: u64 = 96 << 20;

/// How long that may take. The receiver counts in this process, which nobody has optimised.
const LONGEST: Duration = Duration::from_secs(150);

pub(crate) fn add(suite: &mut Suite) {
    suite.test_alone(module_path!(), "one_gibibyte_in_one_object", one_gibibyte_in_one_object);
    suite.test_alone(
        module_path!(),
        "one_gibibyte_of_flow_logs_in_one_object",
        one_gibibyte_of_flow_logs_in_one_object,
    );
}

/// One document on one line, as CloudTrail writes it. Slow: it moves a gibibyte.
async fn one_gibibyte_in_one_object() -> Result<()> {
    let scene = Scene::new(Options { keep: Keep::Nothing, ..Options::default() }).await?;
    passes(scene, "AWSLogs/111122223333/CloudTrail/eu-west-1/large.json.gz", records()?).await
}

/// Millions of short lines. As slow.
async fn one_gibibyte_of_flow_logs_in_one_object() -> Result<()> {
    let mut scene = Scene::new(Options { keep: Keep::Nothing, ..Options::default() }).await?;
    scene.configuration.services = format!(
        "non-cloudwatch-logs:\n  types: [vpcflowlogs]\n  vpcflowlogs_sqs_queue_name: {QUEUE}\n  regions: [{REGION}]"
    );
    passes(scene, "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/01/15/large.log.gz", lines()?).await
}

async fn passes(mut scene: Scene, key: &str, object: Object) -> Result<()> {
    let Object { bytes, size, events } = object;
    scene.configuration.interval = "1s";
    println!("memory: an object of {} MiB, {} MiB compressed, {events} events", size >> 20, bytes.len() >> 20);
    scene.cloud.put_object(BUCKET, key, bytes);
    let started = Instant::now();
    let mut collector = scene.start()?;
    until("the queue is empty", LONGEST, || scene.cloud.is_drained()).await;
    collector.assert_running();
    let peak = collector.peak_memory()?;
    let took = started.elapsed();
    println!(
        "memory: delivered in {took:.1?} ({:.0} MiB/s); peak resident memory {:.1} MiB",
        (size >> 20) as f64 / took.as_secs_f64(),
        peak as f64 / f64::from(1 << 20)
    );
    let totals = scene.receiver.totals();
    assert_eq!((totals.events, totals.malformed, totals.torn), (events, 0, 0));
    assert!(peak <= MOST, "{peak} bytes resident");
    scene.assert_source_unharmed();
    collector.stop().await
}

/// What is put into the bucket.
struct Object {
    /// Compressed.
    bytes: Vec<u8>,
    /// Its size once inflated.
    size: usize,
    events: u64,
}

/// Compressed once and repeated: a gzip file may have many members, which inflate to one text. The last block ends in
/// `tail` instead of `separator`.
fn repeated(head: &[u8], block: &[u8], events: u64, separator: &[u8], tail: &[u8]) -> Object {
    let blocks = SIZE / block.len();
    let member = gzip(&[block, separator].concat(), 1);
    let mut bytes = gzip(head, 1);
    for _ in 0..blocks {
        bytes.extend_from_slice(&member);
    }
    bytes.extend(gzip(&[block, tail].concat(), 1));
    let size = head.len() + blocks * (block.len() + separator.len()) + block.len() + tail.len();
    Object { bytes, size, events: (blocks as u64 + 1) * events }
}

fn records() -> Result<Object> {
    const EVENTS: usize = 6000;
    let mut rng = fastrand::Rng::with_seed(7);
    let origin = Origin::new("111122223333", "eu-west-1", "2026-01-15T12:00:00Z".parse()?);
    let document = cloudtrail::object(&mut rng, &origin, 0, EVENTS);
    let (head, tail) = (b"{\"Records\":[", b"]}");
    let records = &document[head.len()..document.len() - tail.len()];
    Ok(repeated(head, records, EVENTS as u64, b",", tail))
}

fn lines() -> Result<Object> {
    const EVENTS: usize = 60_000;
    let mut rng = fastrand::Rng::with_seed(7);
    let origin = Origin::new("111122223333", "eu-west-1", "2026-01-15T12:00:00Z".parse()?);
    let content = vpcflow::object(&mut rng, &origin, 0, EVENTS);
    let head = content.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(repeated(head, &content[head.len()..], EVENTS as u64, b"", b""))
}
