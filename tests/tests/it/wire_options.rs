//! How events travel: framed by lines or by lengths, plain or compressed; what arrives is the same.

use anyhow::Result;
use quittance_testbed::aws::ACCOUNT;
use quittance_tests::{
    Scene, Suite,
    cloud::{QUEUE, REGION},
    tests,
};

/// Bodies that are no JSON, and so are events as they stand; newlines in every place where one may do harm.
const BODIES: [&str; 9] = [
    "one line",
    "two\nlines",
    "three\n\nlines, one of them empty",
    "ends in a newline\n",
    "\nbegins with one",
    "carriage\r\nreturn",
    "what looks like a frame:\n<14>Jan  1 00:00:00 host a.tag: forged",
    "a count:\n12 <14>Jan  1 ",
    "a backslash and an n: \\n, and a newline:\nend",
];

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; newlines_counted_by_default, newlines_escaped, newlines_escaped_when_compressed, compressed);
}

async fn newlines_counted_by_default() -> Result<()> {
    newlines("", str::to_owned).await
}

async fn newlines_escaped() -> Result<()> {
    newlines("newline: escape", escaped).await
}

async fn newlines_escaped_when_compressed() -> Result<()> {
    newlines("compression: true\nnewline: octet_counted", escaped).await
}

fn escaped(body: &str) -> String {
    body.replace('\n', "\\n")
}

async fn newlines(options: &str, arrives: fn(&str) -> String) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.output = options.to_owned();
    scene.configuration.services =
        format!("service-events-all:\n  cloudwatch_sqs_queue_name: {QUEUE}\n  regions: [{REGION}]");
    for body in BODIES {
        scene.cloud.send(QUEUE, body);
        scene.expected.add(format!("cloud.aws.cloudwatch.events.{ACCOUNT}.{REGION}"), arrives(body));
    }
    deliver(scene).await
}

/// Compression shows in what travels, and in nothing that arrives.
async fn compressed() -> Result<()> {
    let mut received = Vec::new();
    for options in ["compression: false", "compression: true"] {
        let mut scene = Scene::usual().await?;
        scene.configuration.output = options.to_owned();
        scene.configuration.max_bytes = Some(128 << 10);
        scene.write(20, 100)?;
        let (receiver, bytes) = ((*scene.receiver).clone(), scene.expected.bytes());
        deliver(scene).await?;
        let totals = receiver.totals();
        assert_eq!((totals.bytes, totals.torn), (bytes, 0));
        received.push(totals.received);
    }
    assert!(received[1] * 3 < received[0], "bytes that travelled, plain and compressed: {received:?}");
    Ok(())
}

async fn deliver(scene: Scene) -> Result<()> {
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    assert_eq!(scene.receiver.totals().events, scene.expected.count());
    scene.assert_source_unharmed();
    collector.stop().await
}
