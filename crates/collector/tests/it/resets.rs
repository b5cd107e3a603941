//! `reset_persistence_auth`: a unit whose word has changed begins anew, once.

use std::sync::Arc;

use quittance_collector::{Collector, CollectorError, Config, Parts};
use quittance_core::{Change, Record, Store, World};
use quittance_devo::{Handshakes, TcpDial};
use quittance_testbed::{aws::FakeAws, store::MemoryStore};
use tokio_util::sync::CancellationToken;

use crate::support::check;

const AUDITS: &str = "aws/10001/audit-events-all/audits_s3/us-east-1/trail";
const EVENTS: &str = "aws/10001/service-events-all/us-east-1/events";

fn yaml(audits: &str) -> String {
    format!(
        "
globals: {{id: one, name: resets}}
outputs:
  screen: {{type: console, config: {{}}}}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials: {{access_key: AKIATEST, access_secret: secret}}
    services:
      audit-events-all: {{types: [audits_s3], audit_sqs_queue_name: trail, regions: [us-east-1]{audits}}}
      service-events-all: {{cloudwatch_sqs_queue_name: events, regions: [us-east-1]}}
"
    )
}

/// What a start does with a state.
async fn start(store: &Arc<MemoryStore>, audits: &str) -> Result<(), CollectorError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, yaml(audits)).unwrap();
    let parts = Parts {
        world: World::system(),
        http: Some(FakeAws::new(1).http_client()),
        dial: Arc::new(TcpDial::default()),
        handshakes: Handshakes::default(),
        store: store.clone(),
        messages: None,
    };
    Collector::build(Config::load(&path)?, parts, CancellationToken::new()).await.map(drop)
}

/// Both units have come as far as one checkpoint and one event.
async fn remember(store: &MemoryStore) {
    for unit in [AUDITS, EVENTS] {
        let changes = vec![
            Change::Checkpoint { cursor: "cursor".to_owned(), value: "far".to_owned() },
            Change::Remember { cursor: "cursor".to_owned(), hour: 9, ids: vec![1] },
        ];
        store.commit(store.fence(), unit, changes).await.unwrap();
        store.save(store.fence(), unit, Record::Progress, "message", "a mark").await.unwrap();
    }
}

async fn is_remembered(store: &MemoryStore, unit: &str) -> bool {
    let checkpoint = store.load(unit, Record::Checkpoint, "cursor").await.unwrap();
    let hours = store.remembered_hours(unit, "cursor").await.unwrap();
    assert_eq!(checkpoint.is_some(), !hours.is_empty(), "half forgotten");
    assert!(store.load(unit, Record::Progress, "message").await.unwrap().is_some(), "a mark is gone");
    checkpoint.is_some()
}

#[tokio::test]
async fn without_the_key_nothing_is_forgotten() {
    let store = Arc::default();
    remember(&store).await;
    start(&store, "").await.unwrap();
    assert!(is_remembered(&store, AUDITS).await && is_remembered(&store, EVENTS).await);
}

#[tokio::test]
async fn a_new_word_resets_the_units_of_its_service_once() {
    let store = Arc::default();
    for word in [", reset_persistence_auth: once", ", reset_persistence_auth: 2"] {
        remember(&store).await;
        start(&store, word).await.unwrap();
        assert!(!is_remembered(&store, AUDITS).await, "{word}");
        assert!(is_remembered(&store, EVENTS).await, "another service was reset");
        remember(&store).await;
        start(&store, word).await.unwrap();
        assert!(is_remembered(&store, AUDITS).await, "the same word has reset again: {word}");
    }
    start(&store, "").await.unwrap();
    start(&store, ", reset_persistence_auth: 2").await.unwrap();
    assert!(is_remembered(&store, AUDITS).await, "a key that was left out for a while has reset");
}

#[tokio::test]
async fn a_state_that_cannot_be_written_ends_the_start() {
    let store: Arc<MemoryStore> = Arc::default();
    store.set_failing(true);
    let error = start(&store, ", reset_persistence_auth: once").await.err().unwrap();
    assert!(error.to_string().contains(AUDITS), "{error}");
    store.set_failing(false);
    start(&store, ", reset_persistence_auth: once").await.unwrap();
}

/// Their units are known only when AWS was asked for the accounts.
#[tokio::test(start_paused = true)]
async fn the_units_of_an_organization_are_reset_too() {
    let unit = |account: &str| format!("aws/10001/{account}/service-events-all/us-east-1/events");
    let aws = FakeAws::new(1);
    let accounts = ["000000000101", "000000000102"];
    accounts.iter().for_each(|account| aws.add_member(*account, true));
    let store: Arc<MemoryStore> = Arc::default();
    let far = || Change::Checkpoint { cursor: "cursor".to_owned(), value: "far".to_owned() };
    for account in accounts {
        store.commit(store.fence(), &unit(account), vec![far()]).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let yaml = "
globals: {id: one, name: resets}
outputs:
  screen: {type: console, config: {}}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials: {access_key: AKIATEST, access_secret: secret}
    accounts: {role: 'arn:aws:iam::{account}:role/quittance', organization: true}
    services:
      service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1], reset_persistence_auth: once}
";
    std::fs::write(&path, yaml).unwrap();
    let stop = CancellationToken::new();
    let parts = Parts {
        world: World::system(),
        http: Some(aws.http_client()),
        dial: Arc::new(TcpDial::default()),
        handshakes: Handshakes::default(),
        store: store.clone(),
        messages: None,
    };
    let collector = Collector::build(Config::load(&path).unwrap(), parts, stop.clone()).await.unwrap();
    let running = tokio::spawn(collector.run());
    for _ in 0..600 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if store.load(&unit(accounts[1]), Record::Reset, "").await.unwrap().is_some() {
            break;
        }
    }
    for account in accounts {
        assert_eq!(store.load(&unit(account), Record::Reset, "").await.unwrap().as_deref(), Some("once"), "{account}");
        assert_eq!(store.load(&unit(account), Record::Checkpoint, "cursor").await.unwrap(), None, "{account}");
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[test]
fn every_service_has_the_key_and_says_what_is_wrong_with_it() {
    check(&yaml(", reset_persistence_auth: once"), &[]);
    check(
        &yaml(", reset_persistence_auth: [once]"),
        &["11:97: error: inputs.aws.services.audit-events-all.reset_persistence_auth: expected text, found a list \
           (for example `reset_persistence_auth: 2026-01-15`)"],
    );
    let schema = quittance_collector::config::schema();
    for service in quittance_collector::catalogue() {
        let section = &schema["$defs"]["Input"]["properties"]["services"]["properties"][service.name()];
        let defined = section["$ref"].as_str().and_then(|reference| schema.pointer(reference.strip_prefix('#')?));
        let keys = &defined.unwrap_or(section)["properties"];
        assert!(keys["reset_persistence_auth"]["description"].is_string(), "{}: {keys}", service.name());
    }
}
