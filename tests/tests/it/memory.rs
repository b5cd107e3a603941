//! A very large object needs no more memory than a small one.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::{
    generate::{Origin, cloudtrail, gzip},
    sink::Keep,
};
use quittance_tests::{Options, Scene, Suite, cloud::BUCKET};
use tokio::time::Instant;

/// The object's size once inflated, at least.
const SIZE: usize = 1 << 30;

/// The most memory that the collector may have resident at any time.
const MOST: u64 = 96 << 20;

pub(crate) fn add(suite: &mut Suite) {
    suite.test_alone(module_path!(), "one_gibibyte_in_one_object", one_gibibyte_in_one_object);
}

/// One document on one line, as CloudTrail writes it. Slow: it moves a gibibyte.
async fn one_gibibyte_in_one_object() -> Result<()> {
    let mut scene = Scene::new(Options { keep: Keep::Nothing, ..Options::default() }).await?;
    scene.configuration.interval = "1s";
    let (object, size, events) = object()?;
    println!("memory: an object of {} MiB, {} MiB compressed, {events} events", size >> 20, object.len() >> 20);
    scene.cloud.put_object(BUCKET, "AWSLogs/111122223333/CloudTrail/eu-west-1/large.json.gz", object);
    let started = Instant::now();
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    let peak = collector.peak_memory()?;
    let took = started.elapsed();
    println!(
        "memory: delivered in {took:.1?} ({:.0} MiB/s); peak resident memory {:.1} MiB",
        (size >> 20) as f64 / took.as_secs_f64(),
        peak as f64 / f64::from(1 << 20)
    );
    let totals = scene.receiver.totals();
    assert_eq!((totals.events, totals.malformed, totals.torn), (events, 0, 0));
    assert!(took < Duration::from_secs(60), "took {took:?}");
    assert!(peak <= MOST, "{peak} bytes resident");
    scene.assert_source_unharmed();
    collector.stop().await
}

/// Compressed once and repeated: a gzip file may have many members, which inflate to one text.
fn object() -> Result<(Vec<u8>, usize, u64)> {
    const EVENTS: usize = 6000;
    let mut rng = fastrand::Rng::with_seed(7);
    let origin = Origin::new("111122223333", "eu-west-1", "2026-01-15T12:00:00Z".parse()?);
    let document = cloudtrail::object(&mut rng, &origin, 0, EVENTS);
    let (head, tail) = (b"{\"Records\":[", b"]}");
    let records = &document[head.len()..document.len() - tail.len()];
    let block = gzip(&[records, b","].concat(), 1);
    let blocks = SIZE / records.len();
    let mut object = gzip(head, 1);
    for _ in 0..blocks {
        object.extend_from_slice(&block);
    }
    object.extend(gzip(&[records, tail].concat(), 1));
    Ok((object, head.len() + (blocks + 1) * (records.len() + 1) + 1, (blocks as u64 + 1) * EVENTS as u64))
}
