//! Audit events from a trail in moto and in ministack: SQS and S3 as others understand them, not as our own fake does.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use quittance_testbed::sink::Keep;
use quittance_tests::{
    Collector, Configuration, Events, Place, Receiver, Suite,
    configuration::audits,
    emulators::{Emulator, Kind, REGION},
    tools, trail,
};
use tokio::time::{Instant, sleep};

const BUCKET: &str = "trail";
const QUEUE: &str = "trail-events";

/// Keys that a notification must encode, and its reader decode, exactly once.
const KEYS: [&str; 6] = [
    "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/15/plain.json.gz",
    "with spaces/and more  of them.json.gz",
    "plus+plus/a+b=c&d.json.gz",
    "percent%20is/100%25.json.gz",
    "größe/日本/\u{1f680}.json.gz",
    "quotes'(and)!*;:@$,.json.gz",
];

/// moto copies its whole queue for every message received: short queues only.
const OBJECTS: usize = 12;

pub(crate) fn add(suite: &mut Suite) {
    suite.test_with(tools::moto(), module_path!(), "audits_from_moto", |python| from(Kind::Moto, python));
    suite
        .test_with(tools::ministack(), module_path!(), "audits_from_ministack", |python| from(Kind::Ministack, python));
}

async fn from(kind: Kind, python: PathBuf) -> Result<()> {
    let emulator = Emulator::start(kind, &python).await?;
    let queue = emulator.make_trail(BUCKET, QUEUE).await?;
    let place = Place::new()?;
    let receiver = Receiver::start(Keep::Messages, place.pki.server_config()?).await?;
    let mut configuration = Configuration::new(receiver.port, &emulator.endpoint);
    configuration.services = audits(QUEUE, REGION);

    let mut rng = fastrand::Rng::with_seed(3);
    let mut expected = Events::default();
    for index in 0..OBJECTS {
        let object = trail::generate(&mut rng, index as u64 * 100, 40)?;
        let key = KEYS.get(index).map_or(object.key, |key| (*key).to_owned());
        expected.extend(object.events);
        emulator.put(BUCKET, &key, object.bytes).await?;
    }
    let mut collector = Collector::start(&place.write(&configuration)?)?;
    let end = Instant::now() + Duration::from_secs(60);
    while emulator.messages(&queue).await? > 0 {
        collector.assert_running();
        let state = receiver.totals();
        assert!(Instant::now() < end, "the queue is not empty; receiver: {state:?}, expected: {}", expected.count());
        sleep(Duration::from_millis(50)).await;
    }
    expected.verdict(&Events::arrived_at(&receiver)).assert_exact();
    collector.stop().await
}
