//! Audit events from a trail, Umbrella's logs and messages that are events, in moto and in ministack: SQS and S3 as others understand them, not as our own fake does.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, DataResource, EventSelector, ReadWriteType,
};
use jiff::Timestamp;
use quittance_testbed::{
    generate::{Origin, gzip, securityhub, umbrella, voiso},
    sink::Keep,
};
use quittance_tests::{
    Collector, Configuration, Events, Place, Receiver, Suite,
    configuration::audits,
    emulators::{Emulator, Kind, REGION},
    expect, tools, trail,
};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

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
    suite.test_with(tools::moto(), module_path!(), "a_trail_that_records_our_own_reads_is_found_in_moto", |python| {
        recorded_by_a_trail(python)
    });
    suite.test_with(tools::moto(), module_path!(), "umbrella_findings_and_voiso_from_moto", |python| {
        others_from(Kind::Moto, python)
    });
    suite.test_with(tools::ministack(), module_path!(), "umbrella_findings_and_voiso_from_ministack", |python| {
        others_from(Kind::Ministack, python)
    });
}

/// A trail whose data events hold what we read is found by a check, as moto tells it, and only as long as it is so.
async fn recorded_by_a_trail(python: PathBuf) -> Result<()> {
    let emulator = Emulator::start(Kind::Moto, &python).await?;
    emulator.make_trail(BUCKET, QUEUE).await?;
    let place = Place::new()?;
    let receiver = Receiver::start(Keep::Messages, place.pki.server_config()?).await?;
    let mut configuration = Configuration::new(receiver.port, &emulator.endpoint);
    configuration.services = format!("{}\n  buckets: [{BUCKET}]\n", audits(QUEUE, REGION));
    let config = place.write(&configuration)?;
    let trail = &emulator.cloudtrail;
    trail.create_trail().name("all").s3_bucket_name(BUCKET).is_multi_region_trail(true).send().await?;
    assert!(!warned_of_own_reads(&config).await?, "a new trail records no data events");

    let objects = DataResource::builder().r#type("AWS::S3::Object").values("arn:aws:s3").build();
    let reads = EventSelector::builder().read_write_type(ReadWriteType::ReadOnly).data_resources(objects).build();
    trail.put_event_selectors().trail_name("all").event_selectors(reads).send().await?;
    assert!(warned_of_own_reads(&config).await?);

    let field = |name: &str| AdvancedFieldSelector::builder().field(name);
    let without = |bucket: &str| {
        let of_others = field("resources.ARN").not_starts_with(format!("arn:aws:s3:::{bucket}/"));
        let objects = AdvancedEventSelector::builder()
            .name("objects")
            .field_selectors(field("eventCategory").equals("Data").build()?)
            .field_selectors(field("resources.type").equals("AWS::S3::Object").build()?)
            .field_selectors(of_others.build()?);
        anyhow::Ok(trail.put_event_selectors().trail_name("all").advanced_event_selectors(objects.build()?))
    };
    without("another")?.send().await?;
    assert!(warned_of_own_reads(&config).await?);
    without(BUCKET)?.send().await?;
    assert!(!warned_of_own_reads(&config).await?);
    Ok(())
}

/// Whether `quittance check` says that a trail records what is read; it is a warning and no error.
async fn warned_of_own_reads(config: &Path) -> Result<bool> {
    let mut command = Command::new(tools::binary()?);
    command.args(["check", "--config"]).arg(config).env_clear();
    let output = spawn_blocking(move || command.output()).await??;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}");
    Ok(told.contains("SetupError136") && told.contains("trail `all` records reads of bucket `trail`"))
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
    deliver(&emulator, &[queue], &place, &configuration, &receiver, &expected).await
}

/// The services whose messages are events, and Umbrella's objects of every folder, in one collector.
async fn others_from(kind: Kind, python: PathBuf) -> Result<()> {
    let emulator = Emulator::start(kind, &python).await?;
    let queues = [
        emulator.make_trail("umbrella", "umbrella-objects").await?,
        emulator.make_queue("findings").await?,
        emulator.make_queue("security").await?,
    ];
    let place = Place::new()?;
    let receiver = Receiver::start(Keep::Messages, place.pki.server_config()?).await?;
    let mut configuration = Configuration::new(receiver.port, &emulator.endpoint);
    configuration.services = [
        expect::umbrella_section("umbrella-objects", REGION),
        expect::securityhub_section("findings", REGION),
        expect::voiso_section("security", REGION),
    ]
    .concat();

    let mut rng = fastrand::Rng::with_seed(3);
    let time: Timestamp = "2026-01-15T12:00:00Z".parse()?;
    let origin = Origin::any(&mut rng, time);
    let mut expected = Events::default();
    for log in umbrella::Log::ALL {
        let key = umbrella::key(&mut rng, &origin, log);
        let content = umbrella::object(&mut rng, &origin, log, 0, 40);
        expected.extend(expect::umbrella(&key, &content)?);
        emulator.put("umbrella", &key, gzip(&content, 6)).await?;
    }
    for n in 0..5 {
        let message = securityhub::message(&mut rng, &origin, n * 20, 1 + n * 4);
        expected.extend(expect::securityhub(message.as_bytes(), REGION)?);
        emulator.send(&queues[1], &message).await?;
        let event = voiso::event(&mut rng, &origin, n);
        expected.extend(expect::voiso(event.as_bytes())?);
        emulator.send(&queues[2], &event).await?;
    }
    assert_eq!(expected.count(), 7 * 40 + 45 + 5);
    deliver(&emulator, &queues, &place, &configuration, &receiver, &expected).await
}

/// Runs a collector until the queues are empty, and checks that everything arrived exactly once.
pub(crate) async fn deliver(
    emulator: &Emulator,
    queues: &[String],
    place: &Place,
    configuration: &Configuration,
    receiver: &Receiver,
    expected: &Events,
) -> Result<()> {
    let mut collector = Collector::start(&place.write(configuration)?)?;
    let end = Instant::now() + Duration::from_secs(60);
    for queue in queues {
        while emulator.messages(queue).await? > 0 {
            collector.assert_running();
            let state = receiver.totals();
            assert!(Instant::now() < end, "not empty: {queue}; receiver: {state:?}, expected: {}", expected.count());
            sleep(Duration::from_millis(50)).await;
        }
    }
    expected.verdict(&Events::arrived_at(receiver)).assert_exact();
    collector.stop().await
}
