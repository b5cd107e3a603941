//! The loads.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::{
    aws::ACCOUNT,
    generate::{Origin, cloudtrail, gzip, logs, voiso},
};
use quittance_tests::{
    cloud::{QUEUE, REGION},
    configuration::audits,
    expect,
};

use super::scene::{SILENT, Scene};
use crate::{
    aws::AwsOrder,
    clock::now,
    load::{CALLS, GROUP},
};

/// Where CloudTrail writes.
const TRAIL: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/15/";

/// Where flow logs are written.
const FLOW: &str = "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/01/15/";

/// The first line of a file of flow logs, and any other.
const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
const LINE: &str =
    "2 111122223333 eni-0a1b2c3d 10.0.0.1 10.0.0.2 443 49152 6 10 8400 1768478400 1768478460 ACCEPT OK\n";

/// What is compressed at a time, and repeated.
const MEMBER: usize = 16 << 20;

/// The most messages that wait at a queue where they are sent as fast as they are read.
const WAITING: u64 = 20_000;

pub(super) fn trail() -> String {
    audits(QUEUE, REGION)
}

pub(super) fn flow_logs() -> String {
    format!(
        "non-cloudwatch-logs:\n  types: [vpcflowlogs]\n  vpcflowlogs_sqs_queue_name: {QUEUE}\n  regions: [{REGION}]"
    )
}

/// One for each engine.
pub(super) fn every_source() -> String {
    let start = Timestamp::now() - SignedDuration::from_mins(30);
    let api = format!(
        "cwl_1:\n  types: [logs]\n  log_groups: [{GROUP}]\n  regions: [{REGION}]\n  request_period_in_seconds: 5\n  \
         start_time: {start:.0}"
    );
    format!("{}\n{}\n{api}", trail().trim_end(), expect::voiso_section(CALLS, REGION).trim_end())
}

/// Every second something new, in every source.
pub(super) fn steady(scene: &mut Scene) -> Result<()> {
    const EVENTS: u64 = 100;
    let mut rng = fastrand::Rng::with_seed(3);
    let end = now() + scene.lasts;
    let mut second = 0_u64;
    while now() < end {
        let origin = Origin::new(ACCOUNT, REGION, Timestamp::now());
        let object = gzip(&cloudtrail::object(&mut rng, &origin, second * EVENTS, EVENTS as usize), 1);
        scene.put(TRAIL, second * 10..second * 10 + 10, &object, EVENTS)?;
        let calls: Vec<String> = (0..50).map(|n| voiso::event(&mut rng, &origin, second * 50 + n)).collect();
        scene.send(CALLS, calls)?;
        let at = Timestamp::now().as_millisecond();
        let lines = (0..50).map(|n| (at, logs::message(&mut rng, &origin, second * 50 + n))).collect();
        scene.order(&AwsOrder::Log { group: GROUP.to_owned(), events: lines })?;
        scene.expected += 100;
        second += 1;
        scene.pass(Duration::from_secs(1))?;
    }
    scene.drain()
}

/// The receiver reads a hundredth of what it has just read at full speed, and there is always more for it.
pub(super) fn slow_receiver(scene: &mut Scene) -> Result<()> {
    const EVENTS: u64 = 20_000;
    const AT_FULL_SPEED: u64 = 16;
    let mut rng = fastrand::Rng::with_seed(3);
    let origin = Origin::new(ACCOUNT, REGION, Timestamp::now());
    let document = cloudtrail::object(&mut rng, &origin, 0, EVENTS as usize);
    let (object, size) = (gzip(&document, 1), document.len() as u64);
    let started = now();
    scene.put(TRAIL, 0..AT_FULL_SPEED, &object, EVENTS)?;
    scene.drain()?;
    let full = (AT_FULL_SPEED * size) as f64 / (now() - started).as_secs_f64();
    let rate = (full / 100.0) as u64;
    scene.receiver_reads(Some(rate))?;
    let backlog = (rate as f64 * scene.lasts.as_secs_f64() / size as f64) as u64 + 2 * AT_FULL_SPEED;
    scene.put(TRAIL, AT_FULL_SPEED..AT_FULL_SPEED + backlog, &object, EVENTS)?;
    scene.pass(scene.lasts)?;
    ensure!(scene.waiting()? > 0, "the backlog came to an end while the receiver was slow");
    scene.receiver_reads(None)?;
    scene.drain()
}

/// One line that is enormous, between two as ever.
pub(super) fn gzip_bomb(scene: &mut Scene) -> Result<()> {
    let line = vec![b'a'; MEMBER];
    let head = format!("{HEADER}{LINE}");
    let object = enormous(head.as_bytes(), &line, scene.scaled(640), format!("\n{LINE}").as_bytes());
    scene.put(FLOW, 0..1, &object, 2)?;
    scene.drain()
}

/// One record that is enormous, between two as ever.
pub(super) fn long_value(scene: &mut Scene) -> Result<()> {
    let value = vec![b'a'; MEMBER];
    let object = enormous(br#"{"Records":[{"a":1},{"b":""#, &value, scene.scaled(256), br#""},{"c":3}]}"#);
    scene.put(TRAIL, 0..1, &object, 2)?;
    scene.drain()
}

/// One record that nests deeper than anything can follow, between two as ever.
pub(super) fn deep_json(scene: &mut Scene) -> Result<()> {
    let members = scene.scaled(8);
    let mut object = enormous(br#"{"Records":[{"a":1},{"b":"#, &vec![b'['; MEMBER], members, b"");
    object.extend(enormous(b"", &vec![b']'; MEMBER], members, br#"},{"c":3}]}"#));
    scene.put(TRAIL, 0..1, &object, 2)?;
    scene.drain()
}

/// One message that announces very many objects, in CloudTrail's own shape.
pub(super) fn many_entries(scene: &mut Scene) -> Result<()> {
    let count = scene.scaled(100_000);
    let object = gzip(br#"{"Records":[{"a":1}]}"#, 1);
    scene.put_into(SILENT, "o", 0..count, &object, 1)?;
    let keys: Vec<String> = (0..count).map(|number| format!("\"o{number}\"")).collect();
    let body = format!(r#"{{"s3Bucket":"{SILENT}","s3ObjectKey":[{}]}}"#, keys.join(","));
    scene.send(QUEUE, vec![body])?;
    scene.drain()
}

/// Very many objects, each announced in a message of its own.
pub(super) fn small_objects(scene: &mut Scene) -> Result<()> {
    const AT_A_TIME: u64 = 2_000;
    let object = gzip(format!("{HEADER}{LINE}").as_bytes(), 1);
    let (mut sent, count) = (0, scene.scaled(1_000_000));
    while sent < count {
        let end = count.min(sent + AT_A_TIME);
        scene.put(FLOW, sent..end, &object, 1)?;
        sent = end;
        while scene.waiting()? > WAITING {
            scene.pass(Duration::from_millis(100))?;
        }
    }
    scene.drain()
}

/// Compressed once and repeated: a gzip file may have many members, which inflate to one text.
fn enormous(head: &[u8], block: &[u8], blocks: u64, tail: &[u8]) -> Vec<u8> {
    let member = gzip(block, 9);
    let mut bytes = gzip(head, 1);
    for _ in 0..blocks {
        bytes.extend_from_slice(&member);
    }
    bytes.extend(gzip(tail, 1));
    bytes
}
