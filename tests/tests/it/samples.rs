//! Real logs of AWS services: as many events arrive as independent tools count, each byte for byte, with its tag.

use std::path::PathBuf;

use anyhow::{Context, Result};
use quittance_testbed::aws::ACCOUNT;
use quittance_tests::{
    Collector, Events, Scene, Suite,
    cloud::{BUCKET, QUEUE, REGION},
    expect,
    raw_json::compact,
    samples::{Sample, of_kind},
    tools, trail,
};
use serde_json::Value;

pub(crate) fn add(suite: &mut Suite) {
    let folder = tools::samples();
    let mut add = |name, kind: &'static str| {
        suite.test_with(folder.clone(), module_path!(), name, move |folder| audits(folder, kind));
    };
    add("cloudtrail", "cloudtrail");
    add("cloudtrail_insights", "cloudtrail-insight");
    suite.test_with(folder.clone(), module_path!(), "cloudtrail_digests_hold_no_event", digests);
    suite.test_with(folder.clone(), module_path!(), "vpcflow", vpcflow);
    suite.test_with(folder.clone(), module_path!(), "cloudfront", cloudfront);
    suite.test_with(folder.clone(), module_path!(), "eventbridge", eventbridge);
    suite.test_with(folder.clone(), module_path!(), "securityhub", securityhub);
    suite.test_with(folder.clone(), module_path!(), "umbrella", umbrella);
    suite.test_with(folder, module_path!(), "voiso", voiso);
}

/// Every sample of a kind that a trail writes.
async fn audits(folder: PathBuf, kind: &str) -> Result<()> {
    let mut scene = Scene::usual().await?;
    for sample in of_kind(&folder, kind)? {
        let key = format!("AWSLogs/111122223333/CloudTrail/us-east-1/2023/07/10/{}", sample.name);
        let events = trail::expect(&sample.content()?, &key).with_context(|| sample.name.clone())?;
        assert_eq!(events.count(), sample.events, "events of {}", sample.name);
        scene.expected.extend(events);
        put(&scene, &key, &sample)?;
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

/// Told by its key, and by its content where the key does not tell.
async fn digests(folder: PathBuf) -> Result<()> {
    let scene = Scene::usual().await?;
    for sample in of_kind(&folder, "cloudtrail-digest")? {
        assert_eq!(sample.events, 0);
        for kind in ["CloudTrail-Digest", "CloudTrail"] {
            put(&scene, &format!("AWSLogs/111122223333/{kind}/us-east-1/2023/07/10/{}", sample.name), &sample)?;
        }
    }
    let collector = deliver(&scene).await?;
    assert_eq!(scene.receiver.totals().events, 0);
    collector.stop().await
}

async fn vpcflow(folder: PathBuf) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.services = s3_logs("vpcflowlogs");
    for sample in of_kind(&folder, "vpcflow")? {
        // The first line names the columns.
        let lines = lines(&sample, 1)?;
        lines.for_each(|line| scene.expected.add("cloud.aws.vpc.flow.444455556666.us-west-2", line));
        put(&scene, &format!("AWSLogs/444455556666/vpcflowlogs/us-west-2/2026/01/15/{}", sample.name), &sample)?;
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

async fn cloudfront(folder: PathBuf) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.services = s3_logs("cloudfront");
    for sample in of_kind(&folder, "cloudfront")? {
        let tag = format!("web.aws.cloudfront.accessW3c.{ACCOUNT}.{REGION}");
        let lines = lines(&sample, 0)?;
        lines.for_each(|line| scene.expected.add(&*tag, line));
        put(&scene, &format!("cdn/{}", sample.name), &sample)?;
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

fn s3_logs(log: &str) -> String {
    format!("non-cloudwatch-logs:\n  types: [{log}]\n  {log}_sqs_queue_name: {QUEUE}\n  regions: [{REGION}]")
}

/// The lines of a sample without those that begin with `#`, and without the first few: as many as were counted.
fn lines(sample: &Sample, skip: usize) -> Result<impl Iterator<Item = Vec<u8>>> {
    let content = sample.content()?;
    let lines = content.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    let lines: Vec<Vec<u8>> = lines.skip(skip).map(<[u8]>::to_vec).collect();
    assert_eq!(lines.len() as u64, sample.events, "events of {}", sample.name);
    Ok(lines.into_iter())
}

/// Each file is a message's body, and that is the event.
async fn eventbridge(folder: PathBuf) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.services = format!(
        "service-events-all:\n  cloudwatch_sqs_queue_name: {QUEUE}\n  auto_event_type: true\n  regions: [{REGION}]"
    );
    for sample in of_kind(&folder, "eventbridge")? {
        let body = String::from_utf8(sample.content()?)?;
        let value: Value = serde_json::from_str(&body)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let tag = format!(
            "cloud.aws.cloudwatch.{}.{}.{}",
            // Where a rule passes the detail alone, it is CloudTrail's record.
            match (text("source"), text("eventSource")) {
                (Some(source), _) => source.trim_start_matches("aws."),
                (None, source) => source.map_or("events", |source| source.trim_end_matches(".amazonaws.com")),
            },
            text("account").or(text("recipientAccountId")).unwrap_or(ACCOUNT),
            text("region").or(text("awsRegion")).unwrap_or(REGION),
        );
        scene.expected.add(tag, compact(body.as_bytes()));
        scene.cloud.send(QUEUE, body);
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

/// Each file is a message's body: an envelope around findings, or a finding.
async fn securityhub(folder: PathBuf) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.services = expect::securityhub_section(QUEUE, REGION);
    for sample in of_kind(&folder, "securityhub")? {
        let body = String::from_utf8(sample.content()?)?;
        let events = expect::securityhub(body.as_bytes(), REGION)?;
        assert_eq!(events.count(), sample.events, "events of {}", sample.name);
        scene.expected.extend(events);
        scene.cloud.send(QUEUE, body);
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

/// Each file stands below its folder, as in a real bucket.
async fn umbrella(folder: PathBuf) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.services = expect::umbrella_section(QUEUE, REGION);
    for sample in of_kind(&folder, "umbrella")? {
        let key = format!("8234970_0a1b2c3d/{}", sample.name);
        let events = expect::umbrella(&key, &sample.content()?)?;
        assert_eq!(events.count(), sample.events, "events of {}", sample.name);
        scene.expected.extend(events);
        put(&scene, &key, &sample)?;
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

/// Each line of a file is a message's body, and that is the event.
async fn voiso(folder: PathBuf) -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.services = expect::voiso_section(QUEUE, REGION);
    for sample in of_kind(&folder, "voiso")? {
        let content = String::from_utf8(sample.content()?)?;
        let mut events = Events::default();
        for body in content.lines().filter(|line| !line.is_empty()) {
            events.extend(expect::voiso(body.as_bytes())?);
            scene.cloud.send(QUEUE, body);
        }
        assert_eq!(events.count(), sample.events, "events of {}", sample.name);
        scene.expected.extend(events);
    }
    let collector = deliver(&scene).await?;
    collector.stop().await
}

fn put(scene: &Scene, key: &str, sample: &Sample) -> Result<()> {
    scene.cloud.put_object(BUCKET, key, sample.stored()?);
    Ok(())
}

/// Runs a collector until the source is empty, and checks that everything arrived exactly once.
async fn deliver(scene: &Scene) -> Result<Collector> {
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    assert_eq!(scene.receiver.totals().events, scene.expected.count());
    let messages = scene.receiver.messages();
    assert!(messages.iter().all(|(_, message)| !message.contains(&b'\n')), "an event on more than one line");
    scene.assert_source_unharmed();
    Ok(collector)
}
